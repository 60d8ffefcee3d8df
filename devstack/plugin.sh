#!/usr/bin/env bash
#
# DevStack plugin of nova-cinder-failover: cinder-volume reports failovers,
# nova-compute-failover runs in the place of nova-compute, and the engine
# beside them.

# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

FAILOVER_XTRACE=$(set +o | grep xtrace)
set +o xtrace

FAILOVER_VOLUME_MANAGER=cinder_failover_hooks.manager.FailoverVolumeManager


# Only the extras of the services of this node: another one would bring a
# released Nova or Cinder from PyPI.
function install_failover {
    local extras=""
    if is_service_enabled n-cpu || is_service_enabled failover-engine; then
        extras=nova
    fi
    if is_service_enabled c-vol; then
        extras=${extras:+$extras,}cinder
    fi
    setup_develop $NOVA_CINDER_FAILOVER_DIR $extras
}


# Both ends are told the same bus, whatever the services use for themselves.
function configure_failover_volume {
    iniset $CINDER_CONF DEFAULT volume_manager $FAILOVER_VOLUME_MANAGER
    iniset $CINDER_CONF oslo_messaging_notifications transport_url \
        "$(get_notification_url)"
}


function configure_failover_engine {
    iniset $NOVA_CONF failover_engine transport_url "$(get_notification_url)"
}


# The names that lib/nova gives to the units of nova-compute.
function failover_compute_services {
    local number
    if [[ "$VIRT_DRIVER" == "fake" ]]; then
        for number in $(seq 1 $NUMBER_FAKE_NOVA_COMPUTE); do
            echo n-cpu-$number
        done
    else
        echo n-cpu
    fi
}


function failover_drop_in {
    echo "$SYSTEMD_DIR/devstack@$1.service.d/failover.conf"
}


# lib/nova writes and starts the units after this; what a drop-in says counts
# more than what they say.
function configure_failover_compute {
    local service
    local command
    local file
    # nova-cpu.conf will be a copy of nova.conf. Recovery needs credentials of
    # its own, which lib/nova only sets where Cinder runs too.
    if ! is_service_enabled cinder; then
        configure_cinder_access
    fi
    for service in $(failover_compute_services); do
        command="$NOVA_BIN_DIR/nova-compute-failover"
        command+=" --config-file $NOVA_CPU_CONF"
        if [[ "$VIRT_DRIVER" == "fake" ]]; then
            command+=" --config-file $NOVA_FAKE_CONF-${service#n-cpu-}"
        fi
        file=$(failover_drop_in $service)
        sudo mkdir -p "$(dirname $file)"
        printf '[Service]\nExecStart=\nExecStart=%s\n' "$command" |
            sudo tee $file > /dev/null
    done
    $SYSTEMCTL daemon-reload
}


function start_failover {
    run_process failover-engine \
        "$NOVA_BIN_DIR/nova-failover-engine --config-file $NOVA_CONF"
}


# The next stack.sh may be one without this plugin.
function cleanup_failover {
    local service
    local file
    for service in $(failover_compute_services); do
        file=$(failover_drop_in $service)
        if [[ -e $file ]]; then
            sudo rm -f $file
            sudo rmdir "$(dirname $file)"
        fi
    done
    $SYSTEMCTL daemon-reload
}


if [[ "$1" == "stack" && "$2" == "install" ]]; then
    echo_summary "Installing nova-cinder-failover"
    install_failover
elif [[ "$1" == "stack" && "$2" == "post-config" ]]; then
    echo_summary "Configuring nova-cinder-failover"
    if is_service_enabled c-vol; then
        configure_failover_volume
    fi
    if is_service_enabled failover-engine; then
        configure_failover_engine
    fi
    if is_service_enabled n-cpu; then
        configure_failover_compute
    fi
elif [[ "$1" == "stack" && "$2" == "extra" ]]; then
    if is_service_enabled failover-engine; then
        echo_summary "Starting nova-failover-engine"
        start_failover
    fi
elif [[ "$1" == "unstack" ]]; then
    stop_process failover-engine
    cleanup_failover
elif [[ "$1" == "clean" ]]; then
    cleanup_failover
fi

$FAILOVER_XTRACE

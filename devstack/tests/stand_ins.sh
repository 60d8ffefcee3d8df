# Stand-ins for the functions of DevStack that the plugin calls, with what they
# do to files and nothing else. What would touch the machine is written to the
# log $CALLS instead. Sourced by phase.sh.

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

function note {
    echo "$*" >> $CALLS
}


function define_plugin {
    note define_plugin $1
}


function enable_service {
    if [[ ,$DISABLED_SERVICES, != *,$1,* ]]; then
        ENABLED_SERVICES+=,$1
    fi
}


# As DevStack's: cinder stands for any service of it.
function is_service_enabled {
    local service
    for service in "$@"; do
        [[ ,$ENABLED_SERVICES, == *,$service,* ]] && return 0
        [[ $service == cinder && ,$ENABLED_SERVICES == *,c-* ]] && return 0
    done
    return 1
}


# iniset [-sudo] FILE SECTION OPTION VALUE: replace the option, or put it at
# the head of the section; make what is missing.
function iniset {
    [[ $1 == -sudo ]] && shift
    local file=$1
    local section=$2
    local option=$3
    # DevStack lets echo have it unquoted.
    local value
    value=$(echo $4)
    touch $file
    if ! grep -q "^\[$section\]" $file; then
        printf '\n[%s]\n' $section >> $file
    fi
    awk -v section="[$section]" -v option="$option" -v value="$value" '
        /^\[/ { inside = ($0 == section) }
        inside && $1 == option { next }
        { print }
        $0 == section { print option " = " value }
    ' $file > $file.new
    mv $file.new $file
}


function configure_cinder_access {
    iniset $NOVA_CONF cinder auth_type password
    iniset $NOVA_CONF cinder username nova
}


function get_notification_url {
    echo "rabbit://stackrabbit:se&ret@192.0.2.1:5672/"
}


function setup_develop {
    note setup_develop "$@"
}


function echo_summary {
    note echo_summary "$@"
}


# As DevStack's, but for what is the same in all units.
function run_process {
    is_service_enabled $1 || return 0
    note run_process "$@"
    iniset -sudo $SYSTEMD_DIR/devstack@$1.service Service ExecStart "$2"
}


function stop_process {
    is_service_enabled $1 || return 0
    note stop_process $1
}


function systemctl_stand_in {
    note systemctl "$@"
}


function sudo {
    "$@"
}

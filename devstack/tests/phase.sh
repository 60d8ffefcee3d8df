#!/usr/bin/env bash
# Call the plugin as DevStack does: phase.sh MODE [PHASE]. The variables are
# those of DevStack, with their folders below $STAND.

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

# DevStack sets the first; the second finds variables that it does not have.
set -o errexit
set -o nounset

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CALLS=$STAND/calls
DEST=$STAND/opt
SYSTEMD_DIR=$STAND/systemd
SYSTEMCTL=systemctl_stand_in
NOVA_CONF=$STAND/nova.conf
NOVA_CPU_CONF=$STAND/nova-cpu.conf
NOVA_FAKE_CONF=$STAND/nova-fake.conf
NOVA_BIN_DIR=/opt/stack/data/venv/bin
CINDER_CONF=$STAND/cinder.conf
mkdir -p $SYSTEMD_DIR

source $HERE/tests/stand_ins.sh
source $HERE/settings
source $HERE/plugin.sh "$@"

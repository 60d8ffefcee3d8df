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

"""The state table, row by row."""

import ddt
from oslotest import base

from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery import states

Go = states.Go
Way = states.Way
Policy = states.Policy


@ddt.ddt
class Decide(base.BaseTestCase):

    @ddt.data(
        ('active', None, 'here', True, Go.RUNNING),
        ('active', None, 'here', False, Go.POWERED_OFF),
        ('active', staleness.TASK_STATE, 'here', True, Go.RUNNING),
        ('active', staleness.TASK_STATE, 'here', False, Go.RUNNING),
        ('stopped', None, 'here', False, Go.POWERED_OFF),
        ('stopped', staleness.TASK_STATE, 'here', False, Go.POWERED_OFF),
        ('shelved', None, 'here', False, Go.POWERED_OFF),
        ('active', 'rebooting', 'here', True, Go.DEFER),
        ('stopped', 'powering-on', 'here', False, Go.DEFER),
        ('paused', None, 'here', True, Go.DEFER),
        ('suspended', None, 'here', False, Go.DEFER),
        ('rescued', None, 'here', True, Go.DEFER),
        ('resized', None, 'here', False, Go.DEFER),
        ('building', None, 'here', False, Go.DEFER),
        ('error', None, 'here', False, Go.POWERED_OFF),
        ('error', None, 'here', True, Go.DEFER),
        ('shelved_offloaded', None, None, False, Go.SKIP),
        ('deleted', None, 'here', False, Go.SKIP),
        ('soft-delete', None, 'here', False, Go.SKIP),
        ('active', None, 'elsewhere', False, Go.SKIP),
        ('active', 'migrating', 'elsewhere', False, Go.SKIP),
    )
    @ddt.unpack
    def test_row(self, vm_state, task_state, host, runs, expected):
        decision = states.decide(states.Facts(
            vm_state, task_state, host, 'here', runs))
        self.assertEqual(expected, decision.go)
        self.assertEqual(expected in (Go.DEFER, Go.SKIP),
                         bool(decision.reason))

    @ddt.data(
        ('active', None, Go.SKIP),
        ('paused', None, Go.SKIP),
        ('active', staleness.TASK_STATE, Go.RUNNING),
    )
    @ddt.unpack
    def test_policy_none(self, vm_state, task_state, expected):
        decision = states.decide(states.Facts(
            vm_state, task_state, 'here', 'here', True), Policy.NONE)
        self.assertEqual(expected, decision.go)


ROOT = states.Disk(root=True, guest_stale=True)
DATA = states.Disk(guest_stale=True)
MOUNTED = states.Disk(guest_stale=True, mounted=True)
RECORDS = states.Disk()
LEAVING = states.Disk(leaving=True, guest_stale=True)


@ddt.ddt
class Ways(base.BaseTestCase):

    @ddt.data(
        (Policy.REATTACH, [DATA], [Way.REPLUG]),
        (Policy.REATTACH, [ROOT], [Way.POWER_CYCLE]),
        (Policy.REATTACH, [ROOT, DATA], [Way.POWER_CYCLE] * 2),
        (Policy.REATTACH, [DATA, MOUNTED], [Way.POWER_CYCLE] * 2),
        (Policy.REATTACH, [RECORDS, DATA], [Way.FINISH, Way.REPLUG]),
        (Policy.REATTACH, [LEAVING], [Way.DETACH]),
        (Policy.POWER_CYCLE, [DATA], [Way.POWER_CYCLE]),
        (Policy.POWER_CYCLE, [RECORDS], [Way.FINISH]),
        (Policy.DETACH, [DATA], [Way.DETACH]),
        (Policy.DETACH, [ROOT, DATA], [Way.POWER_CYCLE, Way.DETACH]),
        (Policy.REFRESH, [ROOT, DATA], [Way.WAIT] * 2),
        (Policy.REFRESH, [RECORDS], [Way.FINISH]),
    )
    @ddt.unpack
    def test_running(self, policy, disks, expected):
        self.assertEqual(expected, states.ways(
            Go.RUNNING, policy, True, disks))

    @ddt.data(
        (Policy.REATTACH, [ROOT, DATA], [Way.EXCHANGE] * 2),
        (Policy.POWER_CYCLE, [ROOT, DATA], [Way.EXCHANGE] * 2),
        (Policy.REFRESH, [ROOT, DATA], [Way.EXCHANGE] * 2),
        (Policy.DETACH, [ROOT, DATA], [Way.EXCHANGE, Way.DETACH]),
    )
    @ddt.unpack
    def test_powered_off(self, policy, disks, expected):
        self.assertEqual(expected, states.ways(
            Go.POWERED_OFF, policy, False, disks))

    @ddt.data(
        (Policy.REATTACH, [DATA], [Way.POWER_CYCLE]),
        (Policy.REFRESH, [DATA], [Way.POWER_CYCLE]),
        (Policy.DETACH, [ROOT, DATA], [Way.POWER_CYCLE, Way.DETACH]),
    )
    @ddt.unpack
    def test_cut_off_after_power_off(self, policy, disks, expected):
        self.assertEqual(expected, states.ways(
            Go.RUNNING, policy, False, disks))

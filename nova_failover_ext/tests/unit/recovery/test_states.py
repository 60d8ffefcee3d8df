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

Disposition = states.Disposition
Action = states.Action
Policy = states.Policy


@ddt.ddt
class Decide(base.BaseTestCase):

    @ddt.data(
        ('active', None, 'here', True, Disposition.RUNNING),
        ('active', None, 'here', False, Disposition.POWERED_OFF),
        ('active', staleness.TASK_STATE, 'here', True, Disposition.RUNNING),
        ('active', staleness.TASK_STATE, 'here', False, Disposition.RUNNING),
        ('stopped', None, 'here', False, Disposition.POWERED_OFF),
        ('stopped', staleness.TASK_STATE, 'here', False,
         Disposition.POWERED_OFF),
        ('shelved', None, 'here', False, Disposition.POWERED_OFF),
        ('active', 'rebooting', 'here', True, Disposition.DEFER),
        ('stopped', 'powering-on', 'here', False, Disposition.DEFER),
        ('paused', None, 'here', True, Disposition.DEFER),
        ('suspended', None, 'here', False, Disposition.DEFER),
        ('rescued', None, 'here', True, Disposition.DEFER),
        ('resized', None, 'here', False, Disposition.DEFER),
        ('building', None, 'here', False, Disposition.DEFER),
        ('error', None, 'here', False, Disposition.POWERED_OFF),
        ('error', None, 'here', True, Disposition.DEFER),
        ('shelved_offloaded', None, None, False, Disposition.SKIP),
        ('deleted', None, 'here', False, Disposition.SKIP),
        ('soft-delete', None, 'here', False, Disposition.POWERED_OFF),
        ('active', None, 'elsewhere', False, Disposition.SKIP),
        ('active', 'migrating', 'elsewhere', False, Disposition.SKIP),
    )
    @ddt.unpack
    def test_row(self, vm_state, task_state, host, runs, expected):
        decision = states.decide(states.Facts(
            vm_state, task_state, host, 'here', runs))
        self.assertEqual(expected, decision.disposition)
        self.assertEqual(expected in (Disposition.DEFER, Disposition.SKIP),
                         bool(decision.reason))

    @ddt.data(
        ('active', None, Disposition.SKIP),
        ('paused', None, Disposition.SKIP),
        ('active', staleness.TASK_STATE, Disposition.RUNNING),
    )
    @ddt.unpack
    def test_policy_none(self, vm_state, task_state, expected):
        decision = states.decide(states.Facts(
            vm_state, task_state, 'here', 'here', True), Policy.NONE)
        self.assertEqual(expected, decision.disposition)


ROOT = states.Disk(root=True, guest_stale=True)
DATA = states.Disk(guest_stale=True)
MOUNTED = states.Disk(guest_stale=True, mounted=True)
RECORDS = states.Disk()
LEAVING = states.Disk(leaving=True, guest_stale=True)


@ddt.ddt
class Ways(base.BaseTestCase):

    @ddt.data(
        (Policy.REATTACH, [DATA], [Action.REPLUG]),
        (Policy.REATTACH, [ROOT], [Action.POWER_CYCLE]),
        (Policy.REATTACH, [ROOT, DATA], [Action.POWER_CYCLE] * 2),
        (Policy.REATTACH, [DATA, MOUNTED], [Action.POWER_CYCLE] * 2),
        (Policy.REATTACH, [RECORDS, DATA], [Action.FINISH, Action.REPLUG]),
        (Policy.REATTACH, [LEAVING], [Action.DETACH]),
        (Policy.POWER_CYCLE, [DATA], [Action.POWER_CYCLE]),
        (Policy.POWER_CYCLE, [RECORDS], [Action.FINISH]),
        (Policy.DETACH, [DATA], [Action.DETACH]),
        (Policy.DETACH, [ROOT, DATA], [Action.POWER_CYCLE, Action.DETACH]),
        (Policy.REFRESH, [ROOT, DATA], [Action.WAIT] * 2),
        (Policy.REFRESH, [RECORDS], [Action.FINISH]),
    )
    @ddt.unpack
    def test_running(self, policy, disks, expected):
        self.assertEqual(expected, states.actions(
            Disposition.RUNNING, policy, True, disks))

    @ddt.data(
        (Policy.REATTACH, [ROOT, DATA], [Action.EXCHANGE] * 2),
        (Policy.POWER_CYCLE, [ROOT, DATA], [Action.EXCHANGE] * 2),
        (Policy.REFRESH, [ROOT, DATA], [Action.EXCHANGE] * 2),
        (Policy.DETACH, [ROOT, DATA], [Action.EXCHANGE, Action.DETACH]),
    )
    @ddt.unpack
    def test_powered_off(self, policy, disks, expected):
        self.assertEqual(expected, states.actions(
            Disposition.POWERED_OFF, policy, False, disks))

    @ddt.data(
        (Policy.REATTACH, [DATA], [Action.POWER_CYCLE]),
        (Policy.REFRESH, [DATA], [Action.POWER_CYCLE]),
        (Policy.DETACH, [ROOT, DATA], [Action.POWER_CYCLE, Action.DETACH]),
    )
    @ddt.unpack
    def test_cut_off_after_power_off(self, policy, disks, expected):
        self.assertEqual(expected, states.actions(
            Disposition.RUNNING, policy, False, disks))


@ddt.ddt
class CycleReason(base.BaseTestCase):

    @ddt.data(
        (Policy.REATTACH, False, states.Disk(), 'left the guest powered off'),
        (Policy.REATTACH, True, states.Disk(root=True, guest_stale=True),
         'root volume'),
        (Policy.POWER_CYCLE, True, states.Disk(guest_stale=True),
         'policy is power-cycle'),
        (Policy.REATTACH, True, states.Disk(guest_stale=True, mounted=True),
         'mounted'))
    @ddt.unpack
    def test_reason(self, policy, runs, disk, expected):
        self.assertIn(Action.POWER_CYCLE, states.actions(
            Disposition.RUNNING, policy, runs, [disk]))
        self.assertIn(expected, states.cycle_reason(policy, runs, [disk]))

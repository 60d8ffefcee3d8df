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

from nova_failover_ext.compute import states
from nova_failover_ext import truth

Go = states.Go


@ddt.ddt
class Decide(base.BaseTestCase):

    @ddt.data(
        ('active', None, 'here', True, Go.RUNNING),
        ('active', None, 'here', False, Go.POWERED_OFF),
        ('active', truth.TASK_STATE, 'here', True, Go.RUNNING),
        ('active', truth.TASK_STATE, 'here', False, Go.RUNNING),
        ('stopped', None, 'here', False, Go.POWERED_OFF),
        ('stopped', truth.TASK_STATE, 'here', False, Go.POWERED_OFF),
        ('shelved', None, 'here', False, Go.POWERED_OFF),
        ('active', 'rebooting', 'here', True, Go.DEFER),
        ('stopped', 'powering-on', 'here', False, Go.DEFER),
        ('paused', None, 'here', True, Go.DEFER),
        ('suspended', None, 'here', False, Go.DEFER),
        ('rescued', None, 'here', True, Go.DEFER),
        ('resized', None, 'here', False, Go.DEFER),
        ('building', None, 'here', False, Go.DEFER),
        ('error', None, 'here', False, Go.DEFER),
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

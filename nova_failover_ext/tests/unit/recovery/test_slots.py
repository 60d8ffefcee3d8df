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

"""A server that waits for a task of Nova takes no turn of others."""

import threading

from nova_failover_ext.recovery import bounded
from nova_failover_ext.recovery import recovery
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world


class Slots(base.Case):

    def setUp(self):
        super().setUp()
        self.around = self.world(world.Volume('b'))
        self.around.conf.set_override(
            'max_concurrent_recoveries', 1, 'failover_compute')
        self.work = recovery.Recovery(self.around.components)
        self.waits = threading.Event()
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)
        self.around.host.locked.side_effect = self.locked

    def locked(self, server_id, function, *args):
        if server_id == 'locked':
            self.waits.set()
            self.go_on.wait(60)
        return function(*args)

    def recover(self, server_id):
        return self.work.recover(
            self.context, server_id, {'b': 'secondary'})

    def test_lock_that_a_task_of_nova_keeps(self):
        waiting = threading.Thread(target=self.recover, args=('locked',))
        waiting.start()
        self.addCleanup(waiting.join)
        self.addCleanup(self.go_on.set)
        self.assertTrue(self.waits.wait(30))
        result = bounded.call(self.recover, 30, world.SERVER)
        self.assertEqual(results.Outcome.RECOVERED, result.outcome)

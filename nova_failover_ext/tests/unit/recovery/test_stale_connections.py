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

"""An old connection that cannot be removed keeps no guest from healing."""

import threading

from oslo_serialization import jsonutils

from nova_failover_ext.recovery import recovery
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world

Outcome = results.Outcome


def stale_connections(around):
    info = jsonutils.loads(around.bdms[0].connection_info)
    return [left['data']['device_path']
            for left in info.get(staleness.STALE_CONNECTIONS, ())]


class Leftovers(base.Case):

    def leave(self):
        around = self.world(world.Volume('b'))
        around.errors['disconnect'] = OSError('busy canary')
        result = self.recover(around)
        around.errors.clear()
        del around.calls[:]
        return around, result

    def test_guest_is_healed(self):
        around, result = self.leave()
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertEqual([Outcome.RECOVERED],
                         [volume.outcome for volume in result.volumes])
        self.assertIn('disconnect: OSError', result.reason)
        self.assertNotIn('canary', result.reason)
        self.assertEqual(world.NEW % 'b', around.volumes['b'].in_guest)
        self.assertEqual([world.OLD % 'b'], stale_connections(around))
        self.assertEqual({'b': None}, around.stamps())
        self.assertIsNone(around.instance.task_state)
        self.record.deferred.assert_called_once()

    def test_next_pass_removes_it(self):
        around, _result = self.leave()
        result = self.recover(around)
        self.assertEqual((Outcome.RECOVERED, False),
                         (result.outcome, result.power_cycled))
        self.assertEqual(
            [*world.asked('b')[1:], 'disconnect b /primary/b', 'save b',
             'save b'], around.calls)
        self.assertEqual([], stale_connections(around))
        self.assertEqual({'b': 'secondary'}, around.stamps())

    def test_it_stays_recorded_until_it_is_gone(self):
        around, _result = self.leave()
        around.errors['disconnect'] = OSError('still busy')
        result = self.recover(around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('still busy', result.reason)
        self.assertEqual([world.OLD % 'b'], stale_connections(around))

    def test_failback_takes_it_into_use_again(self):
        around, _result = self.leave()
        around.volumes['b'].path = world.OLD % 'b'
        result = self.recover(around)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertNotIn('disconnect b /primary/b', around.calls)
        self.assertIn('disconnect b /secondary/b', around.calls)
        self.assertEqual([], stale_connections(around))
        self.assertEqual(world.OLD % 'b', around.volumes['b'].in_guest)


class Hanging(base.Case):

    def setUp(self):
        super().setUp()
        self.around = self.world(world.Volume('b'))
        self.around.conf.set_override(
            'disconnect_timeout', 1, 'failover_compute')
        self.work = recovery.Recovery(self.around.components)
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)
        self.hung = threading.Event()
        self.started = []
        self.around.virt.disconnect.side_effect = self.hang

    def hang(self, *args):
        self.started.append(args[-1]['data']['device_path'])
        self.gate.wait()
        self.hung.set()

    def disposition(self):
        return self.work.recover(
            self.context, world.SERVER, {'b': 'secondary'})

    def test_healed_after_the_time_out(self):
        result = self.disposition()
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('no answer within 1 seconds', result.reason)
        self.assertEqual(world.NEW % 'b', self.around.volumes['b'].in_guest)

    def test_no_second_thread_while_it_hangs(self):
        self.disposition()
        result = self.disposition()
        self.assertIn('an earlier call still hangs', result.reason)
        self.assertEqual(1, len(self.started))
        self.gate.set()
        self.assertTrue(self.hung.wait(30))
        while self.around.components.calls.hangs(
                ('disconnect', world.SERVER, 'b')):
            pass
        result = self.disposition()
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual(2, len(self.started))
        self.assertEqual({'b': 'secondary'}, self.around.stamps())

    def test_failback_waits_for_it(self):
        self.disposition()
        self.around.volumes['b'].path = world.OLD % 'b'
        result = self.disposition()
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('hangs', result.reason)
        self.assertEqual(world.NEW % 'b', self.around.volumes['b'].in_guest)

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

"""What queues for the old site fails, and what is left of a guest is seen."""

import threading
from unittest import mock

from oslo_serialization import jsonutils

from nova_failover_ext.recovery import policy
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery import steps
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world

Outcome = results.Outcome
WWID = '36001405000000000000000000000200a'


class FencingCase(base.Case):

    def setUp(self):
        super().setUp()
        self.around = self.world(world.Volume('a', 0))
        self.around.virt.wwid.return_value = WWID
        self.around.conf.failover_compute.release_timeout = 1

    def info(self):
        return jsonutils.loads(self.around.bdms[0].connection_info)


class Fencing(FencingCase):

    def test_before_anything_is_taken(self):
        self.assertEqual(Outcome.RECOVERED, self.recover(self.around).outcome)
        calls = [call.split()[0] for call in self.around.calls]
        self.assertLess(calls.index('fence'), calls.index('power_off'))
        self.assertEqual(1, self.around.calls.count(f'fence {WWID}'))

    def test_before_a_disk_is_let_go_of(self):
        around = self.world(world.Volume('b'))
        around.virt.wwid.return_value = WWID
        self.recover(around)
        calls = [call.split()[0] for call in around.calls]
        self.assertLess(calls.index('fence'), calls.index('release'))

    def test_what_has_not_moved_is_not_fenced(self):
        volume = self.around.volumes['a']
        volume.path = world.OLD % 'a'
        self.recover(self.around)
        self.assertNotIn(f'fence {WWID}', self.around.calls)

    def test_guest_that_waits_for_its_owner_is_not_fenced(self):
        self.recover(self.around, policy.Policy.REFRESH)
        self.assertNotIn(f'fence {WWID}', self.around.calls)

    def test_map_that_goes_on_queueing(self):
        self.around.virt.fence.side_effect = lambda wwid: 'it queues'
        self.assertEqual(Outcome.RECOVERED, self.recover(self.around).outcome)

    def test_map_is_known_until_it_is_gone(self):
        self.around.errors['disconnect'] = OSError('busy')
        self.recover(self.around)
        left, = self.info()[staleness.STALE_CONNECTIONS]
        self.assertEqual(WWID, left[staleness.WWID])
        self.around.errors.clear()
        # The disk of the guest is on another map by now.
        self.around.virt.wwid.return_value = 'other'
        self.assertEqual(Outcome.RECOVERED, self.recover(self.around).outcome)
        removed = self.around.virt.disconnect.call_args.args[-1]
        self.assertEqual(WWID, removed[staleness.WWID])
        self.assertNotIn(WWID, jsonutils.dumps(self.info()))

    def test_map_of_an_earlier_failover_is_not_fenced_again(self):
        self.around.errors['disconnect'] = OSError('busy')
        self.recover(self.around)
        mark = self.info().get(staleness.IN_PROGRESS_MARKER) or {}
        self.assertNotIn(staleness.WWID, mark)
        del self.around.calls[:]
        # The guest has the right disk, whose map may have the same WWID.
        self.recover(self.around)
        self.assertNotIn(f'fence {WWID}', self.around.calls)

    def test_map_that_another_server_uses(self):
        self.around.virt.fence.reset_mock()
        with mock.patch.object(steps.Steps, '_shared', autospec=True) as use:
            use.return_value = True
            self.recover(self.around)
        self.around.virt.fence.assert_not_called()

    def test_whatever_fencing_raises(self):
        self.around.virt.fence.side_effect = RuntimeError('privsep is gone')
        self.assertEqual(Outcome.RECOVERED, self.recover(self.around).outcome)

    def test_map_is_known_after_a_crash(self):
        self.around.errors['power_off'] = OSError('x')
        self.recover(self.around)
        self.around.errors.clear()
        self.around.virt.wwid.return_value = ''
        self.recover(self.around)
        removed = self.around.virt.disconnect.call_args.args[-1]
        self.assertEqual(WWID, removed[staleness.WWID])


class ProcessThatStays(FencingCase):

    def test_guest_is_not_taken_for_off(self):
        self.around.left = 'QEMU process 4711 in state D'
        result = self.recover(self.around)
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('it is off, but not QEMU process 4711', result.reason)
        self.assertNotIn('power_on', self.around.calls)
        self.assertNotIn('disconnect a /primary/a', self.around.calls)
        self.assertEqual(staleness.TASK_STATE, self.around.instance.task_state)

    def test_processes_cannot_be_looked_at(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        self.around.virt.watch.side_effect = lambda instance: go_on.wait(60)
        result = self.recover(self.around)
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('step power_off', result.reason)
        self.assertIn('no answer within', result.reason)
        self.assertNotIn('power_off', self.around.calls)

    def test_next_pass_powers_it_on(self):
        self.around.left = 'QEMU process 4711 in state D'
        self.recover(self.around)
        self.around.left = ''
        self.assertEqual(Outcome.RECOVERED, self.recover(self.around).outcome)
        self.assertTrue(self.around.guest_runs)

    def test_it_ends_a_little_later(self):
        answers = iter(['QEMU process 4711 in state S', ''])
        self.around.virt.watch.side_effect = (
            lambda instance: lambda: next(answers))
        self.assertEqual(Outcome.RECOVERED, self.recover(self.around).outcome)


class FencingOfMounts(FencingCase):

    def test_while_the_guest_is_powered_off(self):
        self.around.virt.fencing.side_effect = self.around.fencing
        self.assertEqual(Outcome.RECOVERED, self.recover(self.around).outcome)
        calls = [call.split()[0] for call in self.around.calls]
        begun, ended = (calls.index(f'fencing-{word}')
                        for word in ('begins', 'ends'))
        self.assertTrue(begun < calls.index('power_off') < ended)
        (connections,), _ = self.around.virt.fencing.call_args
        self.assertEqual([world.OLD % 'a'], [
            each['data']['device_path'] for each in connections])

    def test_while_a_disk_is_let_go_of(self):
        around = self.world(world.Volume('b'))
        around.virt.fencing.side_effect = around.fencing
        self.recover(around)
        calls = [call.split()[0] for call in around.calls]
        self.assertTrue(calls.index('fencing-begins')
                        < calls.index('release')
                        < calls.index('fencing-ends'))

    def test_while_the_old_connection_is_removed(self):
        self.around.virt.fencing.side_effect = self.around.fencing
        self.recover(self.around)
        calls = [call.split()[0] for call in self.around.calls]
        where = calls.index('disconnect')
        self.assertEqual(['fencing-begins', 'fencing-ends'],
                         [calls[where - 1], calls[where + 1]])

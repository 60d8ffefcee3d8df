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


"""No guest is powered off that could not be started again."""

import ddt

from nova_failover_ext import exception
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world

Outcome = results.Outcome


@ddt.ddt
class StartCheck(base.Case):
    """Only the root volume ``a`` has moved; ``b`` is of another backend."""

    def setUp(self):
        super().setUp()
        self.around = self.world(world.Volume('a', 0), world.Volume('b'))

    def unreachable(self, name):
        def probe(volume_id, info, timeout):
            if volume_id == name:
                raise exception.StorageUnreachable(
                    volume_id=volume_id, reason='no route')

        self.probe.side_effect = probe

    def assert_left_running(self, result, text):
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn(text, result.reason)
        self.assertTrue(self.around.guest_runs)
        self.assertEqual(world.asked('a'), self.around.calls)
        self.assertIsNone(self.around.instance.task_state)
        self.assertEqual(
            [('a', Outcome.DEFERRED, result.reason)],
            [(one.volume_id, one.outcome, one.reason)
             for one in result.volumes])

    def test_storage_of_another_volume(self):
        self.unreachable('b')
        result = self.recover(self.around, volumes=['a'])
        self.assert_left_running(
            result, 'could not start it: volume b: its storage cannot be '
            'reached from this host: no route')
        self.assertNotIn('moved', result.reason)

    def test_storage_of_a_volume_that_is_found_to_be_right(self):
        """Cinder is asked about all volumes, and one has not moved."""
        self.around.volumes['b'].path = world.OLD % 'b'
        self.unreachable('b')
        result = self.recover(self.around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('could not start it: volume b', result.reason)
        self.assertTrue(self.around.guest_runs)

    def test_key_of_another_volume(self):
        self.around.obstacles['b'] = 'no key'
        self.assert_left_running(self.recover(self.around, volumes=['a']),
                                 'volume b: no key')

    def test_key_of_another_volume_that_cannot_be_found_out(self):
        self.around.virt.obstacle.side_effect = (
            lambda context, instance, volume: self.fails()
            if volume.volume_id == 'b' else '')
        self.assert_left_running(self.recover(self.around, volumes=['a']),
                                 'volume b: Cinder is down')

    @staticmethod
    def fails():
        raise exception.RecoveryDeferred(reason='Cinder is down')

    def test_vtpm(self):
        self.around.obstacles[world.SERVER] = 'its vTPM has no secret'
        self.assert_left_running(self.recover(self.around, volumes=['a']),
                                 'could not start it: its vTPM')

    def test_data_volume_needs_no_start(self):
        self.around.obstacles[world.SERVER] = 'its vTPM has no secret'
        result = self.recover(self.around, volumes=['b'])
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)

    @ddt.data('storage', 'key')
    def test_guest_that_is_off_already_waits(self, kind):
        self.around.guest_runs = False
        self.around.instance.task_state = staleness.TASK_STATE
        if kind == 'storage':
            self.unreachable('b')
        else:
            self.around.obstacles['b'] = 'no key'
        result = self.recover(self.around, volumes=['a'])
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('is powered off in the midst of a recovery, and Nova '
                      'could not start it: volume b', result.reason)
        self.assertNotIn('power_on', self.around.calls)
        # The next try, or the engine, finishes it.
        self.assertEqual(staleness.TASK_STATE,
                         self.around.instance.task_state)
        self.probe.side_effect = None
        self.around.obstacles.clear()
        result = self.recover(self.around, volumes=['a'])
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)

    def test_guest_that_holds_its_disk_is_not_powered_off_either(self):
        self.around.errors['release b'] = world.interface.GuestHoldsDevice(
            device='vdb', reason='held')
        self.around.obstacles['a'] = 'no key'
        result = self.recover(self.around, volumes=['b'])
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('volume a: no key', result.reason)
        self.assertTrue(self.around.guest_runs)

    def test_secrets_are_kept_while_it_starts(self):
        self.recover(self.around)
        self.around.virt.keeping_secrets.assert_called_once_with(
            self.around.instance, ['a', 'b'])

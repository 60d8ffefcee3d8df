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

"""What a recovery does, in which order, and what is left when it fails."""

from unittest import mock

import ddt
from nova import exception as nova_exception
from oslo_serialization import jsonutils

from nova_failover_ext import exception
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery.virt import interface as virt_base
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world

Outcome = results.Outcome
ERROR = OSError('no such canary')
LIVE_SWAP = world.asked('b') + [
    'save b', 'release b', 'disconnect b /primary/b', 'save b',
    'connect b /secondary/b', 'save b', 'plug b <address/>', 'save b']
RECORD_SWAP = world.asked('a') + [
    'save a', 'disconnect a /primary/a', 'save a', 'save a']
POWER_CYCLE = world.asked('a', 'b') + [
    'save a', 'save b', 'power_off',
    'disconnect a /primary/a', 'save a', 'connect a /secondary/a', 'save a',
    'disconnect b /primary/b', 'save b', 'connect b /secondary/b', 'save b',
    'power_on', 'save a', 'save b']


class Order(base.Case):

    def healed(self, around, outcome=Outcome.RECOVERED):
        result = self.recover(around)
        self.assertEqual(outcome, result.outcome, result.reason)
        for volume in around.volumes.values():
            self.assertEqual('attached', volume.attachment_status)
            self.assertEqual('in-use', volume.status)
            self.assertNotIn(world.OLD % volume.name, volume.on_host)
        self.assertEqual(
            {name: world.NEW % name for name in around.volumes},
            around.paths())
        self.assertEqual(dict.fromkeys(around.volumes, 'secondary'),
                         around.stamps())
        self.assertIsNone(around.instance.task_state)
        self.record.succeeded.assert_called_once_with()
        return result

    def test_data_volume_of_a_running_server(self):
        around = self.world(world.Volume('b'))
        result = self.healed(around)
        self.assertEqual(LIVE_SWAP, around.calls)
        self.assertFalse(result.power_cycled)
        self.assertEqual(world.NEW % 'b', around.volumes['b'].in_guest)

    def test_root_volume_of_a_running_server(self):
        around = self.world(world.Volume('a', 0), world.Volume('b'))
        result = self.healed(around)
        self.assertEqual(POWER_CYCLE, around.calls)
        around.virt.connector.assert_called_once_with(around.instance)
        self.assertTrue(result.power_cycled)
        self.assertEqual(
            [True, False], [volume.root for volume in result.volumes])

    def test_stopped_server(self):
        around = self.world(world.Volume('a', 0), vm_state='stopped',
                            guest_runs=False)
        self.healed(around)
        self.assertEqual(RECORD_SWAP, around.calls)
        self.assertFalse(around.guest_runs)

    def test_guest_that_holds_the_device_is_power_cycled_once(self):
        around = self.world(world.Volume('b'), world.Volume('c'))
        around.errors['release'] = virt_base.GuestHoldsDevice(
            device='vdb', reason='busy')
        result = self.healed(around)
        self.assertTrue(result.power_cycled)
        self.assertEqual(1, around.calls.count('power_off'))
        self.assertEqual(1, around.calls.count('power_on'))

    def test_claim_is_made_before_and_taken_back_after(self):
        around = self.world(world.Volume('b'))
        self.healed(around)
        self.assertEqual(
            [mock.call(expected_task_state=[None, staleness.TASK_STATE]),
             mock.call(expected_task_state=staleness.TASK_STATE)],
            around.instance.save.mock_calls)


@ddt.ddt
class NotNow(base.Case):

    def test_deleted_server(self):
        around = self.world(world.Volume('a', 0))
        around.host.instance.side_effect = nova_exception.InstanceNotFound(
            instance_id=world.SERVER)
        self.assertEqual(Outcome.SKIPPED, self.recover(around).outcome)

    def test_detached_meanwhile(self):
        around = self.world(world.Volume('a', 0))
        around.bdms = []
        self.assertEqual(Outcome.SKIPPED, self.recover(around).outcome)

    def test_paused_server(self):
        around = self.world(world.Volume('a', 0), vm_state='paused')
        self.assertEqual(Outcome.DEFERRED, self.recover(around).outcome)
        self.assertEqual([], around.calls)

    @ddt.data('error', 'available', 'detaching', 'maintenance')
    def test_volume_in_another_status(self, status):
        around = self.world(world.Volume('a', 0))
        around.volumes['a'].status = status
        result = self.recover(around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn(status, result.reason)
        self.assertEqual([], around.calls)

    @ddt.data('failing-over', 'error', 'failover-error')
    def test_volume_not_replicated_as_announced(self, status):
        around = self.world(world.Volume('a', 0))
        around.volumes['a'].replication_status = status
        self.assertEqual(Outcome.DEFERRED, self.recover(around).outcome)
        self.assertEqual([], around.calls)

    def test_obstacle_on_the_host(self):
        around = self.world(world.Volume('a', 0))
        around.obstacles['a'] = 'no secret'
        result = self.recover(around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('no secret', result.reason)
        self.assertEqual([], around.calls)

    def test_cinder_does_not_answer(self):
        around = self.world(world.Volume('a', 0))
        around.errors['attachment_update'] = exception.RecoveryDeferred(
            reason='no canary')
        result = self.recover(around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertEqual(world.asked('a')[:2], around.calls)
        self.assertNotIn('canary', result.reason)
        self.record.deferred.assert_called_once_with(result.reason)

    def test_storage_does_not_answer(self):
        around = self.world(world.Volume('a', 0))
        self.probe.side_effect = exception.StorageUnreachable(
            volume_id='a', reason='dead')
        result = self.recover(around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('dead', result.reason)
        self.assertEqual(world.asked('a'), around.calls)
        self.assertEqual({'a': staleness.ASKED}, around.stamps())
        self.assertIsNone(around.instance.task_state)
        self.record.deferred.assert_called_once_with(result.reason)

    def test_question_is_remembered_until_the_answer_is_saved(self):
        # A failback would find the old stamp right, and Cinder's attachment
        # would name the other site for good.
        around = self.world(world.Volume('a', 0))
        volume, back = around.volumes['a'], world.OLD % 'a'
        self.probe.side_effect = exception.StorageUnreachable(
            volume_id='a', reason='dead')
        self.recover(around)
        self.assertEqual((world.NEW % 'a', back), (
            volume.attachment_path, around.paths()['a']))
        self.assertEqual({'a': staleness.ASKED}, around.stamps())
        volume.path = back
        self.recover(around)
        self.assertEqual(back, volume.attachment_path)
        self.assertEqual({'a': 'secondary'}, around.stamps())

    def test_host_lacks_something(self):
        around = self.world(world.Volume('a', 0))
        around.virt.lacks.return_value = 'no secret of the new cluster'
        result = self.recover(around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('no secret of the new cluster', result.reason)
        self.assertEqual(world.asked('a'), around.calls)

    def test_task_begins_meanwhile(self):
        around = self.world(world.Volume('a', 0))
        around.instance.save.side_effect = (
            nova_exception.UnexpectedTaskStateError(
                instance_uuid=world.SERVER, expected={}, actual={}))
        self.assertEqual(Outcome.DEFERRED, self.recover(around).outcome)
        self.assertEqual([], around.calls)
        self.assertEqual(1, around.instance.save.call_count)


class Interrupted(base.Case):
    """A guest that was powered off has to run again in the end."""

    def setUp(self):
        super().setUp()
        self.around = self.world(world.Volume('a', 0))

    def interrupt(self, step):
        self.around.errors[step] = ERROR
        self.assertEqual(Outcome.FAILED, self.recover(self.around).outcome)
        self.assertFalse(self.around.guest_runs)
        self.around.errors.clear()

    def assert_deferred(self):
        result = self.recover(self.around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertEqual(staleness.TASK_STATE, self.around.instance.task_state)

    def assert_runs(self):
        result = self.recover(self.around)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertTrue(self.around.guest_runs)
        self.assertIsNone(self.around.instance.task_state)

    def test_storage_goes_away_meanwhile(self):
        self.interrupt('connect')
        self.probe.side_effect = exception.StorageUnreachable(
            volume_id='a', reason='dead')
        self.assert_deferred()
        self.probe.side_effect = None
        self.assert_runs()

    def test_cinder_goes_away_meanwhile(self):
        self.interrupt('connect')
        self.around.errors['attachment_update'] = exception.RecoveryDeferred(
            reason='no')
        self.assert_deferred()
        self.around.errors.clear()
        self.assert_runs()

    def test_volume_is_not_ready_meanwhile(self):
        self.interrupt('connect')
        self.around.obstacles['a'] = 'no secret'
        self.assert_deferred()
        self.around.obstacles.clear()
        self.assert_runs()

    def test_nothing_is_stale_any_more(self):
        self.interrupt('power_on')
        bdm, = self.around.bdms
        info = jsonutils.loads(bdm.connection_info)
        del info[staleness.IN_PROGRESS_MARKER]
        bdm.connection_info = jsonutils.dumps(info)
        result = self.recover(self.around)
        self.assertEqual(Outcome.UNCHANGED, result.outcome, result.reason)
        self.assertTrue(self.around.guest_runs)
        self.assertIsNone(self.around.instance.task_state)

    def test_volume_was_detached_meanwhile(self):
        self.interrupt('connect')
        self.around.bdms = []
        self.recover(self.around)
        self.assertTrue(self.around.guest_runs)


class OtherVolumes(base.Case):
    """A power cycle needs every volume of the server."""

    def setUp(self):
        super().setUp()
        self.probe.side_effect = self.answer

    def answer(self, volume_id, info, timeout):
        if volume_id == 'c':
            raise exception.StorageUnreachable(volume_id='c', reason='dead')

    def server(self, *volumes):
        around = self.world(*volumes, world.Volume('c'))
        around.volumes['c'].status = 'error'
        return around

    def test_root_volume_waits_for_them(self):
        around = self.server(world.Volume('a', 0))
        result = self.recover(around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('volume c', result.reason.lower())
        self.assertEqual(world.asked('a'), around.calls)
        self.assertIsNone(around.instance.task_state)

    def test_held_data_volume_is_no_reason(self):
        around = self.server(world.Volume('b'))
        around.errors['release'] = virt_base.GuestHoldsDevice(
            device='vdb', reason='busy')
        result = self.recover(around)
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertTrue(around.guest_runs)
        self.assertEqual(
            [], [call for call in around.calls if 'power_off' in call])

    def test_data_volume_needs_no_other(self):
        around = self.server(world.Volume('b'))
        self.recover(around)
        self.assertIn('plug b <address/>', around.calls)


class Volatile(base.Case):
    """A driver that answers differently each time."""

    def test_healthy_server_is_left_alone(self):
        around = self.world(world.Volume('a', 0))
        around.volumes['a'].path = world.OLD % 'a'
        around.volumes['a'].attachment_path = world.OLD % 'a'
        answers = iter(range(9))

        def update(context, attachment_id, connector, device_name):
            return {'driver_volume_type': 'local', 'data': {
                'device_path': world.OLD % 'a', 'nonce': next(answers)}}

        around.cinder.update.side_effect = update
        self.assertEqual(Outcome.UNCHANGED, self.recover(around).outcome)
        self.assertTrue(around.guest_runs)

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

"""What is left when a step of a recovery fails."""

import ddt
from nova import exception as nova_exception

from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import test_recovery
from nova_failover_ext.tests.unit.recovery import world

Outcome = results.Outcome


@ddt.ddt
class Failure(base.Case):
    """Each call fails once; the same call again finishes the work."""

    STEPS = ('release', 'save', 'connect', 'plug')
    CYCLE = ('power_off', 'save', 'connect', 'power_on')

    def fail_and_finish(self, around, step):
        around.errors[step] = test_recovery.ERROR
        result = self.recover(around)
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertNotIn('canary', result.reason)
        self.assertNotIn('secondary', around.stamps().values())
        self.record.failed.assert_called_once()
        fault = around.host.fault.call_args.args[-1]
        self.assertRegex(fault, r'failed in step \w+\. An administrator')
        self.assertNotIn('no such', fault)
        del around.errors[step]
        del around.calls[:]
        result = self.recover(around)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertIsNone(around.instance.task_state)
        for volume in around.volumes.values():
            self.assertEqual('attached', volume.attachment_status)
            self.assertNotIn(world.OLD % volume.name, volume.on_host)
        self.assertEqual(dict.fromkeys(around.volumes, 'secondary'),
                         around.stamps())
        return result

    @ddt.data(*STEPS)
    def test_live_swap(self, step):
        around = self.world(world.Volume('b'))
        result = self.fail_and_finish(around, step)
        self.assertFalse(result.power_cycled)
        self.assertEqual(world.NEW % 'b', around.volumes['b'].in_guest)

    @ddt.data(*CYCLE)
    def test_power_cycle(self, step):
        around = self.world(world.Volume('a', 0))
        self.fail_and_finish(around, step)
        self.assertTrue(around.guest_runs)
        self.assertEqual(world.NEW % 'a', around.volumes['a'].in_guest)

    def test_powered_off_guest_keeps_the_task_state(self):
        around = self.world(world.Volume('a', 0))
        around.errors['connect'] = test_recovery.ERROR
        self.recover(around)
        self.assertEqual(staleness.TASK_STATE, around.instance.task_state)
        self.assertFalse(around.guest_runs)

    def test_running_guest_gets_its_task_state_back(self):
        around = self.world(world.Volume('b'))
        around.errors['connect'] = test_recovery.ERROR
        self.recover(around)
        self.assertIsNone(around.instance.task_state)

    def test_guest_that_survives_power_off(self):
        around = self.world(world.Volume('a', 0))
        around.host.power_off.side_effect = lambda *args: None
        result = self.recover(around)
        self.assertIn('power_off', result.reason)
        self.assertNotIn('disconnect a /primary/a', around.calls)

    def test_guest_without_the_disk_is_not_taken_for_healed(self):
        around = self.world(world.Volume('b'))
        around.virt.plug.side_effect = lambda *args: None
        result = self.recover(around)
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('verify', result.reason)
        self.assertEqual({'b': None}, around.stamps())

    def test_attachment_left_attaching_is_not_taken_for_healed(self):
        around = self.world(world.Volume('b'))
        around.cinder.complete.side_effect = lambda *args: None
        result = self.recover(around)
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('verify', result.reason)

    def test_place_survives_a_crash_after_release(self):
        around = self.world(world.Volume('b'))
        around.errors['connect'] = test_recovery.ERROR
        self.recover(around)
        around.errors.clear()
        around.virt.place.side_effect = lambda *args: None
        self.recover(around)
        self.assertIn('plug b <address/>', around.calls)
        self.assertNotIn(staleness.IN_PROGRESS_MARKER,
                         around.bdms[0].connection_info)


class Unexpected(base.Case):
    """What no step expects is recorded as well, and masked."""

    def test_preparation_raises(self):
        around = self.world(world.Volume('a', 0))
        around.virt.connector.side_effect = RuntimeError('canary')
        result = self.recover(around)
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('RuntimeError', result.reason)
        self.assertNotIn('canary', result.reason)
        self.record.failed.assert_called_once()

    def test_server_is_deleted_meanwhile(self):
        around = self.world(world.Volume('b'))
        around.instance.save.side_effect = [
            None, nova_exception.InstanceNotFound(instance_id=world.SERVER)]
        self.assertEqual(Outcome.RECOVERED, self.recover(around).outcome)

    def test_lost_answer_to_the_claim_leaves_none_behind(self):
        around = self.world(world.Volume('b'))
        around.instance.save.side_effect = [RuntimeError('lost'), None]
        self.assertEqual(Outcome.FAILED, self.recover(around).outcome)
        self.assertIsNone(around.instance.task_state)

    def test_secret_that_came_up_meanwhile(self):
        around = self.world(world.Volume('b'))
        around.cinder.update.side_effect = lambda *args: {
            'driver_volume_type': 'local', 'data': {
                'device_path': world.NEW % 'b', 'auth_password': 'minted'}}
        around.errors['connect'] = OSError('login with minted failed')
        self.assertNotIn('minted', self.recover(around).reason)

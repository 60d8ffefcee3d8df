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

"""What each policy does to running and stopped servers."""

import threading

from nova import exception as nova_exception
from oslo_serialization import jsonutils

from nova_failover_ext.recovery import policy
from nova_failover_ext.recovery import recovery
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery.virt import interface as virt_base
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world

Outcome = results.Outcome
Policy = policy.Policy


def verbs(around):
    return [call.split()[0] for call in around.calls]


class Reattach(base.Case):

    def test_mounted_file_system_needs_a_power_cycle(self):
        around = self.world(world.Volume('b'), world.Volume('c'))
        around.mounted = {'c'}
        result = self.recover(around)
        self.assertEqual((Outcome.RECOVERED, True),
                         (result.outcome, result.power_cycled))
        self.assertNotIn('release', verbs(around))
        self.assertEqual(1, verbs(around).count('power_on'))

    def test_agent_that_hangs_counts_as_none(self):
        around = self.world(world.Volume('b'))
        around.conf.set_override(
            'guest_agent_timeout', 1, 'failover_compute')
        gate = threading.Event()
        self.addCleanup(gate.set)
        around.virt.mounted.side_effect = lambda *args: gate.wait()
        result = self.recover(around)
        self.assertEqual((Outcome.RECOVERED, False),
                         (result.outcome, result.power_cycled))


class PowerCycle(base.Case):

    def test_data_volumes_in_one_power_cycle(self):
        around = self.world(world.Volume('b'), world.Volume('c'))
        result = self.recover(around, Policy.POWER_CYCLE)
        self.assertEqual((Outcome.RECOVERED, True),
                         (result.outcome, result.power_cycled))
        self.assertNotIn('release', verbs(around))
        self.assertEqual(1, verbs(around).count('power_on'))

    def test_healthy_server_is_left_alone(self):
        around = self.world(world.Volume('b'))
        volume = around.volumes['b']
        volume.path = volume.attachment_path = world.OLD % 'b'
        result = self.recover(around, Policy.POWER_CYCLE)
        self.assertEqual(Outcome.UNCHANGED, result.outcome)
        self.assertFalse(result.power_cycled)


class Detach(base.Case):

    def test_data_volume_of_a_running_server(self):
        around = self.world(world.Volume('b'))
        result = self.recover(around, Policy.DETACH)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual([Outcome.DETACHED],
                         [volume.outcome for volume in result.volumes])
        self.assertEqual([
            *world.asked('b'), 'save b', 'release b',
            'disconnect b /primary/b',
            'attachment_delete attachment-b', 'destroy b'], around.calls)
        self.assertEqual([], around.bdms)
        around.virt.forget.assert_called_once()

    def test_data_volume_of_a_stopped_server(self):
        around = self.world(world.Volume('b'), vm_state='stopped',
                            guest_runs=False)
        result = self.recover(around, Policy.DETACH)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        # From its definition, where another disk may be plugged in.
        self.assertEqual(1, verbs(around).count('release'))
        self.assertEqual([], around.bdms)

    def test_driver_that_releases_when_it_disconnects(self):
        around = self.world(world.Volume('b'), vm_state='stopped',
                            guest_runs=False)
        around.virt.connects_when_off = True
        result = self.recover(around, Policy.DETACH)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertNotIn('release', verbs(around))

    def test_server_without_a_domain(self):
        around = self.world(world.Volume('b'), vm_state='error',
                            guest_runs=False)
        around.errors['release'] = nova_exception.InstanceNotFound(
            instance_id=world.SERVER)
        result = self.recover(around, Policy.DETACH)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual([], around.bdms)

    def test_root_volume_is_replaced(self):
        around = self.world(world.Volume('a', 0), world.Volume('b'))
        result = self.recover(around, Policy.DETACH)
        self.assertTrue(result.power_cycled)
        self.assertEqual([Outcome.RECOVERED, Outcome.DETACHED],
                         [volume.outcome for volume in result.volumes])
        self.assertNotIn('release', verbs(around))
        self.assertEqual({'a': 'secondary'}, around.stamps())

    def test_guest_that_holds_the_device(self):
        around = self.world(world.Volume('b'), world.Volume('c'))
        around.errors['release'] = virt_base.GuestHoldsDevice(
            device='vdb', reason='busy')
        result = self.recover(around, Policy.DETACH)
        self.assertEqual((Outcome.RECOVERED, True),
                         (result.outcome, result.power_cycled))
        self.assertEqual([], around.bdms)

    def test_cut_off_after_cinder_has_detached_it(self):
        around = self.world(world.Volume('b'))
        around.errors['destroy'] = OSError('database')
        result = self.recover(around, Policy.DETACH)
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('destroy', result.reason)
        self.assertEqual('available', around.volumes['b'].status)
        around.errors.clear()
        # Whatever the policy is by then.
        result = self.recover(around)
        self.assertEqual([Outcome.DETACHED],
                         [volume.outcome for volume in result.volumes])
        self.assertEqual([], around.bdms)

    def test_connection_that_cannot_be_removed(self):
        around = self.world(world.Volume('b'))
        around.errors['disconnect'] = OSError('busy')
        result = self.recover(around, Policy.DETACH)
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('disconnect', result.reason)
        self.assertEqual(1, len(around.bdms))

    def test_legacy_attachment(self):
        around = self.world(world.Volume('b'))
        around.bdms[0].attachment_id = None
        result = self.recover(around, Policy.DETACH)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('legacy', result.reason)
        self.assertEqual([], around.calls)


class Refresh(base.Case):

    def catch_up(self, around):
        del around.calls[:]
        work = recovery.Recovery(around.components)
        return work.catch_up(self.context, around.instance)

    def test_running_guest_is_left_alone(self):
        around = self.world(world.Volume('a', 0))
        result = self.recover(around, Policy.REFRESH)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('next power cycle', result.reason)
        self.assertEqual([*world.asked('a'), 'save a'], around.calls)
        self.assertEqual({'a': world.OLD % 'a'}, around.paths())
        self.assertEqual({world.OLD % 'a'}, around.volumes['a'].on_host)
        self.assertIsNone(around.instance.task_state)

    def test_second_pass_records_nothing(self):
        around = self.world(world.Volume('a', 0))
        self.recover(around, Policy.REFRESH)
        self.record.reset_mock()
        del around.calls[:]
        result = self.recover(around, Policy.REFRESH)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertEqual([], self.record.mock_calls)
        self.assertEqual(world.asked('a')[1:], around.calls)

    def test_reboot_brings_it_to_the_truth(self):
        around = self.world(world.Volume('a', 0))
        self.recover(around, Policy.REFRESH)
        around.instance.task_state = 'rebooting_hard'
        self.assertTrue(self.catch_up(around))
        self.assertEqual([
            *world.asked('a')[1:], 'power_off', 'disconnect a /primary/a',
            'save a', 'save a'], around.calls)
        self.assertEqual({'a': world.NEW % 'a'}, around.paths())
        self.assertEqual('rebooting_hard', around.instance.task_state)
        self.assertNotIn(staleness.IN_PROGRESS_MARKER,
                         around.bdms[0].connection_info)

    def test_stopped_server_is_brought_to_the_truth(self):
        around = self.world(world.Volume('a', 0))
        self.recover(around, Policy.REFRESH)
        around.instance.vm_state, around.guest_runs = 'stopped', False
        result = self.recover(around, Policy.REFRESH)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual({'a': 'secondary'}, around.stamps())

    def test_nothing_waits(self):
        around = self.world(world.Volume('a', 0))
        self.assertFalse(self.catch_up(around))
        self.assertEqual([], around.calls)

    def test_storage_does_not_answer_at_the_reboot(self):
        around = self.world(world.Volume('a', 0))
        self.recover(around, Policy.REFRESH)
        self.probe.side_effect = recovery.attempt.exception.StorageUnreachable(
            volume_id='a', reason='dead')
        self.assertTrue(self.catch_up(around))
        self.assertTrue(around.guest_runs)
        self.assertEqual({'a': world.OLD % 'a'}, around.paths())


class Nothing(base.Case):

    def test_left_alone(self):
        around = self.world(world.Volume('a', 0))
        result = self.recover(around, Policy.NONE)
        self.assertEqual(Outcome.SKIPPED, result.outcome)
        self.assertEqual([], around.calls)

    def test_what_was_begun_is_finished(self):
        around = self.world(world.Volume('a', 0))
        around.errors['connect'] = OSError('x')
        self.recover(around)
        around.errors.clear()
        result = self.recover(around, Policy.NONE)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertTrue(around.guest_runs)


class WhoDecides(base.Case):

    def test_metadata_of_the_server(self):
        around = self.world(world.Volume('a', 0))
        around.instance.metadata = {'failover:policy': 'none'}
        self.assertEqual(Outcome.SKIPPED, self.recover(around).outcome)

    def test_configuration(self):
        around = self.world(world.Volume('a', 0))
        around.conf.set_override('default_policy', 'none', 'failover')
        self.assertEqual(Outcome.SKIPPED, self.recover(around).outcome)

    def test_operator_overrules_both(self):
        around = self.world(world.Volume('b'))
        around.instance.metadata = {'failover:policy': 'none'}
        result = self.recover(around, Policy.POWER_CYCLE)
        self.assertTrue(result.power_cycled)


class Legacy(base.Case):

    def test_answer_is_the_new_connection(self):
        around = self.world(world.Volume('b'))
        around.bdms[0].attachment_id = None
        result = self.recover(around)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual({'b': world.NEW % 'b'}, around.paths())
        self.assertNotIn('attachment_update', verbs(around))
        self.assertEqual(world.NEW % 'b', around.volumes['b'].in_guest)


class Multiattach(base.Case):

    def shared(self, other_path):
        around = self.world(world.Volume('b'))
        info = jsonutils.loads(around.bdms[0].connection_info)
        around.bdms[0].connection_info = jsonutils.dumps(
            dict(info, multiattach=True))
        other = world.World(world.Volume('b')).bdms[0]
        other.id = 'other'
        other.connection_info = jsonutils.dumps(dict(
            info, multiattach=True, data={'device_path': other_path}))
        around.host.mappings_of.side_effect = lambda context, volume_id: [
            *around.bdms, other]
        return around

    def test_connection_stays_for_the_other_server(self):
        around = self.shared(world.OLD % 'b')
        result = self.recover(around)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertNotIn('disconnect', verbs(around))

    def test_last_user_removes_it(self):
        around = self.shared(world.NEW % 'b')
        self.recover(around)
        self.assertIn('disconnect b /primary/b', around.calls)
        around.host.volume_lock.assert_called_once_with('b')

    def test_other_attachment_may_be_at_work(self):
        around = self.shared(world.NEW % 'b')
        around.cinder.complete.side_effect = lambda context, attachment: (
            setattr(around.volumes['b'], 'attachment_status', 'attached'))
        result = self.recover(around)
        self.assertEqual('attaching', around.volumes['b'].status)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)

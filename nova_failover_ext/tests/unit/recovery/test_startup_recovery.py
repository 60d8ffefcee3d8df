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

"""Which guests are withheld at the start, and what becomes of them."""

import dataclasses
import threading
from unittest import mock

import ddt
import fixtures
import futurist
from nova import exception as nova_exception
from nova.objects import instance as instance_object
from oslo_serialization import jsonutils

from nova_failover_ext import exception
from nova_failover_ext.recovery import bounded
from nova_failover_ext.recovery import cinder_api
from nova_failover_ext.recovery import recovery
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery import startup_recovery
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world

Outcome = results.Outcome
BACKEND = 'array@repl'


class StartupRecoveryCase(base.Case):

    def setUp(self):
        super().setUp()
        self.claimed = self.useFixture(fixtures.MockPatchObject(
            instance_object.InstanceList, 'get_by_filters', autospec=True,
            return_value=[])).mock


@ddt.ddt
class StartupRecovery(StartupRecoveryCase):

    def setUp(self):
        super().setUp()
        self.around = self.world(world.Volume('a', 0), guest_runs=False)
        self.place, self.replication = 'secondary', 'failed-over'
        self.group = None
        self.around.cinder.backends.side_effect = (
            lambda context: {BACKEND: cinder_api.Backend(self.place)})
        self.around.cinder.volume.side_effect = self.volume
        self.useFixture(fixtures.MockPatchObject(
            futurist, 'ThreadPoolExecutor', autospec=True,
            side_effect=lambda max_workers:
                futurist.SynchronousExecutor()))
        self.own = startup_recovery.StartupRecovery(
            self.around.components, recovery.Recovery(self.around.components))

    def volume(self, context, name):
        return dataclasses.replace(
            self.around.show(context, name), backend=BACKEND,
            replication_status=self.replication, group_id=self.group)

    def withhold(self):
        return self.own.withhold(self.context, self.around.instance)

    def stamp(self, value):
        bdm = self.around.bdms[0]
        info = jsonutils.loads(bdm.connection_info)
        bdm.connection_info = jsonutils.dumps(dict(
            info, **{staleness.STAMP: value}))

    def test_stale_server_is_withheld_and_powered_on(self):
        self.stamp('')
        self.assertTrue(self.withhold())
        self.assertEqual(staleness.TASK_STATE, self.around.instance.task_state)
        self.assertEqual([], self.around.calls)
        self.own.start()
        self.assertTrue(self.around.guest_runs)
        self.assertEqual({'a': 'secondary'}, self.around.stamps())
        self.assertIsNone(self.around.instance.task_state)

    def test_group_that_has_failed_over_by_itself(self):
        self.stamp('')
        self.group = 'alpha'
        self.around.cinder.backends.side_effect = (
            lambda context: {BACKEND: cinder_api.Backend('', 'enabled')})
        self.assertTrue(self.withhold())
        self.own.start()
        self.assertEqual({'a': 'group failed-over'}, self.around.stamps())

    def test_server_that_never_moved_is_left_to_nova(self):
        self.place = ''
        self.assertFalse(self.withhold())
        self.around.instance.save.assert_not_called()

    def test_server_that_was_never_asked_about_is_withheld_at_a_replica(self):
        self.assertTrue(self.withhold())
        self.own.start()
        self.assertTrue(self.around.guest_runs)
        self.assertEqual({'a': 'secondary'}, self.around.stamps())

    def test_healthy_server_is_left_to_nova(self):
        self.stamp('secondary')
        self.assertFalse(self.withhold())
        self.around.instance.save.assert_not_called()

    @ddt.data('disabled', 'not-capable')
    def test_volume_without_replication(self, status):
        self.replication = status
        self.assertFalse(self.withhold())

    @ddt.data('paused', 'rescued', 'suspended')
    def test_other_states_are_left_to_nova(self, vm_state):
        self.around.instance.vm_state = vm_state
        self.assertFalse(self.withhold())

    def test_policy_none(self):
        self.around.instance.metadata = {'failover:policy': 'none'}
        self.assertFalse(self.withhold())

    def test_what_was_begun_is_withheld(self):
        self.stamp('secondary')
        self.around.instance.task_state = staleness.TASK_STATE
        self.assertTrue(self.withhold())

    def test_task_of_somebody_else(self):
        self.around.instance.save.side_effect = (
            nova_exception.UnexpectedTaskStateError(
                instance_uuid=world.SERVER, expected={}, actual={}))
        self.assertFalse(self.withhold())
        self.assertIsNone(self.around.instance.task_state)

    def test_server_is_deleted_meanwhile(self):
        self.around.instance.save.side_effect = (
            nova_exception.InstanceNotFound(instance_id=world.SERVER))
        self.assertFalse(self.withhold())

    def test_silent_cinder_is_asked_once_for_all_servers(self):
        self.around.cinder.backends.side_effect = exception.RecoveryDeferred(
            reason='no answer')
        self.assertFalse(self.withhold())
        self.assertFalse(self.withhold())
        self.around.cinder.backends.assert_called_once()

    def test_cinder_does_not_answer(self):
        self.stamp('')
        self.around.cinder.backends.side_effect = exception.RecoveryDeferred(
            reason='no answer')
        self.assertTrue(self.withhold())
        self.own.start()
        # For the next pass, which finishes what is claimed.
        self.assertEqual(staleness.TASK_STATE, self.around.instance.task_state)
        self.assertFalse(self.around.guest_runs)

    def test_cinder_does_not_answer_for_what_was_never_stamped(self):
        self.around.cinder.backends.side_effect = exception.RecoveryDeferred(
            reason='no answer')
        self.assertFalse(self.withhold())

    def test_failure_is_left_to_the_next_pass(self):
        self.assertTrue(self.withhold())
        self.around.errors['connect'] = OSError('x')
        self.own.start()
        self.assertEqual(staleness.TASK_STATE, self.around.instance.task_state)

    def test_unexpected_error_ends_no_other_recovery(self):
        self.assertTrue(self.withhold())
        self.around.host.locked.side_effect = RuntimeError('canary')
        self.own.start()
        self.assertEqual(staleness.TASK_STATE, self.around.instance.task_state)

    @ddt.data('a', world.SERVER)
    def test_server_that_only_its_owner_can_start(self, what):
        self.around.obstacles[what] = 'no secret'
        self.assertFalse(self.withhold())
        self.around.instance.save.assert_not_called()

    def test_what_nobody_expects_keeps_no_service_from_starting(self):
        self.around.virt.server_obstacle.side_effect = ValueError('canary')
        self.assertTrue(self.withhold())

    def test_silent_key_manager_is_asked_once_for_all_servers(self):
        calls = self.useFixture(fixtures.MockPatchObject(
            self.around.components.calls, 'call', autospec=True,
            side_effect=bounded.TimedOut('no answer within 60 seconds'))).mock
        for _server in range(3):
            self.around.instance.task_state = None
            self.assertTrue(self.withhold())
        self.assertEqual(1, calls.call_count)

    def test_key_manager_is_asked_again_after_another_failure(self):
        self.around.virt.obstacle.side_effect = (
            exception.RecoveryDeferred(reason='Cinder failed'))
        for _server in range(3):
            self.around.instance.task_state = None
            self.assertTrue(self.withhold())
        self.assertEqual(3, self.around.virt.obstacle.call_count)

    def test_nothing_was_withheld(self):
        self.own.start()
        futurist.ThreadPoolExecutor.assert_not_called()


class CutOff(StartupRecoveryCase):
    """Servers whose recovery ended with the last process."""

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(
            futurist, 'ThreadPoolExecutor', autospec=True,
            side_effect=lambda max_workers:
                futurist.SynchronousExecutor()))

    def start(self, *volumes):
        self.around = self.world(*volumes)
        self.around.instance.task_state = staleness.TASK_STATE
        self.claimed.return_value = [self.around.instance]
        self.around.cinder.backends.return_value = {
            BACKEND: cinder_api.Backend('secondary')}
        self.around.cinder.volume.side_effect = (
            lambda context, name: dataclasses.replace(
                self.around.show(context, name), backend=BACKEND,
                replication_status=None))
        self.own = startup_recovery.StartupRecovery(
            self.around.components, recovery.Recovery(self.around.components))

    def test_server_without_a_volume_left_is_let_go_of(self):
        self.start()
        self.around.cinder.backends.side_effect = exception.RecoveryDeferred(
            reason='no answer')
        self.own.start()
        self.assertIsNone(self.around.instance.task_state)
        self.assertEqual(
            {'host': 'here', 'deleted': False,
             'task_state': staleness.TASK_STATE},
            self.claimed.call_args.args[1])

    def test_what_was_begun_by_hand_is_finished(self):
        self.start(world.Volume('a'))
        self.begin()
        self.own.start()
        self.assertEqual({'a': 'secondary'}, self.around.stamps())
        self.assertIsNone(self.around.instance.task_state)

    def test_what_is_withheld_is_recovered_once(self):
        self.start(world.Volume('a'))
        work = mock.create_autospec(recovery.Recovery, instance=True)
        self.own = startup_recovery.StartupRecovery(self.around.components,
                                                    work)
        self.begin()
        self.assertTrue(self.own.withhold(
            self.context, self.around.instance))
        self.own.start()
        work.recover.assert_called_once()

    def begin(self):
        bdm, = self.around.bdms
        info = jsonutils.loads(bdm.connection_info)
        bdm.connection_info = jsonutils.dumps(dict(
            info, **{staleness.IN_PROGRESS_MARKER: {'place': None}}))


class Threads(StartupRecoveryCase):
    """There may be more servers than threads."""

    def test_every_server_has_its_turn(self):
        around = self.world(world.Volume('a', 0), guest_runs=False)
        around.cinder.backends.return_value = {
            BACKEND: cinder_api.Backend('secondary')}
        around.cinder.volume.side_effect = (
            lambda context, name: cinder_api.Volume(
                'in-use', 'failed-over', BACKEND))
        work = mock.create_autospec(recovery.Recovery, instance=True)
        begun = threading.Semaphore(0)
        work.recover.side_effect = lambda *args: begun.release()
        own = startup_recovery.StartupRecovery(around.components, work)
        for number in range(20):
            around.instance.uuid = f'server-{number}'
            self.assertTrue(own.withhold(self.context, around.instance))
        own.start()
        self.assertTrue(all(begun.acquire(timeout=30)
                            for _number in range(20)))
        self.assertEqual({f'server-{number}' for number in range(20)}, {
            call.args[1] for call in work.recover.call_args_list})

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

"""What the manager does around Nova's own operations."""

from unittest import mock

import fixtures
from nova.compute import manager as nova_manager
from nova.compute import task_states
from nova.objects import block_device
from nova.objects import instance as instance_object
from oslotest import base

from nova_failover_ext.compute import manager
from nova_failover_ext.recovery import recovery
from nova_failover_ext.recovery import startup_recovery


class Manager(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.manager = manager.FailoverComputeManager.__new__(
            manager.FailoverComputeManager)
        self.manager._recovery = self.recovery = mock.create_autospec(
            recovery.Recovery, instance=True)
        self.manager._startup_recovery = self.own = mock.create_autospec(
            startup_recovery.StartupRecovery, instance=True)
        self.instance = mock.create_autospec(
            instance_object.Instance, instance=True)
        self.recovery.catch_up.return_value = False

    def nova(self, name):
        return self.useFixture(fixtures.MockPatchObject(
            nova_manager.ComputeManager, name, autospec=True)).mock

    def reboot(self, kind):
        nova = self.nova('reboot_instance')
        self.manager.reboot_instance('context', self.instance, None, kind)
        nova.assert_called_once()
        return nova.call_args.args[-1]

    def test_reboot_as_ever(self):
        self.assertEqual('SOFT', self.reboot('SOFT'))
        self.instance.save.assert_not_called()

    def test_soft_reboot_becomes_a_hard_one(self):
        self.recovery.catch_up.return_value = True
        self.assertEqual('HARD', self.reboot('SOFT'))
        self.instance.save.assert_called_once_with(
            expected_task_state=list(task_states.soft_reboot_states))
        self.assertEqual(task_states.REBOOT_PENDING_HARD,
                         self.instance.task_state)

    def test_hard_reboot_stays_one(self):
        self.recovery.catch_up.return_value = True
        self.assertEqual('HARD', self.reboot('HARD'))
        self.instance.save.assert_not_called()

    def test_start(self):
        nova = self.nova('start_instance')
        self.manager.start_instance('context', self.instance)
        self.recovery.catch_up.assert_called_once_with(
            mock.ANY, self.instance)
        nova.assert_called_once_with(self.manager, 'context', self.instance)

    def test_error_keeps_nova_from_nothing(self):
        self.recovery.catch_up.side_effect = RuntimeError
        self.assertEqual('SOFT', self.reboot('SOFT'))

    def test_deletion_disconnects_what_is_connected_now(self):
        nova = self.nova('_delete_instance')
        loaded = self.useFixture(fixtures.MockPatchObject(
            block_device.BlockDeviceMappingList, 'get_by_instance_uuid',
            autospec=True)).mock
        self.manager._delete_instance('context', self.instance, ['stale'])
        loaded.assert_called_once_with('context', self.instance.uuid)
        nova.assert_called_once_with(
            self.manager, 'context', self.instance, loaded.return_value)

    def test_withheld_guest_is_not_resumed(self):
        nova = self.nova('_resume_guests_state')
        self.own.withhold.return_value = True
        self.manager._resume_guests_state('context', self.instance, 'net')
        nova.assert_not_called()

    def test_other_guest_is_resumed(self):
        nova = self.nova('_resume_guests_state')
        self.own.withhold.return_value = False
        self.manager._resume_guests_state('context', self.instance, 'net')
        nova.assert_called_once()

    def test_withheld_guests_are_recovered_once_the_service_runs(self):
        self.nova('post_start_hook')
        self.manager.post_start_hook()
        self.own.start.assert_called_once_with()

    def test_no_error_keeps_the_service_from_starting(self):
        nova = self.nova('post_start_hook')
        self.own.start.side_effect = RuntimeError('canary')
        log = self.useFixture(fixtures.FakeLogger())
        self.manager.post_start_hook()
        nova.assert_called_once_with(self.manager)
        self.assertIn('RuntimeError', log.output)
        self.assertNotIn('canary', log.output)

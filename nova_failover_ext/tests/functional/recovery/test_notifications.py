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


"""Nova's own consumers see a recovery among the versioned notifications."""

from unittest import mock

import ddt
from nova.notifications.objects import instance as instance_notification
from nova import objects
from nova.tests.fixtures import notifications as notification_fixtures

from nova_failover_ext.recovery import instance_notifications
from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery.virt import libvirt
from nova_failover_ext.tests.functional.recovery import base

Phase = instance_notifications.Phase


@ddt.ddt
class Notifications(base.FailoverTestBase):

    def setUp(self):
        super().setUp()
        # After the services: their buses are up.
        self.bus = self.useFixture(
            notification_fixtures.NotificationFixture(self))
        self.server = self.boot(self.root())
        # It comes after the server has become ACTIVE.
        self.bus.wait_for_versioned_notifications('instance.create.end')
        self.bus.reset()

    def instance(self):
        """Load the server as a recovery does, in its midst."""
        instance = objects.Instance.get_by_uuid(
            self.context, self.server['id'], expected_attrs=[
                'flavor', 'info_cache', 'metadata', 'numa_topology',
                'resources', 'system_metadata'])
        instance.task_state = staleness.TASK_STATE
        instance.save()
        return instance

    def emit(self, phase, message='', instance=None):
        instance_notifications.emit(
            self.context, instance or self.instance(), 'compute1', phase,
            self.failover_id, message)
        found, = self.bus.wait_for_versioned_notifications(
            f'instance.failover_recover.{phase.value}')
        self.assertEqual('nova-compute:compute1', found['publisher_id'])
        return found['priority'], found['payload']['nova_object.data']

    @ddt.data('both', 'versioned')
    def test_start(self, notification_format):
        self.flags(notification_format=notification_format,
                   group='notifications')
        self.flags(bdms_in_notifications=True, group='notifications')
        priority, data = self.emit(Phase.START)
        self.assertEqual('INFO', priority)
        self.assertEqual(
            (self.server['id'], self.failover_id,
             staleness.TASK_STATE, 'active'),
            (data['uuid'], data['failover_id'], data['task_state'],
             data['state']))
        disk, = data['block_devices']
        self.assertEqual(self.ROOT,
                         disk['nova_object.data']['volume_id'])
        self.assertNotIn(self.cinder.secret, str(data))

    def test_fields_are_those_of_nova(self):
        instance = self.instance()
        _, data = self.emit(Phase.END, instance=instance)
        instance.task_state = None
        nova = instance_notification.InstanceActionPayload(
            self.context, instance, None).obj_to_primitive()
        expected = dict(nova['nova_object.data'],
                        task_state=staleness.TASK_STATE,
                        failover_id=self.failover_id)
        self.assertEqual(expected, data)

    def test_error(self):
        priority, data = self.emit(Phase.ERROR, 'in step plug')
        self.assertEqual(
            ('ERROR', 'in step plug'),
            (priority, data['fault']['nova_object.data'][
                'exception_message']))

    def test_unversioned(self):
        self.flags(notification_format='unversioned', group='notifications')
        instance_notifications.emit(self.context, self.instance(), 'compute1',
                                    Phase.START, self.failover_id)
        self.assertEqual([], self.bus.versioned_notifications)

    def test_a_recovery_is_notified(self):
        self.cinder.site = 'secondary'
        self.recover(self.server, self.ROOT)
        self.assertEqual(
            [('INFO', 'instance.failover_recover.start', staleness.TASK_STATE),
             ('INFO', 'instance.failover_recover.end', staleness.TASK_STATE)],
            [(found['priority'], found['event_type'],
              found['payload']['nova_object.data']['task_state'])
             for found in self.bus.versioned_notifications])
        data = self.bus.versioned_notifications[0]['payload'][
            'nova_object.data']
        self.assertEqual(self.failover_id, data['failover_id'])

    def test_a_failure_is_notified_without_secrets(self):
        self.cinder.site = 'secondary'
        with mock.patch.object(
                libvirt.LibvirtHost, 'connect', autospec=True,
                side_effect=OSError(f'login: {self.cinder.secret}')):
            self.recover(self.server, self.ROOT)
        found, = self.bus.wait_for_versioned_notifications(
            'instance.failover_recover.error')
        self.assertEqual('ERROR', found['priority'])
        fault = found['payload']['nova_object.data']['fault'][
            'nova_object.data']
        self.assertIn('step connect', fault['exception_message'])
        self.assertNotIn(self.cinder.secret,
                         str(self.bus.versioned_notifications))

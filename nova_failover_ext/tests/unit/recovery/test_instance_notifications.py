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


"""A recovery is notified as Nova's own operations are."""

from unittest import mock

import ddt
import nova.conf
from nova import context as nova_context
from nova.notifications.objects import instance as instance_notification
from nova import objects
from nova.objects import base as nova_base
from nova import rpc
from oslo_config import fixture as config_fixture
import oslo_messaging
from oslo_utils import uuidutils
from oslotest import base

from nova_failover_ext.recovery import instance_notifications
from nova_failover_ext.recovery import staleness

Phase = instance_notifications.Phase
Payload = instance_notifications.InstanceFailoverRecoverPayload


def server():
    """Return a server as the compute host has it during a recovery."""
    return objects.Instance(
        uuid=uuidutils.generate_uuid(), task_state=staleness.TASK_STATE,
        vm_state='active', power_state=1, locked=False, auto_disk_config=True,
        metadata={'a': 'b'}, system_metadata={}, info_cache=None,
        flavor=objects.Flavor(
            flavorid='1', name='small', memory_mb=64, vcpus=1, root_gb=0,
            ephemeral_gb=0, swap=0, rxtx_factor=1, vcpu_weight=0,
            disabled=False, is_public=True, extra_specs={}, projects=[],
            description=None))


@ddt.ddt
class Emit(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.config = self.useFixture(
            config_fixture.Config(nova.conf.CONF))
        self.config.config(
            notification_format='versioned', group='notifications')
        self.config.config(bdms_in_notifications=False,
                           group='notifications')
        notifier = mock.create_autospec(
            oslo_messaging.Notifier, instance=True)
        self.prepare = notifier.prepare
        self.sent = notifier.prepare.return_value = mock.create_autospec(
            oslo_messaging.Notifier, instance=True)
        patched = mock.patch.object(rpc, 'NOTIFIER', notifier)
        patched.start()
        self.addCleanup(patched.stop)
        self.context = nova_context.get_admin_context()
        self.instance = server()

    def emit(self, phase, message=''):
        instance_notifications.emit(self.context, self.instance, 'here', phase,
                                    'req-failover', message)

    def data(self, send):
        """Return what was published, and its event type."""
        send.assert_called_once()
        self.assertEqual((self.context,), send.call_args.args)
        payload = send.call_args.kwargs['payload']
        self.assertEqual(
            ('InstanceFailoverRecoverPayload', 'nova_failover_ext', '1.0'),
            tuple(payload[f'nova_object.{key}']
                  for key in ('name', 'namespace', 'version')))
        self.assertNotIn('nova_object.changes', payload)
        return (send.call_args.kwargs['event_type'],
                payload['nova_object.data'])

    @ddt.data(Phase.START, Phase.END)
    def test_all_is_well(self, phase):
        self.emit(phase)
        event_type, data = self.data(self.sent.info)
        self.assertEqual(f'instance.failover_recover.{phase.value}',
                         event_type)
        self.assertEqual(
            (self.instance.uuid, 'req-failover', 'recovering_volumes', None),
            (data['uuid'], data['failover_id'], data['task_state'],
             data['fault']))
        self.prepare.assert_called_once_with(publisher_id='nova-compute:here')

    def test_error(self):
        self.emit(Phase.ERROR, 'Recovery failed in step plug: ***')
        event_type, data = self.data(self.sent.error)
        self.assertEqual('instance.failover_recover.error', event_type)
        fault = data['fault']['nova_object.data']
        self.assertEqual(
            ('Recovery failed in step plug: ***', ''),
            (fault['exception_message'], fault['traceback']))

    def test_unversioned(self):
        self.config.config(
            notification_format='unversioned', group='notifications')
        self.emit(Phase.START)
        self.prepare.assert_not_called()

    @mock.patch.object(instance_notifications, 'LOG', autospec=True)
    def test_failure_is_only_logged(self, log):
        self.sent.info.side_effect = oslo_messaging.MessageDeliveryFailure(
            'password=canary')
        self.emit(Phase.END)
        log.warning.assert_called_once()
        values = log.warning.call_args.args[1]
        self.assertEqual('end', values['phase'])
        self.assertNotIn('canary', values['error'])

    @mock.patch.object(instance_notifications, 'LOG', autospec=True)
    def test_server_that_cannot_be_told(self, log):
        self.instance = objects.Instance(uuid=self.instance.uuid)
        self.emit(Phase.START)
        log.warning.assert_called_once()
        self.sent.info.assert_not_called()


class Payloads(base.BaseTestCase):

    def test_all_that_nova_tells_of_an_action(self):
        own = instance_notification.InstanceActionPayload
        self.assertEqual({'failover_id'}, set(Payload.fields) -
                         set(own.fields))
        self.assertEqual(set(), set(own.fields) - set(Payload.fields))

    def test_registries_of_nova_stay_as_they_are(self):
        registry = nova_base.NovaObjectRegistry
        self.assertNotIn(Payload.obj_name(), registry.obj_classes())
        self.assertNotIn(Payload, registry.notification_classes)

    def test_nova_does_not_know_the_task_state(self):
        # If it ever does, its own payload will do.
        field = instance_notification.InstancePayload.fields['task_state']
        self.assertRaises(ValueError, field.coerce, None, 'task_state',
                          staleness.TASK_STATE)

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

"""What is given to oslo.messaging; reading is a matter of functional tests."""

from unittest import mock

from cinder import objects
import oslo_messaging
from oslo_messaging import transport

objects.register_all()

from cinder_failover_hooks.tests.unit import base  # noqa: E402
from cinder_failover_hooks import upstream  # noqa: E402


class TestSend(base.TestCase):
    """One notification, in the format that Notifier has."""

    def setUp(self) -> None:
        """Send to nowhere."""
        super().setUp()
        self.transport = mock.create_autospec(
            transport.NotificationTransport, instance=True)

    def _send(self) -> None:
        upstream.send(self.transport, 'topic', 'volume.ctl1@rbd', 'event',
                      'error', {'some': 'payload'})

    def test_message(self) -> None:
        """No context goes along: there are credentials in one."""
        self._send()
        [call] = self.transport._send_notification.mock_calls
        target, context, message = call.args
        self.assertEqual({'version': 2.0, 'retry': 1}, call.kwargs)
        self.assertEqual(('topic.error', {}), (target.topic, context))
        self.assertTrue(message.pop('message_id'))
        self.assertTrue(message.pop('timestamp'))
        self.assertEqual(
            {'publisher_id': 'volume.ctl1@rbd', 'event_type': 'event',
             'priority': 'ERROR', 'payload': {'some': 'payload'}}, message)

    def test_an_error_is_raised(self) -> None:
        """Notifier and its driver would swallow it."""
        self.transport._send_notification.side_effect = (
            oslo_messaging.MessageDeliveryFailure('down'))
        self.assertRaises(oslo_messaging.MessageDeliveryFailure, self._send)

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

"""The public fixture, over a real in-memory bus."""

import oslo_messaging

from cinder_failover_hooks import notifications
from cinder_failover_hooks.testing import notifications_fixture
from cinder_failover_hooks.tests.unit import base


class TestFixture(base.TestCase):
    """Receiving and waiting."""

    def setUp(self) -> None:
        """Listen to an in-memory bus, and have something to send with."""
        super().setUp()
        conf = self.config()
        self.kept: list[notifications_fixture.Received] = []
        self.listener = self.useFixture(
            notifications_fixture.FailoverNotifications(
                conf, transport_url='fake:/', on_received=self.kept.append))
        self.notifier = oslo_messaging.Notifier(
            oslo_messaging.get_notification_transport(conf, url='fake:/'),
            publisher_id='volume.ctl1@rbd', driver='messagingv2',
            topics=[notifications.TOPIC])

    def test_wait_for(self) -> None:
        """It returns what has come, read."""
        sample = base.sample('backend-failover-end')
        self.notifier.info({}, sample['event_type'], sample['payload'])
        self.notifier.error({}, notifications.ERROR, base.sample(
            'backend-failover-error')['payload'])
        [end] = self.listener.wait_for(notifications.END)
        [error] = self.listener.wait_for(notifications.ERROR)
        self.assertEqual(base.REQUEST, end.payload.failover_id)
        self.assertEqual(sample['payload'], end.primitive)
        self.assertEqual(('info', 'error'), (end.priority, error.priority))
        self.assertEqual('volume.ctl1@rbd', end.publisher_id)
        self.assertIn(end, self.kept)

    def test_what_does_not_come(self) -> None:
        """The error says what came instead."""
        sample = base.sample('backend-announce')
        self.notifier.info({}, sample['event_type'], sample['payload'])
        self.listener.wait_for(notifications.ANNOUNCE)
        error = self.assertRaises(
            TimeoutError, self.listener.wait_for, notifications.END,
            timeout=0.01)
        self.assertIn(notifications.ANNOUNCE, str(error))

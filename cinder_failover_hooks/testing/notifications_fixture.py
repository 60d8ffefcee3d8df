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

"""A public fixture for tests of a listener to failover notifications.

The module imports neither Cinder nor Nova. It needs the library ``fixtures``::

    listener = self.useFixture(notifications_fixture.FailoverNotifications(
        CONF, transport_url='fake:/'))
    ...
    [end] = listener.wait_for(notifications.END)
    self.assertTrue(end.payload.last)
"""

import bisect
from collections.abc import Callable
import dataclasses
import threading
from typing import Any

import fixtures
from oslo_config import cfg
import oslo_messaging

from cinder_failover_hooks import notifications
from cinder_failover_hooks import objects

#: Seconds after which a test stops waiting and fails.
TIMEOUT = 30


@dataclasses.dataclass(frozen=True)
class Received:
    """A received notification.

    :param event_type: one of the event types of ``notifications``
    :param publisher_id: ``volume.host@backend``
    :param priority: ``info`` or ``error``
    :param primitive: the payload as received
    :param payload: the payload as an object
    :param sent_at: when it was sent, by the clock of the sender
    """

    event_type: str
    publisher_id: str
    priority: str
    primitive: dict[str, Any]
    payload: objects.BackendFailoverPayload
    sent_at: str


class FailoverNotifications(fixtures.Fixture):
    """Listens to failover notifications and stores them.

    :param conf: configuration of the notification transport
    :param topics: topics to listen on
    :param transport_url: URL to use instead of the configured one
    :param on_received: function that is called with each notification before
        it is stored, for instance to read the database at that moment
    """

    def __init__(self, conf: cfg.ConfigOpts,
                 topics: tuple[str, ...] = (notifications.TOPIC,),
                 transport_url: str | None = None,
                 on_received: Callable[[Received], None] | None = None
                 ) -> None:
        super().__init__()
        self._conf = conf
        self._topics = topics
        self._transport_url = transport_url
        self._on_received = on_received
        self._changed = threading.Condition()
        #: all notifications received, ordered by the time of sending
        #: because the threads of the listener may receive them out of order
        self.received: list[Received] = []

    def _setUp(self) -> None:
        transport = oslo_messaging.get_notification_transport(
            self._conf, url=self._transport_url)
        self.addCleanup(transport.cleanup)
        listener = oslo_messaging.get_notification_listener(
            transport,
            [oslo_messaging.Target(topic=topic) for topic in self._topics],
            [self], executor='threading')
        listener.start()
        self.addCleanup(listener.wait)
        self.addCleanup(listener.stop)

    def info(self, context: Any, publisher_id: str, event_type: str,
             payload: Any, metadata: dict[str, Any]) -> None:
        """Store a notification of priority info for oslo.messaging."""
        self._store('info', publisher_id, event_type, payload, metadata)

    def error(self, context: Any, publisher_id: str, event_type: str,
              payload: Any, metadata: dict[str, Any]) -> None:
        """Store a notification of priority error for oslo.messaging."""
        self._store('error', publisher_id, event_type, payload, metadata)

    def of(self, event_type: str) -> list[Received]:
        """Return the notifications received with an event type.

        :param event_type: one of the event types of ``notifications``
        """
        return [one for one in list(self.received)
                if one.event_type == event_type]

    def wait_for(self, event_type: str, count: int = 1,
                 timeout: float = TIMEOUT) -> list[Received]:
        """Wait for a number of notifications with an event type.

        :param event_type: one of the event types of ``notifications``
        :param count: number of notifications of all backends since the
            fixture was set up
        :param timeout: seconds
        :returns: the notifications received, at least ``count``
        :raises TimeoutError: fewer notifications were received; the text
            lists the event types of those received
        """
        with self._changed:
            if not self._changed.wait_for(
                    lambda: len(self.of(event_type)) >= count, timeout):
                raise TimeoutError('Waited for %d of %s, received %s' % (
                    count, event_type,
                    [one.event_type for one in self.received]))
            return self.of(event_type)

    def _store(self, priority: str, publisher_id: str, event_type: str,
              primitive: dict[str, Any], metadata: dict[str, Any]) -> None:
        received = Received(
            event_type, publisher_id, priority, primitive,
            notifications.from_notification(primitive),
            metadata['timestamp'])
        if self._on_received:
            self._on_received(received)
        with self._changed:
            bisect.insort(self.received, received,
                          key=lambda one: one.sent_at)
            self._changed.notify_all()

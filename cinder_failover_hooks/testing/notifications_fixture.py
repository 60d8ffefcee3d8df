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

"""A public test fixture for those who listen to failover notifications.

It imports neither Cinder nor Nova, and needs the ``fixtures`` library::

    listener = self.useFixture(
        fixture.FailoverNotifications(CONF, transport_url='fake:/'))
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

#: Seconds after which waiting for a notification fails a test.
TIMEOUT = 30


@dataclasses.dataclass(frozen=True)
class Received:
    """A notification as it came in.

    :param event_type: one of the event types of ``notifications``
    :param publisher_id: ``volume.host@backend``
    :param priority: ``info`` or ``error``
    :param primitive: the payload as it was on the bus
    :param payload: the payload read
    :param sent_at: when it was sent, by the clock of the sender
    """

    event_type: str
    publisher_id: str
    priority: str
    primitive: dict[str, Any]
    payload: objects.BackendFailoverPayload
    sent_at: str


class FailoverNotifications(fixtures.Fixture):
    """Listens to failover notifications and keeps them.

    :param conf: configuration whose notification transport is used
    :param topics: topics to listen to
    :param transport_url: replaces the one of the configuration
    :param on_received: called with each notification before it is kept,
        for instance to look at the database at that moment
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
        #: everything received so far, in the order in which it was sent:
        #: the listener's threads may overtake each other
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
        """Keep a notification of info priority; oslo.messaging calls it."""
        self._keep('info', publisher_id, event_type, payload, metadata)

    def error(self, context: Any, publisher_id: str, event_type: str,
              payload: Any, metadata: dict[str, Any]) -> None:
        """Keep a notification of error priority; oslo.messaging calls it."""
        self._keep('error', publisher_id, event_type, payload, metadata)

    def of(self, event_type: str) -> list[Received]:
        """Return what was received so far of an event type.

        :param event_type: one of the event types of ``notifications``
        """
        return [one for one in list(self.received)
                if one.event_type == event_type]

    def wait_for(self, event_type: str, count: int = 1,
                 timeout: float = TIMEOUT) -> list[Received]:
        """Wait until so many notifications of an event type have come.

        :param event_type: one of the event types of ``notifications``
        :param count: how many, of any backend, since the fixture was used
        :param timeout: seconds
        :returns: those received, at least ``count``
        :raises TimeoutError: they did not come; says what came instead
        """
        with self._changed:
            if not self._changed.wait_for(
                    lambda: len(self.of(event_type)) >= count, timeout):
                raise TimeoutError('%d of %s did not come, but %s' % (
                    count, event_type,
                    [one.event_type for one in self.received]))
            return self.of(event_type)

    def _keep(self, priority: str, publisher_id: str, event_type: str,
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

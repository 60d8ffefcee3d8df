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
"""Listen to the failover notifications, and send them again."""

import collections
import dataclasses
import logging
import re
import threading
import typing

from oslo_config import cfg
from oslo_service import backend

from cloud import settings

# To be chosen before oslo.messaging is imported, which else takes eventlet.
backend.init_backend(backend.BackendType.THREADING)

import oslo_messaging  # noqa: E402

LOG = logging.getLogger(__name__)

TOPIC = 'failover_notifications'
EXCHANGE = 'openstack'

#: What the engine logs of each notification that reaches it.
_ARRIVAL = re.compile(r' INFO nova_failover_ext\.engine\.listener\.'
                      r'notification_endpoint .*'
                      r'Notification (\S+): (\S+) is on \S+ '
                      r'\(failover (\S+)\)$', re.MULTILINE)


@dataclasses.dataclass
class Message:
    """A notification.

    :ivar event: its event type
    :ivar publisher: who sent it
    :ivar priority: ``info`` or ``error``
    :ivar payload: what it says
    """

    event: str
    publisher: str
    priority: str
    payload: dict[str, typing.Any]


def _transport(conf: settings.Settings):
    """A transport to this cloud's broker."""
    config = cfg.ConfigOpts()
    config([])
    return oslo_messaging.get_notification_transport(
        config, url=conf.transport_url)


class Capture:
    """Keeps a copy of each notification, in a pool of its own.

    The engine still gets every one of them.
    """

    def __init__(self, conf: settings.Settings) -> None:
        """Prepare the listener.

        :param conf: the settings
        """
        self._lock = threading.Lock()
        self._messages: list[Message] = []
        target = oslo_messaging.Target(topic=TOPIC, exchange=EXCHANGE)
        self._listener = oslo_messaging.get_notification_listener(
            _transport(conf), [target], [self], executor='threading',
            pool='capture')

    def __enter__(self) -> 'Capture':
        """Start to listen."""
        self._listener.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop listening."""
        self._listener.stop()
        self._listener.wait()

    def _keep(self, priority: str, publisher: str, event: str,
              payload: dict) -> None:
        """Keep a notification."""
        LOG.debug('notification %s from %s', event, publisher)
        with self._lock:
            self._messages.append(
                Message(event, publisher, priority, payload))

    def info(self, context, publisher_id, event_type, payload,
             metadata) -> None:
        """Called by oslo.messaging."""
        self._keep('info', publisher_id, event_type, payload)

    def error(self, context, publisher_id, event_type, payload,
              metadata) -> None:
        """Called by oslo.messaging."""
        self._keep('error', publisher_id, event_type, payload)

    def messages(self) -> list[Message]:
        """What has come so far.

        :returns: a copy of the list
        """
        with self._lock:
            return list(self._messages)


def publish(conf: settings.Settings, messages: list[Message]) -> None:
    """Send notifications, as Cinder would.

    :param conf: the settings
    :param messages: what to send
    """
    transport = _transport(conf)
    for message in messages:
        notifier = oslo_messaging.Notifier(
            transport, message.publisher, driver='messagingv2',
            topics=[TOPIC])
        getattr(notifier, message.priority)({}, message.event,
                                            message.payload)
    transport.cleanup()


def arrivals(conf: settings.Settings) -> collections.Counter:
    """What has reached the engine since its log began.

    :param conf: the settings
    :returns: how often, by event type, backend and failover id
    """
    file = conf.log / 'nova-failover-engine.log'
    return collections.Counter(
        _ARRIVAL.findall(file.read_text(errors='replace')))

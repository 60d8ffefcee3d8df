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

"""Sends notifications in the background, in the order they were asked for."""

from collections.abc import Callable
from collections.abc import Iterable
import functools
from typing import Any
from typing import Protocol

from oslo_config import cfg
from oslo_log import log as logging
import oslo_messaging

from cinder_failover_hooks import notifications
from cinder_failover_hooks import payloads
from cinder_failover_hooks import retry
from cinder_failover_hooks import state
from cinder_failover_hooks import worker

LOG = logging.getLogger(__name__)


class Backend(Protocol):
    """What the emitter needs to know of a backend, read when it is sent."""

    #: ``host@backend``
    name: str

    def read_state(self) -> state.BackendState:
        """Read the state of the backend."""

    def read_volumes(self, size: int,
                     attempt: retry.Retry) -> Iterable[state.Volume]:
        """Read all volumes of the backend in pages of a size."""


class Send(Protocol):
    """What sends one notification or raises."""

    def __call__(self, transport: Any, topic: str, publisher_id: str,
                 event_type: str, priority: str,
                 payload: dict[str, Any]) -> None:
        """Send it."""


class Emitter:
    """Queues notifications about one backend and sends them.

    :param conf: configuration with the ``[failover_hooks]`` options
    :param backend: what is reported
    :param send: sends one notification or raises
    """

    def __init__(self, conf: cfg.ConfigOpts, backend: Backend,
                 send: Send) -> None:
        self._conf = conf
        self._backend = backend
        self._send = send
        self._transport: Any = None
        self.worker = worker.Worker('failover-hooks-%s' % backend.name)
        self._attempt = retry.Retry(conf, self.worker.stopping)

    def emit(self, header: payloads.Header, with_volumes: bool) -> None:
        """Queue a notification. Returns at once and raises nothing.

        :param header: what its parts have in common
        :param with_volumes: whether it names the affected volumes; they are
            read when it is its turn
        """
        self._submit(header.event_type, header.failover_id,
                     lambda: self._run(header, with_volumes))

    def emit_later(self, event_type: str, failover_id: str,
                   make: Callable[[state.BackendState],
                                  payloads.Header]) -> None:
        """Queue a notification whose header is made when it is sent.

        :param event_type: for the log
        :param failover_id: for the log
        :param make: given the state of the backend at that time, returns
            the header; the notification carries no volumes
        """
        def job() -> None:
            now = self._attempt('reading the state', self._backend.read_state)
            self._run(make(now), False)

        self._submit(event_type, failover_id, job)

    def _submit(self, event_type: str, failover_id: str,
                job: Callable[[], None]) -> None:
        self.worker.submit('notification %s of backend %s (%s)' % (
            event_type, self._backend.name, failover_id), job)

    def _run(self, header: payloads.Header, with_volumes: bool) -> None:
        size = self._conf.failover_hooks.part_size
        volumes: Iterable[state.Volume] = ()
        if with_volumes:
            volumes = self._backend.read_volumes(size, self._attempt)
        for payload in payloads.build(header, volumes, size):
            primitive = payload.to_notification()
            for topic in self._conf.failover_hooks.topics:
                self._attempt('sending', functools.partial(
                    self._send_one, topic, header.event_type, primitive))
            LOG.debug('Sent %s of backend %s (%s).', header.event_type,
                      header.backend, header.failover_id)

    def _send_one(self, topic: str, event_type: str,
                  primitive: dict[str, Any]) -> None:
        if self._transport is None:
            # A transport of our own: a connection that hangs is not taken
            # out of the pool from which Cinder is served.
            self._transport = oslo_messaging.get_notification_transport(
                self._conf)
        self._send(self._transport, topic,
                   notifications.publisher_id_of(self._backend.name),
                   event_type, notifications.priority_of(event_type),
                   primitive)

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
import threading
from typing import Any
from typing import Protocol

from oslo_config import cfg
from oslo_context import context as oslo_context
from oslo_log import log as logging
import oslo_messaging

from cinder_failover_hooks import notifications
from cinder_failover_hooks import objects
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

    def read_groups(self, status: str) -> list[str]:
        """Read the ids of its groups of a replication status."""

    def read_volumes(self, group_id: str | None, size: int,
                     attempt: retry.Retry) -> Iterable[state.Volume]:
        """Read all volumes of the backend or group in pages of a size."""


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
        #: whether an announcement waits that makes up for what was dropped
        self._owed = threading.Event()
        #: whether something was dropped for want of room
        self._crowded = threading.Event()

    def emit(self, header: payloads.Header, with_volumes: bool) -> None:
        """Queue a notification. Returns at once and raises nothing.

        :param header: what its parts have in common
        :param with_volumes: whether it names the affected volumes; they are
            read when it is its turn
        """
        self._submit('notification %s of backend %s (%s)' % (
            header.event_type, self._backend.name, header.failover_id),
            lambda: self._run(header, with_volumes, self._attempt))

    def emit_later(self, what: str, make: Callable[[retry.Retry],
                                                   payloads.Header]) -> None:
        """Queue a notification with volumes whose header is made in its turn.

        :param what: for the log
        :param make: returns the header, given by what to read
        """
        self._submit('%s of backend %s' % (what, self._backend.name),
                     lambda: self._run(make(self._attempt), True,
                                       self._attempt))

    def announce(self) -> None:
        """Queue the announcement of the backend and its groups.

        Returns at once and raises nothing.
        """
        self._submit('announcement of backend %s' % self._backend.name,
                     lambda: self._announce(self._attempt))

    def _submit(self, what: str, job: Callable[[], None]) -> None:
        if not self.worker.submit(what, lambda: self._do(what, job)):
            self._crowded.set()

    def _do(self, what: str, job: Callable[[], None]) -> None:
        try:
            job()
        except retry.TRANSIENT as exc:
            # In one line: there is nothing wrong with us.
            LOG.error('Dropped %s, the state of the backend will be announced '
                      'instead: %s', what, state.masked(exc))
            self._owe()
        finally:
            if self._crowded.is_set():
                self._crowded.clear()
                self._owe()

    def _owe(self) -> None:
        # Only the thread that sends comes here: what is owed already has not
        # begun, and will read a state that is newer than what was dropped.
        if self._owed.is_set():
            return
        self._owed.set()
        if not self.worker.submit(
                'announcement of backend %s' % self._backend.name, self._pay):
            self._owed.clear()
            self._crowded.set()

    def _pay(self) -> None:
        # What comes after it would not be sent either as long as this is not.
        try:
            self._announce(retry.Retry(self._conf, self.worker.stopping,
                                       for_ever=True))
        finally:
            self._owed.clear()

    def _announce(self, attempt: retry.Retry) -> None:
        failover_id = oslo_context.generate_request_id()
        now = attempt('reading the state', self._backend.read_state)
        self._run(self._announcement(failover_id, now, None), False, attempt)
        # The record of the backend does not tell of these.
        groups = attempt('reading groups', functools.partial(
            self._backend.read_groups, state.apart(now)))
        for group_id in groups:
            self._run(self._announcement(failover_id, now, group_id), True,
                      attempt)

    def _announcement(self, failover_id: str, now: state.BackendState,
                      group_id: str | None) -> payloads.Header:
        return payloads.Header(
            event_type=notifications.ANNOUNCE,
            cause=str(objects.Cause.ANNOUNCEMENT), failover_id=failover_id,
            backend=self._backend.name, old=None, now=now,
            reason=state.lagging(now), group_id=group_id)

    def _run(self, header: payloads.Header, with_volumes: bool,
             attempt: retry.Retry) -> None:
        size = self._conf.failover_hooks.part_size
        volumes: Iterable[state.Volume] = ()
        if with_volumes:
            volumes = self._backend.read_volumes(header.group_id, size,
                                                 attempt)
        for payload in payloads.build(header, volumes, size):
            primitive = payload.to_notification()
            for topic in self._conf.failover_hooks.topics:
                attempt('sending', functools.partial(
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

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

"""Sends the notifications of a backend in the background, in order."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
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
from cinder_failover_hooks import statuses
from cinder_failover_hooks import worker

LOG = logging.getLogger(__name__)


class Backend(Protocol):
    """The records of a backend; ``upstream.CinderBackend`` reads Cinder's."""

    #: ``host@backend``
    name: str

    def read_state(self) -> state.BackendState:
        """Return the state of the backend."""

    def read_groups(self, status: str) -> list[str]:
        """Return the ids of the groups with a replication status."""

    def read_volumes(self, group_id: str | None, size: int,
                     attempt: retry.Retry) -> Iterable[state.Volume]:
        """Return all volumes of the backend or group, read in pages."""


class Send(Protocol):
    """A function that sends one notification; ``upstream.send`` is one."""

    def __call__(self, transport: Any, topic: str, publisher_id: str,
                 event_type: str, priority: str,
                 payload: dict[str, Any]) -> None:
        """Send the notification or raise an error."""


class Emitter:
    """Queues notifications about one backend and sends them.

    :param conf: configuration with the ``[failover_hooks]`` options
    :param backend: the backend to report
    :param send: function that sends one notification
    """

    def __init__(self, conf: cfg.ConfigOpts, backend: Backend,
                 send: Send) -> None:
        self._conf = conf
        self._backend = backend
        self._send = send
        self._transport: Any = None
        self.worker = worker.Worker('failover-hooks-%s' % backend.name)
        self._attempt = retry.Retry(conf, self.worker.stopping)
        #: set while an announcement that replaces dropped notifications waits
        self._pending = threading.Event()
        #: set when the queue had no room for a notification
        self._overflowed = threading.Event()

    def emit(self, header: payloads.Header, with_volumes: bool) -> None:
        """Queue a notification; return at once and raise nothing.

        :param header: the fields that all parts of the notification share
        :param with_volumes: whether the notification has the affected
            volumes, which are read just before it is sent
        """
        self._submit('notification %s of backend %s (%s)' % (
            header.event_type, self._backend.name, header.failover_id),
            lambda: self._run(header, with_volumes, self._attempt))

    def emit_later(self, what: str, make: Callable[[retry.Retry],
                                                   payloads.Header]) -> None:
        """Queue a notification with volumes whose header is not known yet.

        :param what: description for the log
        :param make: function that returns the header just before the
            notification is sent; its argument repeats failed reads
        """
        self._submit('%s of backend %s' % (what, self._backend.name),
                     lambda: self._run(make(self._attempt), True,
                                       self._attempt))

    def announce(self) -> None:
        """Queue the announcement of the backend and its groups.

        This returns at once and raises nothing.
        """
        self._submit('announcement of backend %s' % self._backend.name,
                     lambda: self._announce(self._attempt))

    def _submit(self, what: str, job: Callable[[], None]) -> None:
        if not self.worker.submit(what, lambda: self._do(what, job)):
            self._overflowed.set()

    def _do(self, what: str, job: Callable[[], None]) -> None:
        try:
            job()
        except retry.TRANSIENT as exc:
            # One line without a traceback: the cause is not in this code.
            LOG.error('Dropped %s. The state of the backend will be announced '
                      'instead: %s', what, state.masked(exc))
            self._queue_replacement()
        finally:
            if self._overflowed.is_set():
                self._overflowed.clear()
                self._queue_replacement()

    def _queue_replacement(self) -> None:
        # Only the sending thread calls this. A pending announcement therefore
        # has not started, and will read a newer state than what was dropped.
        if self._pending.is_set():
            return
        self._pending.set()
        if not self.worker.submit(
                'announcement of backend %s' % self._backend.name,
                self._send_pending):
            self._pending.clear()
            self._overflowed.set()

    def _send_pending(self) -> None:
        # Retrying forever blocks no other notification: none of them could
        # be sent either while this one cannot.
        try:
            self._announce(retry.Retry(self._conf, self.worker.stopping,
                                       forever=True))
        finally:
            self._pending.clear()

    def _announce(self, attempt: retry.Retry) -> None:
        failover_id = oslo_context.generate_request_id()
        now = attempt('reading the state', self._backend.read_state)
        self._run(self._announcement(failover_id, now, None), False, attempt)
        # The record of the backend does not show where these groups are.
        groups = attempt('reading groups', functools.partial(
            self._backend.read_groups, state.diverged_group_status(now)))
        for group_id in groups:
            self._run(self._announcement(failover_id, now, group_id), True,
                      attempt)

    def _announcement(self, failover_id: str, now: state.BackendState,
                      group_id: str | None) -> payloads.Header:
        return payloads.Header(
            event_type=notifications.ANNOUNCE,
            cause=str(objects.Cause.ANNOUNCEMENT), failover_id=failover_id,
            backend=self._backend.name, old=None, now=now,
            reason=state.member_not_switched(now), group_id=group_id)

    def _run(self, header: payloads.Header, with_volumes: bool,
             attempt: retry.Retry) -> None:
        size = self._conf.failover_hooks.part_size
        volumes: Iterable[state.Volume] = ()
        if with_volumes:
            volumes = self._backend.read_volumes(header.group_id, size,
                                                 attempt)
        count = 0
        for payload in payloads.build(header, volumes, size):
            count += len(payload.volumes)
            primitive = payload.to_notification()
            for topic in self._conf.failover_hooks.topics:
                attempt('sending', functools.partial(
                    self._send_one, topic, header.event_type, primitive))
        self._log_sent(header, count if with_volumes else None)

    def _log_sent(self, header: payloads.Header, count: int | None) -> None:
        # The reporter has logged the start of a failover.
        started = header.event_type == notifications.START
        LOG.log(logging.DEBUG if started else logging.INFO,
                'Sent %(event)s of %(subject)s (%(id)s) to topics %(topics)s: '
                '%(content)s.',
                {'event': header.event_type,
                 'subject': payloads.subject_of(self._backend.name,
                                                header.group_id),
                 'id': header.failover_id,
                 'topics': ', '.join(self._conf.failover_hooks.topics),
                 'content': '; '.join(_content(header, count))})

    def _send_one(self, topic: str, event_type: str,
                  primitive: dict[str, Any]) -> None:
        if self._transport is None:
            # The hooks do not share Cinder's transport, so that a connection
            # that hangs never occupies Cinder's connection pool.
            self._transport = oslo_messaging.get_notification_transport(
                self._conf)
        self._send(self._transport, topic,
                   notifications.publisher_id_of(self._backend.name),
                   event_type, notifications.priority_of(event_type),
                   primitive)


def _content(header: payloads.Header, count: int | None) -> Iterator[str]:
    # The record of the backend does not show where a group is.
    if not header.group_id:
        yield 'the backend is on %s' % statuses.called(
            header.now.active_backend_id)
    if count is not None:
        yield 'affected volumes: %d' % count
    if header.reason:
        yield header.reason.rstrip('.')

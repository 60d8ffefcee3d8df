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


"""Tells on the notification bus how the recovery of a backend stands.

Event types ``failover.recovery.start``, ``.end`` and ``.error`` are published
where Nova publishes its own, by ``nova-failover-engine:<host>``, unless
``[notifications] notification_format`` is ``unversioned``. Used of Nova, read
in 31 to 34: ``nova.rpc.{get_versioned_notifier,if_notifications_enabled}``.

A bus that hangs keeps nobody waiting: one thread sends, and what does not fit
into its queue is counted and dropped.
"""

from collections.abc import Callable
import enum
import queue
import threading
import time
from typing import Any

import nova.context
from nova import rpc
from oslo_log import log as logging
from oslo_utils import strutils
from oslo_utils import timeutils

from nova_failover_ext.api import load as loads
from nova_failover_ext.api import server_state
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine.notifier import recovery_payloads
from nova_failover_ext.engine.notifier import rounds
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)

#: The event type without its phase.
EVENT_TYPE = 'failover.recovery'
#: Servers that one notification names.
MOST_FAILURES = 100
#: Seconds between two errors of a backend about servers that have exhausted
# their retries.
INTERVAL = 60.0
#: Notifications that may wait.
QUEUE_SIZE = 256


class Phase(enum.StrEnum):
    """Last part of the event type."""

    START = 'start'
    END = 'end'
    ERROR = 'error'


Publish = Callable[[Phase, recovery_payloads.FailoverRecoveryPayload], None]


class Notifier(observers.Observer):
    """Makes notifications of what it hears of.

    :ivar dropped: how many had no place in the queue
    """

    def __init__(self, host: str, publish: Publish | None = None,
                 clock: Callable[[], float] = time.monotonic,
                 interval: float = INTERVAL,
                 queue_size: int = QUEUE_SIZE) -> None:
        """Remember where to publish; its thread starts when it has to.

        :param host: of this engine, for the publisher id
        :param publish: sends a notification, default on Nova's bus
        :param clock: seconds since any time
        :param interval: seconds in which servers that have exhausted their
            retries are collected
        :param queue_size: notifications that may wait
        """
        self.dropped = 0
        self._publish = publish or Publisher(host)
        self._clock = clock
        self._interval = interval
        self._rounds: dict[tuple[str, str], rounds.Round] = {}
        self._lock = threading.Lock()
        self._queue: queue.Queue[Any] = queue.Queue(queue_size)
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def began(self, backend: str, failover_id: str, target: str,
              servers: int) -> None:
        """Announce the start, once."""
        one = rounds.Round(backend, failover_id, target or None, servers,
                           timeutils.utcnow(with_timezone=True),
                           self._clock())
        with self._lock:
            if (backend, failover_id) in self._rounds:
                return
            self._rounds = {key: other for key, other in self._rounds.items()
                            if key[0] != backend or other.due}
            self._rounds[backend, failover_id] = one
            self._put(Phase.START, one)

    def all_found(self, backend: str, failover_id: str, servers: int) -> None:
        """Remember how many servers the end has to tell of."""
        with self._lock:
            self._round(backend, failover_id).servers = servers

    def ended(self, work: work_items.Work, result: results.ServerResult,
              load: loads.Load) -> None:
        """Count how it ended."""
        with self._lock:
            for part in work.parts:
                self._round(part.backend, part.failover_id).count(
                    result.outcome.value)

    def retries_exhausted(self, backend: str, failover_id: str, server_id: str,
                          reason: str) -> None:
        """Collect it with others of the same backend, for an error."""
        with self._lock:
            one = self._round(backend, failover_id)
            first = one.due is None
            one.give_up(server_id, strutils.mask_password(reason),
                        self._clock() + self._interval)
            if first:
                self._wake()

    def converged(self, backend: str, failover_id: str,
                  seconds: float, excluded: int = 0) -> None:
        """Announce the end."""
        with self._lock:
            one = self._round(backend, failover_id)
            del self._rounds[backend, failover_id]
            if excluded:
                one.counts[server_state.ServerState.EXCLUDED.value] = excluded
            self._put(Phase.END, one, seconds=seconds)

    def superseded(self, backend: str, failover_id: str,
                   servers: int) -> None:
        """Announce that a failover will not be finished."""
        with self._lock:
            one = self._round(backend, failover_id)
            del self._rounds[backend, failover_id]
            self._put(Phase.ERROR, one, reason=(
                'a newer failover came first; servers left to it: %d'
                % servers))

    def leadership_changed(self, leading: bool) -> None:
        """Leave to the next engine that acts what is not finished."""
        with self._lock:
            self._rounds = {key: one for key, one in self._rounds.items()
                            if leading or one.due}

    def stop(self, timeout: float = 5.0) -> None:
        """Send what waits, as long as that does not take long.

        :param timeout: seconds to wait for the bus
        """
        self._stopped.set()
        with self._lock:
            self._wake()
            thread = self._thread
        if thread:
            thread.join(timeout)
        if self.dropped:
            LOG.warning('Notifications that were dropped: %d', self.dropped)

    def _round(self, backend: str, failover_id: str) -> rounds.Round:
        # Maybe another engine has begun it.
        return self._rounds.setdefault(
            (backend, failover_id), rounds.Round(backend, failover_id))

    def _put(self, phase: Phase, one: rounds.Round, **more: Any) -> None:
        try:
            self._queue.put_nowait(
                (phase, one.payload(self._clock(), MOST_FAILURES, **more)))
        except queue.Full:
            self.dropped += 1
            if self.dropped == 1:
                LOG.warning('The notification bus is too slow; notifications '
                            'are dropped')
        self._start()

    def _wake(self) -> None:
        # A full queue is awake already.
        if not self._queue.full():
            self._queue.put_nowait(None)
        self._start()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name='announcer', daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not (self._stopped.is_set() and self._queue.empty()):
            try:
                item = self._queue.get(timeout=self._wait())
            except queue.Empty:
                item = None
            if item:
                self._send(*item)
            self._send_exhausted()
        self._send_exhausted(at_once=True)

    def _wait(self) -> float | None:
        if self._stopped.is_set():
            return 0.0
        with self._lock:
            due = [one.due for one in self._rounds.values() if one.due]
        return max(0.0, min(due) - self._clock()) if due else None

    def _send_exhausted(self, at_once: bool = False) -> None:
        now = self._clock()
        with self._lock:
            ready = [one.retries_exhausted(now, MOST_FAILURES)
                     for one in self._rounds.values()
                     if one.due and (one.due <= now or at_once)]
        for payload in ready:
            self._send(Phase.ERROR, payload)

    def _send(self, phase: Phase,
              payload: recovery_payloads.FailoverRecoveryPayload) -> None:
        try:
            self._publish(phase, payload)
        # Whatever the bus raises: the next one may go out again.
        except Exception as exc:  # noqa: BLE001
            LOG.warning('Notification %s.%s was not sent: %s', EVENT_TYPE,
                        phase.value, strutils.mask_password(str(exc)))


class Publisher:
    """Sends on Nova's notification bus."""

    def __init__(self, host: str) -> None:
        """Remember whose notifications they are."""
        self._publisher_id = 'nova-failover-engine:%s' % host

    def __call__(self, phase: Phase,
                 payload: recovery_payloads.FailoverRecoveryPayload) -> None:
        """Send a notification, if the deployment wants any."""
        self._emit(phase, payload)

    @rpc.if_notifications_enabled
    def _emit(self, phase: Phase,
              payload: recovery_payloads.FailoverRecoveryPayload) -> None:
        context = nova.context.get_admin_context()
        context.request_id = payload.failover_id
        # As nova.notifications.objects.base.NotificationBase.emit.
        payload.obj_reset_changes(recursive=True)
        notifier = rpc.get_versioned_notifier(self._publisher_id)
        publish = notifier.error if phase is Phase.ERROR else notifier.info
        publish(context, event_type='%s.%s' % (EVENT_TYPE, phase.value),
                payload=payload.obj_to_primitive())

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


"""When a server that has not converged may be tried again, and why it waits.

What is kept here is only pacing. It may be lost at any time without harm.
"""

from collections.abc import Collection, Iterable
import dataclasses
import heapq
import threading

from nova_failover_ext.engine.dispatcher import backoff
from nova_failover_ext.recovery import results


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """The tries of one server for one active_backend_id.

    :ivar target: the active_backend_id it is to be brought to
    :ivar count: tries so far
    :ivar not_before: earliest time of the next, seconds of the engine's
        clock
    :ivar outcome: of the latest try
    :ivar reason: of the latest try
    :ivar at: when that ended
    :ivar host: where that was, '' if nothing was sent
    :ivar retries_exhausted: whether all tries are used up
    :ivar news: whether this was the last of them
    :ivar silent_since: when its host fell silent over it, None if it did not
    :ivar marks: what its record said when it was out of retries
    """

    target: str
    count: int
    not_before: float
    outcome: results.Outcome
    reason: str
    at: float = 0.0
    host: str = ''
    retries_exhausted: bool = False
    news: bool = False
    silent_since: float | None = None
    marks: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Try:
    """How a try ended, or why none was made.

    :ivar target: the active_backend_id it was about
    :ivar free: whether it counts for nothing
    :ivar wait: seconds until the next, None for what the count says
    :ivar host: where it was, '' if nothing was sent
    :ivar silent: whether the host fell silent over it
    :ivar patient: whether it is waited for without an end, as for a server
        to leave its state: its retries are never exhausted
    """

    target: str
    outcome: results.Outcome
    reason: str
    free: bool = False
    wait: float | None = None
    host: str = ''
    silent: bool = False
    patient: bool = False


class Attempts:
    """The tries of the servers of one backend."""

    def __init__(self, waits: backoff.Backoff, limit: int,
                 exhausted_retry_interval: float) -> None:
        """Start with no tries.

        :param waits: how long to wait between tries
        :param limit: tries after which a server is out of retries
        :param exhausted_retry_interval: seconds between its tries from then on
        """
        self._limit = limit
        self._exhausted_retry_interval = exhausted_retry_interval
        self._waits = waits
        self._lock = threading.Lock()
        self._by_server: dict[str, Attempt] = {}
        self._scheduled: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def record(self, server_id: str, tried: Try, now: float,
               again: bool = True) -> Attempt:
        """Note how a try ended, or why none was made.

        :param now: the engine's clock in seconds
        :param again: whether it becomes due by itself after its wait
        """
        with self._lock:
            last = self._last(server_id, tried.target)
            count = (last.count if last else 0) + (not tried.free)
            retries_exhausted = count >= self._limit and not tried.patient
            wait = self._wait(count, retries_exhausted) if (
                tried.wait is None) else tried.wait
            attempt = Attempt(
                tried.target, count, now + wait, tried.outcome, tried.reason,
                now, tried.host or (last.host if last else ''),
                retries_exhausted,
                retries_exhausted and not (last and last.retries_exhausted),
                _silent_since(last, tried, now))
            self._by_server[server_id] = attempt
            self._scheduled.pop(server_id, None)
            if again:
                self._schedule(server_id, attempt.not_before)
            return attempt

    def ready(self, server_id: str, target: str, now: float) -> bool:
        """Return whether a server may be tried now."""
        last = self._last(server_id, target)
        return last is None or last.not_before <= now

    def get(self, server_id: str, target: str) -> Attempt | None:
        """Return the tries of a server for a target."""
        return self._last(server_id, target)

    def mark(self, server_id: str, target: str,
             marks: tuple[str, ...]) -> None:
        """Let a server out of retries start anew if its record changed.

        :param marks: what its record says now
        """
        with self._lock:
            last = self._last(server_id, target)
            if last is None or not last.retries_exhausted:
                return
            if not last.marks:
                self._by_server[server_id] = dataclasses.replace(
                    last, marks=marks)
            elif last.marks != marks:
                del self._by_server[server_id]

    def schedule(self, server_id: str) -> None:
        """Let a server become due once its wait is over."""
        with self._lock:
            last = self._by_server.get(server_id)
            if last:
                self._schedule(server_id, last.not_before)

    def wake(self, server_ids: Iterable[str], now: float) -> None:
        """Let servers be due now, whatever their waits."""
        with self._lock:
            for server_id in server_ids:
                last = self._by_server.get(server_id)
                if last:
                    self._by_server[server_id] = dataclasses.replace(
                        last, not_before=now)
                self._schedule(server_id, now)

    def postpone(self, server_ids: Iterable[str], when: float) -> None:
        """Let servers be due later, because they could not be scanned."""
        with self._lock:
            for server_id in server_ids:
                self._schedule(server_id, when)

    def take_due(self, now: float) -> list[str]:
        """Take the servers that are due, each once."""
        due = []
        with self._lock:
            while (top := self._top()) is not None and top <= now:
                _time, server_id = heapq.heappop(self._heap)
                del self._scheduled[server_id]
                due.append(server_id)
        return due

    def next_time(self) -> float | None:
        """Return when the next server becomes due, if any."""
        with self._lock:
            return self._top()

    def keep_only(self, server_ids: Collection[str]) -> None:
        """Forget the tries of all other servers."""
        with self._lock:
            for server_id in set(self._by_server) - set(server_ids):
                self._forget(server_id)

    def forget(self, server_ids: Iterable[str]) -> None:
        """Forget the tries of servers, so that they are ready."""
        with self._lock:
            for server_id in server_ids:
                self._forget(server_id)

    def all(self) -> dict[str, Attempt]:
        """Return the tries by server id."""
        with self._lock:
            return dict(self._by_server)

    def _last(self, server_id: str, target: str) -> Attempt | None:
        last = self._by_server.get(server_id)
        return last if last and last.target == target else None

    def _wait(self, count: int, retries_exhausted: bool) -> float:
        return (self._exhausted_retry_interval if retries_exhausted
                else self._waits.seconds(max(count, 1)))

    def _forget(self, server_id: str) -> None:
        self._by_server.pop(server_id, None)
        self._scheduled.pop(server_id, None)

    def _schedule(self, server_id: str, when: float) -> None:
        if self._scheduled.get(server_id) != when:
            self._scheduled[server_id] = when
            heapq.heappush(self._heap, (when, server_id))

    def _top(self) -> float | None:
        # What was scheduled anew or forgotten is still in the heap.
        while self._heap and (
                self._scheduled.get(self._heap[0][1]) != self._heap[0][0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None


def _silent_since(last: Attempt | None, tried: Try,
                  now: float) -> float | None:
    known = last.silent_since if last else None
    if tried.silent:
        return now if known is None else known
    return known if tried.free else None

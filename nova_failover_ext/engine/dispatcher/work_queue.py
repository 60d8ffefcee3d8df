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

"""In what order servers are recovered, at thousands of them.

Servers that need slots of the same host and the same backends wait in one
lane, most urgent first, because either all of them may start or none. A lane
whose host is full, down or silent is parked until that changes, and one that
needs slots of several backends stands at one that is full: so a step costs
the logarithm of what waits, whatever waits. Nothing here locks or acts;
:mod:`nova_failover_ext.engine.dispatcher.dispatcher` does.
"""

import collections
from collections.abc import Callable, Iterable, Mapping
import dataclasses
import heapq
import itertools
import time

from nova_failover_ext.engine.dispatcher import barriers
from nova_failover_ext.engine import work_items

Host = tuple[str, str]
Key = tuple[Host, frozenset[str]]
Rank = tuple[int, int, int]


@dataclasses.dataclass(order=True, slots=True)
class _Entry:
    priority: int
    number: int
    work: work_items.Work = dataclasses.field(compare=False)
    host: Host = dataclasses.field(compare=False)
    backends: frozenset[str] = dataclasses.field(compare=False)
    #: when it began to wait, in seconds of the queue's clock
    since: float = dataclasses.field(compare=False, default=0.0)


@dataclasses.dataclass(order=True, slots=True)
class _SubQueue:
    number: int
    host: Host = dataclasses.field(compare=False)
    backends: frozenset[str] = dataclasses.field(compare=False)
    entries: list[tuple[int, int, _Entry]] = dataclasses.field(
        compare=False, default_factory=list)
    #: the backend in whose order it stands, None while it is parked
    place: str | None = dataclasses.field(compare=False, default=None)


class Queue:
    """What waits and what is in flight; one server is there once in each.

    The most urgent goes first. Among equals the backends take turns, and
    within a backend it is first come, first served.
    """

    def __init__(self, caps: work_items.Caps,
                 limit: Callable[[str], int] | None = None,
                 may_send: Callable[[str, str], bool] | None = None,
                 held: Callable[[str], bool] | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing.

        :param limit: how many of a backend may be in flight at present, if
            that can be less than the cap
        :param may_send: whether a host, given by cell and name, can be asked
            now
        :param held: whether nothing of a backend may start, because operators
            have paused it; what waits for it stays
        :param clock: seconds, never going back
        """
        self._caps = caps
        self._clock = clock
        self._limit = limit or (lambda _backend: self._caps.per_backend)
        self._may_send = may_send or (lambda _cell, _host: True)
        self._held = held or (lambda _backend: False)
        self._numbers = itertools.count()
        self._waiting: dict[str, _Entry] = {}
        self._running: dict[str, _Entry] = {}
        self._waiting_of = _ids_by_backend()
        self._running_of = _ids_by_backend()
        self._on_host: collections.Counter[Host] = collections.Counter()
        self._sub_queues: dict[Key, _SubQueue] = {}
        self._orders: dict[str, list[tuple[int, int, _SubQueue]]] = {}
        self._parked: dict[Host, list[_SubQueue]] = {}
        self._served: dict[str, int] = {}
        self._barriers = barriers.Barriers(self._held)

    def change(self, caps: work_items.Caps) -> None:
        """Let other numbers of servers be in flight."""
        self._caps = caps

    def add(self, works: Iterable[work_items.Work]) -> None:
        """Let these wait too.

        Work for a server that waits already takes the place of what the
        same backends wanted of it. What is part of the work in flight is
        left out.
        """
        for work in works:
            older = self._forget(work.server_id)
            running = self._running.get(work.server_id)
            if running and running.work.covers(work):
                rest = older and _without(older.work, work.backends)
            else:
                rest = work.joined(older.work if older else None)
            if rest:
                self._wait(rest, older)

    def replace(self, backend: str, works: Iterable[work_items.Work],
                expected: Mapping[str, int] | None = None) -> None:
        """Let these wait instead of all that waited for a backend.

        :param expected: priorities of the servers that will be sent soon, by
            id; what is behind a barrier waits for them, too
        """
        self._barriers.expect(backend, expected or {})
        works = list(works)
        kept = {work.server_id for work in works}
        for server_id in self._waiting_of[backend] - kept:
            older = self._forget(server_id)
            rest = older and older.work.without(backend)
            if rest:
                self._wait(rest, older)
        self.add(works)

    def clear(self) -> None:
        """Drop all that waits."""
        for server_id in list(self._waiting):
            self._forget(server_id)
        for backend in self._waiting_of:
            self._barriers.expect(backend, {})
        self._sub_queues = {}
        self._orders = {}
        self._parked = {}

    def take(self) -> work_items.Work | None:
        """Choose what starts next, and count it as in flight.

        :returns: None if nothing may start now
        """
        if len(self._running) >= self._caps.total:
            return None
        found: tuple[Rank, str, _Entry] | None = None
        # None of a backend comes before what its order begins with.
        for bound, backend in sorted(
                (self._rank(backend, *order[0][:2]), backend)
                for backend, order in self._orders.items()):
            if found and found[0] < bound:
                break
            entry = self._first(backend)
            if entry:
                rank = self._rank(backend, entry.priority, entry.number)
                found = min(found or (rank, backend, entry),
                            (rank, backend, entry))
        if found is None:
            return None
        _rank, backend, entry = found
        self._served[backend] = next(self._numbers)
        return self._begin(entry)

    def release(self, work: work_items.Work) -> None:
        """Count a work as in flight no longer."""
        entry = self._running.pop(work.server_id)
        self._barriers.leave(entry.work, running=True)
        for backend in entry.backends:
            self._running_of[backend].discard(work.server_id)
        self._on_host[entry.host] -= 1
        if not self._on_host[entry.host]:
            del self._on_host[entry.host]
        held = self._waiting.get(work.server_id)
        if held:
            self._line_up(held)
        self._unpark(entry.host)

    def recheck(self, host: Host | None = None) -> None:
        """Retry the hosts that could not be asked.

        :param host: this one only
        """
        for parked in list(self._parked) if host is None else [host]:
            self._unpark(parked)

    def drop(self, host: Host) -> list[work_items.Work]:
        """Drop all that waits for a host.

        :returns: what was dropped
        """
        works = [entry.work for entry in self._waiting.values()
                 if entry.host == host]
        for work in works:
            self._forget(work.server_id)
        return works

    def waiting(self, backend: str) -> int:
        """Return how many servers wait for a backend."""
        return len(self._waiting_of[backend])

    def waited(self, backend: str) -> float:
        """Return for how many seconds the oldest has waited for a backend."""
        now = self._clock()
        return max((now - self._waiting[server_id].since
                    for server_id in self._waiting_of[backend]), default=0.0)

    def in_flight(self, backend: str) -> int:
        """Return how many servers are being recovered for a backend."""
        return len(self._running_of[backend])

    def waiting_ids(self, backend: str) -> set[str]:
        """Return the ids of the servers that wait for a backend."""
        return set(self._waiting_of[backend])

    def in_flight_ids(self, backend: str) -> set[str]:
        """Return the ids of the servers being recovered for a backend."""
        return set(self._running_of[backend])

    def awaited(self, backend: str) -> set[str]:
        """Return the ids of the servers that others wait for at a barrier."""
        return self._barriers.awaited(backend, (
            entry.work for entries in (self._waiting, self._running)
            for entry in entries.values()))

    def _wait(self, work: work_items.Work, older: _Entry | None) -> None:
        number = older.number if older else next(self._numbers)
        entry = _Entry(work.priority, number, work, (work.cell, work.host),
                       work.backends,
                       older.since if older else self._clock())
        self._waiting[work.server_id] = entry
        self._barriers.enter(work)
        for backend in entry.backends:
            self._waiting_of[backend].add(work.server_id)
        if work.server_id not in self._running:
            self._line_up(entry)

    def _begin(self, entry: _Entry) -> work_items.Work:
        server_id = entry.work.server_id
        self._forget(server_id)
        self._running[server_id] = entry
        self._barriers.enter(entry.work, running=True)
        self._on_host[entry.host] += 1
        for backend in entry.backends:
            self._running_of[backend].add(server_id)
        return entry.work

    def _forget(self, server_id: str) -> _Entry | None:
        # Its lane finds out when it is its turn.
        entry = self._waiting.pop(server_id, None)
        if entry:
            self._barriers.leave(entry.work)
            for backend in entry.backends:
                self._waiting_of[backend].discard(server_id)
        return entry

    def _line_up(self, entry: _Entry) -> None:
        key = (entry.host, entry.backends)
        sub_queue = self._sub_queues.get(key)
        if sub_queue is None:
            sub_queue = self._sub_queues[key] = _SubQueue(
                next(self._numbers), *key, place=min(entry.backends))
        heapq.heappush(sub_queue.entries,
                       (entry.priority, entry.number, entry))
        if sub_queue.place and sub_queue.entries[0][2] is entry:
            self._note_state(sub_queue, sub_queue.place, entry)

    def _note_state(self, sub_queue: _SubQueue, backend: str,
                    head: _Entry) -> None:
        sub_queue.place = backend
        heapq.heappush(self._orders.setdefault(backend, []),
                       (head.priority, head.number, sub_queue))

    def _head(self, sub_queue: _SubQueue) -> _Entry | None:
        while sub_queue.entries:
            entry = sub_queue.entries[0][2]
            if self._waiting.get(entry.work.server_id) is entry:
                return entry
            heapq.heappop(sub_queue.entries)
        self._sub_queues.pop((sub_queue.host, sub_queue.backends), None)
        return None

    def _rank(self, backend: str, priority: int, number: int) -> Rank:
        return priority, self._served.get(backend, -1), number

    def _first(self, backend: str) -> _Entry | None:
        # A lane stands here under a head that it has, or that it had.
        if self._full(backend):
            return None
        order = self._orders[backend]
        while order:
            priority, number, sub_queue = order[0]
            head = self._head(
                sub_queue) if sub_queue.place == backend else None
            if head is None:
                heapq.heappop(order)
            elif (head.priority, head.number) != (priority, number):
                heapq.heapreplace(order,
                                  (head.priority, head.number, sub_queue))
            elif self._barriers.blocks(head.work, backend):
                # All that stands behind it is no more urgent.
                return None
            elif self._moved_aside(sub_queue, head):
                heapq.heappop(order)
            else:
                return head
        del self._orders[backend]
        return None

    def _moved_aside(self, sub_queue: _SubQueue, head: _Entry) -> bool:
        if not self._has_slot(sub_queue.host):
            sub_queue.place = None
            self._parked.setdefault(sub_queue.host, []).append(sub_queue)
            return True
        if len(sub_queue.backends) > 1:
            full = next((backend for backend in sub_queue.backends
                         if self._full(backend)
                         or self._barriers.blocks(head.work, backend)), None)
            if full is not None:
                self._note_state(sub_queue, full, head)
                return True
        return False

    def _unpark(self, host: Host) -> None:
        if not self._has_slot(host):
            return
        for sub_queue in self._parked.pop(host, ()):
            head = self._head(sub_queue)
            if head:
                self._note_state(sub_queue, min(sub_queue.backends), head)

    def _has_slot(self, host: Host) -> bool:
        return (self._on_host[host] < self._caps.per_host
                and self._may_send(*host))

    def _full(self, backend: str) -> bool:
        return self._held(backend) or len(self._running_of[backend]) >= min(
            self._limit(backend), self._caps.per_backend)


def _ids_by_backend() -> collections.defaultdict[str, set[str]]:
    return collections.defaultdict(set)


def _without(work: work_items.Work,
             backends: Iterable[str]) -> work_items.Work | None:
    left: work_items.Work | None = work
    for backend in backends:
        left = left and left.without(backend)
    return left

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


"""Lets less urgent servers wait for the end of more urgent ones.

Urgency alone says who starts first: with slots free, or hosts full, servers of
several priorities are recovered at the same time. Behind a barrier, a server
starts only once no more urgent server of its backends waits, is in flight, or
is expected to be sent soon. However a recovery ends, it is an end: what has
failed or is deferred holds up nobody. Nor does what operators hold up
themselves, because they have paused another of its backends.
"""

import collections
from collections.abc import Callable, Iterable, Mapping

from nova_failover_ext.engine import work_items

#: A priority, and all backends of the servers that are counted.
_Key = tuple[int, frozenset[str]]


class Barriers:
    """Which priorities are pending, by backend."""

    def __init__(self, held: Callable[[str], bool]) -> None:
        """Start with nothing pending.

        :param held: whether nothing of a backend may start; it answers at
            once
        """
        self._held = held
        self._waiting = _counters()
        self._running = _counters()
        self._expected: dict[str, Mapping[str, int]] = {}

    def enter(self, work: work_items.Work, running: bool = False) -> None:
        """Note that a work waits, or that it is in flight."""
        counters = self._running if running else self._waiting
        for backend in work.backends:
            counters[backend][work.priority, work.backends] += 1

    def leave(self, work: work_items.Work, running: bool = False) -> None:
        """Note that a work does so no longer."""
        counters = self._running if running else self._waiting
        for backend in work.backends:
            counters[backend][work.priority, work.backends] -= 1

    def expect(self, backend: str, servers: Mapping[str, int]) -> None:
        """Note which servers of a backend will be sent soon.

        :param servers: their priorities by id; others are not expected
        """
        self._expected[backend] = servers

    def blocks(self, work: work_items.Work, backend: str) -> bool:
        """Return whether a work has to wait for others of a backend."""
        return work.barrier and self._first(backend) < work.priority

    def awaited(self, backend: str, works: Iterable[work_items.Work]
                ) -> set[str]:
        """Return the ids of the servers whose end others wait for.

        :param works: all that wait or are in flight
        """
        works = [work for work in works if backend in work.backends]
        if not any(self.blocks(work, backend) for work in works):
            return set()
        first = self._first(backend)
        found = {work.server_id for work in works if work.priority == first}
        return found | {
            server_id for server_id, priority
            in self._expected.get(backend, {}).items() if priority == first}

    def _first(self, backend: str) -> float:
        running, waiting = self._running[backend], self._waiting[backend]
        return min((*(key[0] for key in running if running[key]),
                    *(key[0] for key in waiting if waiting[key]
                      and not self._held_elsewhere(key[1], backend)),
                    *self._expected.get(backend, {}).values()),
                   default=float('inf'))

    def _held_elsewhere(self, backends: frozenset[str], but: str) -> bool:
        return any(self._held(backend) for backend in backends
                   if backend != but)


def _counters() -> collections.defaultdict[str, collections.Counter[_Key]]:
    return collections.defaultdict(collections.Counter)

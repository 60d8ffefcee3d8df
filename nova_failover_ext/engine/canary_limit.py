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

"""Holds the servers of a failover back until a few of them were tried.

The engine then pauses the backend, and what an operator resumes goes on. The
database keeps what has become of the canaries: neither another engine nor a
restart tries more of them, or pauses a failover again that was resumed.
"""

from collections.abc import Callable
import contextlib
import dataclasses
import sys
import threading
from typing import Protocol

from oslo_log import log as logging

from nova_failover_ext.api import canaries as records
from nova_failover_ext.api import load as loads
from nova_failover_ext.api import pauses
from nova_failover_ext.engine import brake as brakes
from nova_failover_ext.engine import work_items
from nova_failover_ext import exception
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)

#: As many as there are.
NO_LIMIT = sys.maxsize
#: To these servers there was nothing to be done: they have tried nothing.
_NO_TRIAL = frozenset((results.Outcome.UNCHANGED, results.Outcome.SKIPPED))

_UNEXPECTED = records.Result(results.Outcome.FAILED, 'an unexpected error')

Answer = tuple[results.ServerResult, loads.Load]
Recover = Callable[[work_items.Work], Answer]


class Store(Protocol):
    """What is used of :class:`nova_failover_ext.decisions.store.Store`."""

    def read_canaries(self) -> list[records.Canaries]:
        """Return the canaries of all backends."""

    def save_canaries(self, canaries: records.Canaries) -> None:
        """Write those of a backend."""


class CanaryLimit:
    """How many servers may start; each method may be called in any thread."""

    def __init__(self, store: Store, host: str,
                 number: Callable[[], int]) -> None:
        """Know of no failover.

        :param store: the database
        :param host: name of this controller
        :param number: returns how many servers are tried first, 0 for no
            limit; it answers at once
        """
        self._store = store
        self._host = host
        self._number = number
        self._targets: dict[str, str] = {}
        #: the values are never changed in place: they are read without a lock
        self._known: dict[str, records.Canaries] = {}
        self._in_flight: set[tuple[str, str]] = set()
        self._unsaved: set[str] = set()
        self._read = False
        self._lock = threading.Lock()
        self._store_lock = threading.Lock()

    def lead(self) -> None:
        """Believe the database: another engine may have acted."""
        with self._lock:
            self._read = False
            self._targets, self._known = {}, {}
            self._unsaved.clear()

    def adopt(self, backend: str, target: str) -> None:
        """Take note of the latest failover of a backend.

        To be called before its servers are dispatched.

        :param target: its active_backend_id
        """
        with self._lock:
            self._targets[backend] = target

    def at_most(self, backend: str) -> int:
        """Return how many servers of a backend may be in flight."""
        number = self._number()
        if not number:
            return NO_LIMIT
        canaries = self._of(backend)
        if canaries.paused:
            return NO_LIMIT
        return max(0, number - self._tried(canaries))

    def watch(self, recover: Recover) -> Recover:
        """Return a function that also takes note of what it recovers.

        :param recover: recovers one server
        """
        def watched(work: work_items.Work) -> Answer:
            self._note_start(work)
            outcome = _UNEXPECTED
            try:
                answer = recover(work)
                outcome = records.Result(
                    answer[0].outcome,
                    answer[0].reason[:records.MOST_REASON])
                return answer
            finally:
                self._note_end(work, outcome)
        return watched

    def act(self, brake: brakes.Brake,
            waiting: Callable[[str], int]) -> None:
        """Pause backends whose canaries were tried.

        The pause of a failover ends with the next failover.

        :param waiting: returns how many servers wait for a backend
        """
        for backend in list(self._targets):
            with self._lock:
                older, canaries = self._known.get(backend), self._of(backend)
            if older and older != canaries:
                self._lapse(brake, backend)
                self._replace(older, canaries)
            elif not (canaries.paused or self.at_most(backend)):
                self._pause(brake, canaries, waiting(backend))
        self._save()

    def synchronize(self) -> None:
        """Read the database once, and write what it lacks.

        :raises DecisionsUnavailable: if it cannot be used
        """
        if not self._read:
            found = self._store.read_canaries()
            with self._lock:
                for canaries in found:
                    mine = self._known.get(canaries.backend)
                    self._known[canaries.backend] = (
                        canaries.joined(mine) if mine else canaries)
                self._read = True
        self._write()

    def _of(self, backend: str) -> records.Canaries:
        target, known = self._targets.get(backend), self._known.get(backend)
        if known and target in (None, known.target):
            return known
        return records.Canaries(backend, target or '')

    def _tried(self, canaries: records.Canaries) -> int:
        return sum((canaries.backend, server_id) not in self._in_flight
                   for server_id in canaries.results)

    def _replace(self, older: records.Canaries,
                 canaries: records.Canaries) -> None:
        with self._lock:
            # The next time will do if one has started or ended meanwhile.
            if self._known.get(older.backend) is older:
                self._known[older.backend] = canaries
                self._unsaved.add(older.backend)

    def _note_start(self, work: work_items.Work) -> None:
        if not self._number():
            return
        with self._lock:
            for part in work.parts:
                canaries = self._of(part.backend)
                if canaries.paused or canaries.target != part.target:
                    continue
                self._in_flight.add((part.backend, work.server_id))
                self._known[part.backend] = canaries.with_result(
                    work.server_id, canaries.results.get(
                        work.server_id, records.Result()))
                self._unsaved.add(part.backend)
        self._save()

    def _note_end(self, work: work_items.Work,
                  result: records.Result) -> None:
        with self._lock:
            for part in work.parts:
                self._in_flight.discard((part.backend, work.server_id))
                canaries = self._of(part.backend)
                if (canaries.target != part.target
                        or work.server_id not in canaries.results):
                    continue
                self._known[part.backend] = (
                    canaries.without(work.server_id)
                    if result.outcome in _NO_TRIAL
                    else canaries.with_result(work.server_id, result))
                self._unsaved.add(part.backend)
        self._save()

    def _pause(self, brake: brakes.Brake, canaries: records.Canaries,
               waiting: int) -> None:
        older = brake.get(canaries.backend)
        if older is None and waiting:
            brake.pause(pauses.Pause(
                canaries.backend, canaries.describe(waiting),
                pauses.ENGINE, self._host))
        elif older is None or not older.by_engine:
            # An operator's own pause has to end first.
            return
        self._replace(canaries, dataclasses.replace(canaries, paused=True))

    def _lapse(self, brake: brakes.Brake, backend: str) -> None:
        pause = brake.get(backend)
        if pause and pause.by_engine:
            LOG.info('The pause of %s was about an earlier failover', backend)
            brake.resume(backend, '%s@%s' % (pauses.ENGINE, self._host))

    def _save(self) -> None:
        # What cannot be written now is written by the next synchronization,
        # which also tells of it.
        with contextlib.suppress(exception.DecisionsUnavailable):
            self._write()

    def _write(self) -> None:
        with self._store_lock:
            for backend in list(self._unsaved):
                with self._lock:
                    self._unsaved.discard(backend)
                    canaries = self._known.get(backend)
                if canaries:
                    self._save_one(canaries)

    def _save_one(self, canaries: records.Canaries) -> None:
        try:
            self._store.save_canaries(canaries)
        except exception.DecisionsUnavailable:
            with self._lock:
                self._unsaved.add(canaries.backend)
            raise

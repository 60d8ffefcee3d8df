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

"""Holds recoveries back that operators have paused.

The database is the memory of all engines. What this engine knows of it is
kept here, so that nobody who asks waits for a database, and so that a
database that is down changes nothing.
"""

from collections.abc import Callable, Mapping
import threading
import time
from typing import Any, Protocol

from oslo_log import log as logging

from nova_failover_ext.api import pauses
from nova_failover_ext.engine import database_copy
from nova_failover_ext import exception

LOG = logging.getLogger(__name__)

# None stands for an end.
_NONE = object()


class Store(Protocol):
    """What is used of :class:`nova_failover_ext.decisions.store.Store`."""

    def upgrade(self) -> None:
        """Bring the schema up to date."""

    def read(self) -> list[pauses.Pause]:
        """Return the pauses that are in effect."""

    def save(self, pause: pauses.Pause) -> None:
        """Write a pause."""

    def delete(self, backend: str) -> None:
        """Delete a pause."""


class Brake:
    """What is paused at present; each method may be called in any thread."""

    def __init__(self, store: Store,
                 clock: Callable[[], float] = time.monotonic,
                 synchronize: Callable[[], None] = lambda: None) -> None:
        """Know of no pause.

        :param store: the database
        :param clock: seconds, never going back
        :param synchronize: reads and writes what else the database keeps for
            the engine that acts; it may raise DecisionsUnavailable
        """
        self._store = store
        self._synchronize_more = synchronize
        self._copy = database_copy.DatabaseCopy(
            store.upgrade, self._synchronize, self._describe, clock)
        #: never changed in place: it is read without a lock
        self._pauses: Mapping[str, pauses.Pause] = {}
        #: what the database has still to be told, None for an end
        self._unsaved: dict[str, pauses.Pause | None] = {}
        self._lock = threading.Lock()

    def lead(self) -> None:
        """Hold everything back until the database is read."""
        with self._lock:
            self._unsaved.clear()
            self._copy.lead()

    def held(self, backend: str) -> bool:
        """Return whether no recovery of a backend may start."""
        return (self._copy.unread() or pauses.EVERYTHING in self._pauses
                or backend in self._pauses)

    def get(self, backend: str) -> pauses.Pause | None:
        """Return the pause of just this backend, or that of everything.

        :param backend: its name, :data:`.pauses.EVERYTHING` for all
        """
        return self._pauses.get(backend)

    def refuse(self, backend: str) -> None:
        """Refuse what would wait for the end of a pause.

        :raises RecoveryPaused: if the backend or everything is paused
        """
        self._copy.ensure_read()
        for pause in pauses.applying(self._pauses.values(), backend):
            raise exception.RecoveryPaused(pause=str(pause))

    def pause(self, pause: pauses.Pause) -> dict[str, Any]:
        """Pause a backend, or everything.

        :returns: see :meth:`report`
        :raises RecoveryPaused: if just that is paused already
        """
        self._copy.ensure_read()
        with self._lock:
            older = self._pauses.get(pause.backend)
            if older:
                raise exception.RecoveryPaused(pause=str(older))
            self._note(pause.backend, pause)
        LOG.info('%s', pause)
        self._copy.save()
        return self.report()

    def resume(self, backend: str, who: str) -> dict[str, Any]:
        """End a pause of a backend, or of everything.

        :param who: ends it, as USER@HOST
        :returns: see :meth:`report`
        :raises NotPaused: if just that is not paused
        :raises DecisionsUnavailable: if nobody knows whether it is paused
        """
        self._copy.ensure_read()
        with self._lock:
            older = self._pauses.get(backend)
            if older is None:
                self._copy.refuse_unread()
                raise exception.NotPaused(
                    subject='%s is' % (backend or 'Every backend'),
                    paused=', '.join(p.subject for p in self._pauses.values())
                    or 'nothing')
            self._note(backend, None)
        LOG.info('Recoveries of %s are resumed by %s; they were paused by '
                 '%s since %s: %s', older.subject, who, older.who, older.when,
                 older.reason)
        self._copy.save()
        return self.report()

    def report(self) -> dict[str, Any]:
        """Return what is paused as plain data for the bus.

        :returns: ``pauses`` (see :meth:`.api.pauses.Pause.to_primitive`) and
            ``decisions`` (what is wrong with the database, '' for nothing)
        """
        return {'pauses': [pause.to_primitive() for pause in pauses.applying(
                    self._pauses.values(), pauses.EVERYTHING)],
                'decisions': self._copy.problem}

    def refresh(self, leading: bool) -> None:
        """Read the database if that is due, and write what it lacks.

        :param leading: whether this engine acts; only then it writes
        """
        self._copy.refresh(leading)

    def _note(self, backend: str, pause: pauses.Pause | None) -> None:
        known = {name: one for name, one in self._pauses.items()
                 if name != backend}
        self._pauses = {**known, backend: pause} if pause else known
        self._unsaved[backend] = pause

    def _synchronize(self, leading: bool) -> None:
        if leading:
            self._write()
        found = {pause.backend: pause for pause in self._store.read()}
        with self._lock:
            self._adopt(found)
        if leading:
            self._synchronize_more()

    def _write(self) -> None:
        with self._lock:
            unsaved = dict(self._unsaved)
        refusal: exception.DecisionsUnavailable | None = None
        for backend, pause in unsaved.items():
            try:
                self._write_one(backend, pause)
            except exception.DecisionsUnavailable as exc:
                # It may refuse this one only.
                refusal = exc
        if refusal:
            raise refusal

    def _write_one(self, backend: str, pause: pauses.Pause | None) -> None:
        if pause:
            self._store.save(pause)
        else:
            self._store.delete(backend)
        with self._lock:
            # Another decision may have come, or lead() have forgotten it.
            if self._unsaved.get(backend, _NONE) is pause:
                del self._unsaved[backend]

    def _adopt(self, found: dict[str, pauses.Pause]) -> None:
        # What was decided since the writing is newer than what was read.
        for backend, pause in self._unsaved.items():
            found.pop(backend, None)
            if pause:
                found[backend] = pause
        self._pauses = found

    def _describe(self) -> str:
        return '; '.join(map(str, self._pauses.values())) or (
            'nothing is paused')

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

"""Remembers what operators have done, at no cost for a recovery.

Nobody waits for the database: acts are written by a thread of their own. Those
that cannot be written wait in memory until it is back.
"""

import collections
from collections.abc import Callable
import datetime
import threading
from typing import Protocol

from oslo_log import log as logging
from oslo_utils import timeutils

from nova_failover_ext.api import acts
from nova_failover_ext import exception

LOG = logging.getLogger(__name__)

#: How many acts may be refused in a row before the others wait, too.
MOST_REFUSED = 3
#: Seconds after which a database that cannot be used is tried again.
INTERVAL = 10.0
#: Acts that may wait for the database.
MOST_PENDING = 1000
#: Seconds in which an engine that stops writes what waits.
FAREWELL = 2.0


class Store(Protocol):
    """See :class:`nova_failover_ext.decisions.act_store.ActStore`."""

    def upgrade(self) -> None:
        """Bring the schema up to date."""

    def save(self, found: list[acts.Act],
             oldest: datetime.datetime) -> None:
        """Write acts, and delete those that are older."""

    def read(self, since: datetime.datetime) -> list[acts.Act]:
        """Return the latest acts."""


class ActRecorder:
    """Writes acts to the database; each method may be called in any thread."""

    def __init__(self, store: Store, retention: Callable[[], int],
                 interval: float = INTERVAL) -> None:
        """Remember the database; its thread starts with the first act.

        :param store: the database
        :param retention: returns for how many days acts are kept
        :param interval: seconds between two tries of the database
        """
        self._store = store
        self._retention = retention
        self._interval = interval
        self._pending: collections.deque[acts.Act] = collections.deque()
        self._upgraded = False
        self._problem = ''
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._store_lock = threading.Lock()

    def record(self, act: acts.Act) -> None:
        """Have an act written, soon; never waits, never raises."""
        with self._changed:
            if len(self._pending) >= MOST_PENDING:
                LOG.warning('Too many acts wait for the database; the history '
                            'lacks: %(what)s of %(subject)s by %(who)s',
                            {'what': act.what, 'subject': act.subject,
                             'who': act.who})
                return
            self._pending.append(act)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name='acts', daemon=True)
                self._thread.start()
            self._changed.notify()

    def read(self, since: datetime.datetime) -> list[acts.Act]:
        """Return the latest acts, the latest first.

        :param since: leave out what is older, naive UTC
        :raises DecisionsUnavailable: if the database cannot be used
        """
        # Who has just done something wants to see it.
        self._write()
        with self._store_lock:
            self._ensure_upgraded()
            return self._store.read(since)

    def stop(self) -> None:
        """Write what waits, but do not wait long for that."""
        self._stopped.set()
        with self._changed:
            thread = self._thread
            self._changed.notify()
        if thread:
            thread.join(FAREWELL)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._pending or self._stopped.is_set())
            self._try_write()
            # After a failure, one try is left for an engine that stops.
            if self._problem:
                self._stopped.wait(self._interval)
                if self._stopped.is_set():
                    self._try_write()
            if self._stopped.is_set():
                return

    def _try_write(self) -> None:
        problem = ''
        try:
            self._write()
        except exception.DecisionsUnavailable as exc:
            problem = str(exc)
        # The thread has to live on, whatever it is.
        except Exception as exc:  # noqa: BLE001
            problem = f'Acts cannot be written: {type(exc).__name__}.'
        if problem and problem != self._problem:
            LOG.warning('%s What operators do is written to the history when '
                        'it can be used again; recoveries go on.', problem)
        self._problem = problem

    def _write(self) -> None:
        with self._store_lock:
            with self._changed:
                batch = list(self._pending)
            if not batch:
                return
            self._ensure_upgraded()
            oldest = timeutils.utcnow() - datetime.timedelta(
                days=self._retention())
            try:
                self._save(batch, oldest)
            except exception.DecisionsUnavailable:
                self._save_singly(batch, oldest)

    def _save_singly(self, batch: list[acts.Act],
                     oldest: datetime.datetime) -> None:
        # One that the database refuses must not hold up the others; where
        # several fail, it is the database.
        refused: list[exception.DecisionsUnavailable] = []
        for act in batch:
            try:
                self._save([act], oldest)
            except exception.DecisionsUnavailable as exc:
                refused.append(exc)
                with self._changed:
                    self._pending.remove(act)
                    self._pending.append(act)
            if len(refused) == MOST_REFUSED:
                break
        if refused:
            raise refused[-1]

    def _save(self, batch: list[acts.Act], oldest: datetime.datetime) -> None:
        self._store.save(batch, oldest)
        with self._changed:
            for act in batch:
                self._pending.remove(act)

    def _ensure_upgraded(self) -> None:
        if not self._upgraded:
            self._store.upgrade()
            self._upgraded = True

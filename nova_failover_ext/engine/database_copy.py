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


"""When the engine reads its database, and what it says while it cannot.

Who keeps a copy of the database is asked at any time, by threads that must
not wait for a database. What the copy holds, and how it is read and written,
is the business of its owner.
"""

from collections.abc import Callable
import threading
import time

from oslo_log import log as logging

from nova_failover_ext import exception

LOG = logging.getLogger(__name__)

#: Seconds between two readings of the database.
INTERVAL = 10.0
#: Seconds for which an engine that begins to lead starts nothing before it
#: has read the database.
PATIENCE = 20.0

_Error = exception.DecisionsUnavailable | exception.DatabaseUnavailable


class DatabaseCopy:
    """Keeps a copy up to date; each method may be called in any thread."""

    def __init__(self, upgrade: Callable[[], None],
                 synchronize: Callable[[bool], None],
                 describe: Callable[[], str],
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Remember what to call; nothing is read yet.

        What is called may raise DecisionsUnavailable or DatabaseUnavailable.

        :param upgrade: brings the schema up to date
        :param synchronize: reads into the copy, and, if it is given True,
            writes what the database lacks; never called twice at a time
        :param describe: says what the copy holds
        :param clock: seconds, never going back
        """
        self._upgrade = upgrade
        self._synchronize = synchronize
        self._describe = describe
        self._clock = clock
        self._error: _Error | None = None
        self._ready = False
        #: how often it began to lead
        self._term = 0
        self._deadline = 0.0
        self._due = 0.0
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    @property
    def problem(self) -> str:
        """What is wrong with the database, '' for nothing."""
        return str(self._error or '')

    def lead(self) -> None:
        """Begin to act: what was read before may be outdated."""
        with self._lock:
            self._ready = False
            self._term += 1
            self._deadline = self._clock() + PATIENCE
            self._due = 0.0

    def unread(self) -> bool:
        """Return whether nothing may start before the database is read."""
        return not self._ready and self._clock() < self._deadline

    def refresh(self, leading: bool) -> None:
        """Read the database if that is due.

        :param leading: whether this engine acts; only then it writes
        """
        with self._lock:
            if self._clock() < self._due:
                return
            self._due = self._clock() + INTERVAL
        self.save(leading)
        # It may have begun to lead after the caller has looked.
        if self.unread() or (leading and not self._ready):
            # Until the first reading, nothing starts for a while.
            self._due = 0.0

    def save(self, leading: bool = True) -> None:
        """Write and read now; what is wrong is told by :attr:`problem`.

        :param leading: whether this engine acts; only then it writes
        """
        with self._reading:
            self._try(leading)

    def ensure_read(self) -> None:
        """Read the database now if this engine leads and has not done so.

        Who has just begun to lead may be asked before its first reading.
        """
        if self._ready:
            return
        with self._reading:
            if not self._ready:
                self._try(True)

    def refuse_unread(self) -> None:
        """Refuse what needs to know what the database holds.

        :raises DecisionsUnavailable: if it has not been read
        :raises DatabaseUnavailable: likewise
        """
        error = self._error
        if error and not self._ready:
            raise type(error)(str(error)) from error

    def _try(self, leading: bool) -> None:
        term, error = self._term, None
        try:
            if leading and not self._ready:
                self._upgrade()
            self._synchronize(leading)
        except (exception.DecisionsUnavailable,
                exception.DatabaseUnavailable) as exc:
            error = exc
        if not leading:
            return
        self._report(error)
        with self._lock:
            # What was read before it began to lead anew proves nothing.
            if not error and term == self._term:
                self._ready = True

    def _report(self, error: _Error | None) -> None:
        older, self._error = self.problem, error
        if error and self.problem != older:
            LOG.warning('%s The latest decisions that are known stay in '
                        'effect: %s', error, self._describe())
        elif older and not error:
            LOG.info('The database of decisions can be used again')

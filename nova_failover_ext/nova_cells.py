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

"""Reads Nova's cells side by side, and waits for none that says nothing.

Nova has ``nova.context.scatter_gather_cells`` for this. It has one deadline
for the whole of an answer, which here has thousands of batches, and a pool of
a few threads, which cells that never answer would keep.

Upstream relied on, read in Nova 31 to 34: ``nova.objects.CellMappingList``
and ``nova.context.target_cell``.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
import concurrent.futures
import contextlib
import dataclasses
import threading
import time
from typing import Any, TypeVar

import nova.context
from nova import objects
from oslo_db import exception as db_exception
import sqlalchemy as sa

from nova_failover_ext.api import cell_problem
from nova_failover_ext import exception
from nova_failover_ext.recovery import masking

_R = TypeVar('_R')

#: What a database that cannot be read raises.
_ERRORS = (db_exception.DBError, db_exception.CantStartEngineError,
           sa.exc.SQLAlchemyError)
#: Seconds for which a cell may say nothing, unless it is told otherwise.
TIMEOUT = 15.0
# Seconds until a silent cell is asked again, doubled each time. A connection
# whose other end is gone may say nothing for hours, and a new one answer.
_AGAIN = 60.0


def all_cells() -> list[Any]:
    """Return the cells that can have servers, as Nova's CellMapping.

    :raises DatabaseUnavailable: if the API database cannot be read
    """
    context = nova.context.get_admin_context()
    with reading_api_database():
        mappings = objects.CellMappingList.get_all(context)
    return [cell for cell in mappings if not cell.is_cell0()]


@contextlib.contextmanager
def reading_api_database() -> Iterator[None]:
    """Turn what its drivers raise into one sentence.

    :raises DatabaseUnavailable: if the API database cannot be read
    """
    try:
        yield
    except _ERRORS as exc:
        raise exception.DatabaseUnavailable(
            reason='API database: %s' % masking.first_line(exc)) from exc


class _Silent(Exception):
    """A cell has said nothing for too long."""


class Reading:
    """One cell that is being read, in a thread of its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to count.

        :param clock: seconds, never going back
        """
        self._clock = clock
        self.heard_at = clock()
        self.future: concurrent.futures.Future[Any] = (
            concurrent.futures.Future())

    def heard(self) -> None:
        """Note that the cell has answered one of several questions."""
        self.heard_at = self._clock()

    def result(self, timeout: float) -> Any:
        """Wait for the result for as long as the cell says something.

        :param timeout: seconds without an answer
        :raises _Silent: if the cell says nothing for so long
        """
        while True:
            left = self.heard_at + timeout - self._clock()
            try:
                return self.future.result(timeout=max(0.0, left))
            except concurrent.futures.TimeoutError as exc:
                if self.future.done():
                    return self.future.result()
                if self.heard_at + timeout <= self._clock():
                    raise _Silent('it has said nothing for %g seconds'
                                  % timeout) from exc


@dataclasses.dataclass(frozen=True)
class _Late:
    """A reading without an answer.

    :ivar reading: the latest of the cell
    :ivar wait: seconds from its end to the next
    :ivar again_at: when to ask again nevertheless
    """

    reading: Reading
    wait: float
    again_at: float


#: Reads one cell. It gets a context that is targeted at the cell, the
#: CellMapping, and what to call whenever the cell has answered.
Read = Callable[[Any, Any, Callable[[], None]], _R]


class Cells:
    """Reads cells, and remembers which of them are silent."""

    def __init__(self, timeout: float = TIMEOUT,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Remember how long to wait.

        :param timeout: seconds for which a cell may say nothing
        :param clock: seconds, never going back
        """
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._late: dict[Hashable, _Late] = {}

    def read(self, cells: Iterable[Any], read: Read[_R]) -> tuple[
            list[_R], list[cell_problem.CellProblem]]:
        """Read several cells at the same time.

        A cell that has not answered an earlier reading yet is not asked for
        a minute, then for two, and so on: each reading keeps a thread and a
        connection.

        :param cells: as :func:`all_cells` has them
        :param read: reads one of them
        :returns: what was read, in the order of the cells, and the cells
            that could not be read
        """
        begun = [(cell, self._begin(cell, read)) for cell in cells]
        found: list[_R] = []
        problems: list[cell_problem.CellProblem] = []
        for cell, reading in begun:
            try:
                found.append(self._end(cell.uuid, reading))
            except (_Silent, *_ERRORS) as exc:
                problems.append(cell_problem.CellProblem(
                    cell.name or cell.uuid, masking.first_line(exc),
                    cell.uuid))
        return found, problems

    def _begin(self, cell: Any, read: Read[Any]) -> Reading | None:
        with self._lock:
            late = self._late.get(cell.uuid)
            if late is not None and late.reading.future.done():
                del self._late[cell.uuid]
            elif late is not None and self._clock() < late.again_at:
                return None
        reading = Reading(self._clock)
        # Not an executor: those join their threads when the process ends,
        # which a silent cell would hold up.
        threading.Thread(target=_run, args=(reading, cell, read),
                         name='failover-cell', daemon=True).start()
        return reading

    def _end(self, uuid: Hashable, reading: Reading | None) -> Any:
        if reading is None:
            raise _Silent('an earlier question has no answer yet')
        try:
            found = reading.result(self._timeout)
        except _Silent:
            self._note_late(uuid, reading)
            raise
        with self._lock:
            self._late.pop(uuid, None)
        return found

    def _note_late(self, uuid: Hashable, reading: Reading) -> None:
        with self._lock:
            before = self._late.get(uuid)
            wait = 2 * before.wait if before else _AGAIN
            self._late[uuid] = _Late(reading, wait, self._clock() + wait)


def _run(reading: Reading, cell: Any, read: Read[Any]) -> None:
    try:
        admin = nova.context.get_admin_context()
        with nova.context.target_cell(admin, cell) as context:
            reading.future.set_result(read(context, cell, reading.heard))
    # It is raised again where the result is wanted.
    except BaseException as error:  # noqa: BLE001
        reading.future.set_exception(error)

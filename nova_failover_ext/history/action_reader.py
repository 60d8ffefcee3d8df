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

"""Reads past recoveries from Nova's instance actions, in every cell.

Each server that a failover has touched has one action of its own, whose
request id is the failover's; each try is an event of that action. Nova keeps
them until its database is archived and purged.

The queries are in :mod:`.queries`, what they tell in :mod:`.outcomes`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
import datetime
import itertools
from typing import Any

from oslo_utils import strutils

from nova_failover_ext.api import cell_problem
from nova_failover_ext.api import server_state
from nova_failover_ext.history import outcomes
from nova_failover_ext.history import queries
from nova_failover_ext import nova_cells

#: Ids of actions that one query of a list walks over.
RANGE = 20000


class HistoryReader:
    """What Nova's databases tell of past recoveries; only reads."""

    def __init__(self, batch_size: int, id_range: int = RANGE,
                 cell_timeout: float = nova_cells.TIMEOUT) -> None:
        """Remember how to read; nothing is read yet.

        :param batch_size: servers or actions per query
        :param id_range: actions of all kinds that one query walks over
        :param cell_timeout: seconds for which a cell may say nothing
        """
        self._cells = nova_cells.Cells(cell_timeout)
        self._batch_size = batch_size
        self._id_range = id_range

    def failovers(self, since: datetime.datetime,
                  servers: Collection[str] | None = None
                  ) -> tuple[list[outcomes.Failover],
                             list[cell_problem.CellProblem]]:
        """Return the failovers that began servers, the latest first.

        Without ``servers``, Nova's table is walked from its end, as it has
        no index by time: the number of queries is that of the actions of all
        kinds since then, by ``id_range``.

        :param since: the earliest start of a server's action; aware, or
            naive in UTC
        :param servers: count these only, as for the servers of one backend;
            None for all
        :returns: the failovers, and the cells that could not be read
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        began = _naive(since)
        rows, problems = self._in_cells(
            lambda context, _cell, heard: self._totals(
                context, began, servers, heard))
        return outcomes.failovers(rows), problems

    def servers(self, failover_id: str) -> tuple[
            list[outcomes.ServerHistory], list[cell_problem.CellProblem]]:
        """Return what a failover has meant for each server that it began.

        :param failover_id: request id, as :meth:`failovers` tells it
        :returns: by time of their begin; none if there is no such failover;
            and the cells that could not be read
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        found, problems = self._in_cells(
            lambda context, cell, heard: self._histories(
                context, cell.uuid, failover_id, heard))
        return sorted(found, key=lambda s: (
            s.began_at or datetime.datetime.min.replace(tzinfo=datetime.UTC),
            s.server_id)), problems

    def named(self, names: Collection[str]) -> tuple[
            dict[str, str], list[cell_problem.CellProblem]]:
        """Return the servers that Nova's databases know by some names.

        :param names: ids or names
        :returns: the names of the servers by their ids, and the cells that
            could not be read
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        rows, problems = self._in_cells(
            lambda context, _cell, _heard: queries.named_rows(
                context, tuple(names)))
        # To MariaDB, upper and lower case are the same.
        return {row.uuid: row.display_name or '' for row in rows
                if not {row.uuid, row.display_name}.isdisjoint(names)
                }, problems

    def _in_cells(self, read: nova_cells.Read[Iterable[Any]]
                  ) -> tuple[list[Any], list[cell_problem.CellProblem]]:
        # All of a cell or nothing.
        parts, problems = self._cells.read(
            nova_cells.all_cells(), lambda *args: list(read(*args)))
        return [one for part in parts for one in part], problems

    def _totals(self, context: Any, since: datetime.datetime,
                servers: Collection[str] | None,
                heard: Callable[[], None]) -> Iterator[Any]:
        if servers is not None:
            for batch in _batches(sorted(servers), self._batch_size):
                yield from queries.total_rows_of(context, since, batch)
                heard()
            return
        high = queries.latest_id(context)
        while high > 0:
            low = max(0, high - self._id_range)
            yield from queries.total_rows_between(
                context, since, low, high)
            heard()
            oldest = queries.start_after(context, low)
            heard()
            if oldest is None or oldest < since:
                return
            high = low

    def _histories(self, context: Any, cell: str, failover_id: str,
                   heard: Callable[[], None]
                   ) -> list[outcomes.ServerHistory]:
        rows = queries.action_rows(context, failover_id)
        tries = self._tries(context, [row.id for row in rows], heard)
        unhealed = [row for row in rows
                    if outcomes.state_after(tries.get(row.id, ()))
                    is not server_state.ServerState.CONVERGED]
        later = self._later(context, unhealed, heard)
        return [outcomes.ServerHistory(
            server_id=row.instance_uuid, name=row.display_name or '',
            project_id=row.project_id or '', host=row.host or '', cell=cell,
            began_at=outcomes.utc(row.start_time),
            tries=tuple(tries.get(row.id, ())),
            followed_by=later.get(row.instance_uuid, '')) for row in rows]

    def _tries(self, context: Any, action_ids: list[int],
               heard: Callable[[], None]) -> dict[int, list[outcomes.Try]]:
        found: dict[int, list[outcomes.Try]] = {}
        for batch in _batches(action_ids, self._batch_size):
            heard()
            for row in queries.event_rows(context, batch):
                found.setdefault(row.action_id, []).append(outcomes.Try(
                    outcomes.utc(row.start_time), outcomes.utc(
                        row.finish_time),
                    row.host or '', row.result or '',
                    str(strutils.mask_password(row.details or ''))))
        return found

    def _later(self, context: Any, rows: list[Any],
               heard: Callable[[], None]) -> dict[str, str]:
        known = {row.instance_uuid: row.id for row in rows}
        found: dict[str, str] = {}
        for batch in _batches(sorted(known), self._batch_size):
            heard()
            found.update((row.instance_uuid, row.request_id or '')
                         for row in queries.latest_rows(context, batch)
                         if row.id > known[row.instance_uuid])
        return found


def _naive(when: datetime.datetime) -> datetime.datetime:
    # As Nova's columns are.
    return (when.astimezone(datetime.UTC).replace(tzinfo=None)
            if when.tzinfo else when)


def _batches(items: list[Any], size: int) -> Iterator[tuple[Any, ...]]:
    iterator = iter(items)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch

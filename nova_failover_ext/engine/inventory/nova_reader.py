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

"""Reads block device mappings, servers and recoveries from Nova's cells.

Cells are read at the same time. One that cannot be read, or says nothing, is
reported, and the others count.
"""

from collections.abc import Callable, Iterable, Mapping
import threading
from typing import Any, TypeVar

import nova.context

from nova_failover_ext.api import cell_problem
from nova_failover_ext.engine.inventory import cell_reader
from nova_failover_ext.engine.inventory import nova_queries
from nova_failover_ext.engine import model
from nova_failover_ext import nova_cells
from nova_failover_ext.recovery import policy

_R = TypeVar('_R')


class NovaReader:
    """What Nova's databases say of the servers that use volumes."""

    def __init__(self, batch_size: int,
                 choose: Callable[[Mapping[str, str]], policy.Policy]
                 = policy.of_metadata,
                 cell_timeout: float = nova_cells.TIMEOUT) -> None:
        """Remember how to read; nothing is read yet.

        :param batch_size: volumes or servers per query
        :param choose: chooses a server's policy from its metadata
        :param cell_timeout: seconds for which a cell may say nothing
        """
        self._batch_size = batch_size
        self._choose = choose
        self._own = threading.local()
        self._cells = nova_cells.Cells(cell_timeout)

    @property
    def spent(self) -> dict[str, int]:
        """The statements that the calling thread has had executed so far."""
        return {'nova': getattr(self._own, 'statements', 0)}

    def cells(self) -> list[Any]:
        """Return the cells that can have servers.

        :raises DatabaseUnavailable: if the API database cannot be read
        """
        self._count(1)
        return nova_cells.all_cells()

    def attachments(self, volume_ids: Iterable[str]) -> tuple[
            list[model.Attachment], list[cell_problem.CellProblem]]:
        """Return every mapping that names one of the volumes.

        :param volume_ids: Cinder's ids
        :returns: the mappings, and the cells that could not be read
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        wanted = {volume_id: volume_id for volume_id in sorted(volume_ids)}
        found, problems = self._read(
            self.cells() if wanted else [],
            lambda reader, _cell: reader.attachments(
                nova_queries.mappings_of_volumes, list(wanted), wanted))
        return [one for part in found for one in part], problems

    def attachments_within(self, volume_ids: Iterable[str],
                           known: Mapping[str, object]) -> tuple[
            list[model.Attachment], list[cell_problem.CellProblem]]:
        """Return the mappings of the servers that use some volumes.

        Servers with a volume that is not known are left out.

        :param volume_ids: Cinder's ids
        :param known: ids of all volumes that are known, these among them
        :returns: the mappings, and the cells that could not be read
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        ids = sorted(volume_ids)
        found, problems = self._read(
            self.cells() if ids else [],
            lambda reader, _cell: reader.attachments_within(ids, known))
        return [one for part in found for one in part], problems

    def attachments_of_priorities(
            self, values: tuple[str, ...], known: Mapping[str, object]
            ) -> tuple[list[model.Attachment],
                       list[cell_problem.CellProblem]]:
        """Return the mappings of servers with some priorities.

        Servers with a volume that is not known are left out, and of each cell
        what is more than one batch.

        :param values: the priorities as the metadata have them
        :param known: ids of all volumes that are known
        :returns: the mappings, and the cells that could not be read
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        found, problems = self._read(
            self.cells() if known else [],
            lambda reader, _cell: reader.attachments_of_priorities(
                values, known))
        return [one for part in found for one in part], problems

    def attachments_of(self, servers: Iterable[tuple[str, str]],
                       volume_ids: Iterable[str]) -> tuple[
            list[model.Attachment], list[cell_problem.CellProblem]]:
        """Return the mappings of some servers that name one of the volumes.

        :param servers: uuid of the cell and id of each
        :param volume_ids: Cinder's ids
        :returns: the mappings, and the cells that could not be read
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        by_cell = _by_cell(servers)
        wanted = {volume_id: volume_id for volume_id in volume_ids}
        found, problems = self._read(
            self._named(by_cell if wanted else ()),
            lambda reader, cell: reader.attachments(
                nova_queries.mappings_of_servers, by_cell[cell], wanted))
        return [one for part in found for one in part], problems

    def mappings(self, volume_ids: Iterable[str]) -> tuple[
            list[model.MappingRow], list[cell_problem.CellProblem]]:
        """Return every row that names one of the volumes, in order or not.

        :param volume_ids: Cinder's ids
        :returns: the rows, and the cells that could not be read
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        wanted = sorted(volume_ids)
        found, problems = self._read(
            self.cells() if wanted else [],
            lambda reader, _cell: reader.mappings(wanted))
        return [one for part in found for one in part], problems

    def hosts_up(self, cells: Iterable[str]) -> dict[tuple[str, str], bool]:
        """Tell of each compute host whether its service is up.

        :param cells: uuids of the cells to read; what cannot be read now
            is left out
        :returns: by uuid of the cell and name of the host
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        found, _problems = self._read(
            self._named(set(cells)), lambda reader, cell: {
                (cell, host): up
                for host, up in reader.computes_up().items()})
        return {host: up for part in found for host, up in part.items()}

    def migrating(self, servers: Iterable[tuple[str, str]]) -> set[str]:
        """Return the ids of servers with a migration in progress.

        :param servers: uuid of the cell and id of each; all those of a cell
            that cannot be read count as migrating
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        by_cell = _by_cell(servers)
        found, problems = self._read(
            self._named(by_cell),
            lambda reader, cell: reader.migrating(by_cell[cell]))
        unread = {problem.uuid for problem in problems}
        return set().union(*found, *(
            by_cell[cell] for cell in by_cell if cell in unread))

    def servers_named(self, text: str) -> tuple[
            dict[str, str], list[cell_problem.CellProblem]]:
        """Return the servers of the cloud with that id or name.

        :returns: name by id, and the cells that could not be read
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        found, problems = self._read(
            self.cells(), lambda reader, _cell: reader.servers_named(text))
        return {key: name for part in found
                for key, name in part.items()}, problems

    def has_project(self, project_id: str) -> bool:
        """Return whether a cell that can be read has a server of a project.

        :raises DatabaseUnavailable: if the API database cannot be read
        """
        found, _problems = self._read(
            self.cells(),
            lambda reader, _cell: reader.has_project(project_id))
        return any(found)

    def host_groups(self) -> model.HostGroups:
        """Return the compute hosts with their aggregates and zones.

        :raises DatabaseUnavailable: if the API database cannot be read
        """
        with nova_cells.reading_api_database():
            return nova_queries.host_groups(nova.context.get_admin_context())

    def recoveries(self, servers: Iterable[model.Server]
                   ) -> dict[str, model.Recovery]:
        """Return the latest recovery of each server that had one.

        :param servers: read by :meth:`attachments` before; those of a cell
            that cannot be read now are left out
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        by_cell = _by_cell((server.cell, server.id) for server in servers)
        found, _problems = self._read(
            self._named(by_cell),
            lambda reader, cell: reader.recoveries(by_cell[cell]))
        return {key: one for part in found for key, one in part.items()}

    def _named(self, uuids: Iterable[str]) -> list[Any]:
        wanted = set(uuids)
        return [cell for cell in (self.cells() if wanted else ())
                if cell.uuid in wanted]

    def _read(self, asked: list[Any],
              read: Callable[[cell_reader.CellReader, str], _R]
              ) -> tuple[list[_R], list[cell_problem.CellProblem]]:
        readers: list[cell_reader.CellReader] = []

        def read_one(context: Any, cell: Any,
                     heard: Callable[[], None]) -> _R:
            reader = cell_reader.CellReader(
                context, cell.uuid, self._batch_size, self._choose, heard)
            readers.append(reader)
            return read(reader, cell.uuid)

        try:
            return self._cells.read(asked, read_one)
        finally:
            self._count(sum(reader.statements for reader in readers))

    def _count(self, statements: int) -> None:
        self._own.statements = getattr(
            self._own, 'statements', 0) + statements


def _by_cell(servers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for cell, server_id in servers:
        found.setdefault(cell, set()).add(server_id)
    return {cell: sorted(ids) for cell, ids in found.items()}

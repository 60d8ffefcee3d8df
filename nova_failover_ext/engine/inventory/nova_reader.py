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

The number of statements is that of cells times batches: one for the services
of a cell and two for each batch, whatever number of servers a batch leads to.
What was read of a batch is turned into plain data before the next, so that
no more than one batch of connection_info is in memory.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
import itertools
import sys
import threading
from typing import Any

import nova.context
from nova import objects
from oslo_db import exception as db_exception
from oslo_utils import strutils
import sqlalchemy as sa

from nova_failover_ext.api import cell_problem
from nova_failover_ext.engine.inventory import nova_queries
from nova_failover_ext.engine import model
from nova_failover_ext import exception
from nova_failover_ext.recovery import policy

#: Name of the instance action of a recovery.

_Rows = Callable[[Any, tuple[str, ...]], list[Any]]
_ERRORS = (db_exception.DBError, db_exception.CantStartEngineError,
           sa.exc.SQLAlchemyError)


class NovaReader:
    """What Nova's databases say of the servers that use volumes."""

    def __init__(self, batch_size: int,
                 choose: Callable[[Mapping[str, str]], policy.Policy]
                 = policy.of_metadata) -> None:
        """Remember the batch size; nothing is read yet.

        :param batch_size: volumes or servers per query
        :param choose: chooses a server's policy from its metadata
        """
        self._batch_size = batch_size
        self._choose = choose
        self._own = threading.local()

    @property
    def spent(self) -> dict[str, int]:
        """The statements that the calling thread has had executed so far."""
        return {'nova': getattr(self._own, 'statements', 0)}

    def cells(self) -> list[Any]:
        """Return the cells that can have servers.

        :raises DatabaseUnavailable: if the API database cannot be read
        """
        context = nova.context.get_admin_context()
        self._count()
        try:
            mappings = objects.CellMappingList.get_all(context)
        except _ERRORS as exc:
            raise exception.DatabaseUnavailable(
                reason='API database: %s' % _reason(exc)) from exc
        return [cell for cell in mappings if not cell.is_cell0()]

    def attachments(self, volume_ids: Iterable[str]) -> tuple[
            list[model.Attachment], list[cell_problem.CellProblem]]:
        """Return every mapping that names one of the volumes.

        :param volume_ids: Cinder's ids
        :returns: the mappings, and the cells that could not be read
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        wanted = {volume_id: volume_id for volume_id in sorted(volume_ids)}
        cells = self.cells() if wanted else []
        return self._read(nova_queries.mappings_of_volumes, wanted,
                          [(cell, list(wanted)) for cell in cells])

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
        cells = self.cells() if by_cell and wanted else []
        return self._read(nova_queries.mappings_of_servers, wanted,
                          [(cell, by_cell[cell.uuid]) for cell in cells
                           if cell.uuid in by_cell])

    def hosts_up(self, cells: Iterable[str]) -> dict[tuple[str, str], bool]:
        """Tell of each compute host whether its service is up.

        :param cells: uuids of the cells to read; what cannot be read now
            is left out
        :returns: by uuid of the cell and name of the host
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        wanted = set(cells)
        found: dict[tuple[str, str], bool] = {}
        for cell in self.cells() if wanted else ():
            if cell.uuid not in wanted:
                continue
            context = nova.context.get_admin_context()
            try:
                with nova.context.target_cell(context, cell) as cctxt:
                    found.update(((cell.uuid, host), up) for host, up
                                 in self._computes_up(cctxt).items())
            except _ERRORS:
                continue
        return found

    def recoveries(self, servers: Iterable[model.Server]
                   ) -> dict[str, model.Recovery]:
        """Return the latest recovery of each server that had one.

        :param servers: read by :meth:`attachments` before; those of a cell
            that cannot be read now are left out
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        by_cell = _by_cell((server.cell, server.id) for server in servers)
        found: dict[str, model.Recovery] = {}
        for cell in self.cells() if by_cell else ():
            try:
                found.update(self._cell_recoveries(
                    cell, by_cell.get(cell.uuid, [])))
            except _ERRORS:
                continue
        return found

    def _read(self, rows_of: _Rows, wanted: Mapping[str, str],
              asked: Iterable[tuple[Any, list[str]]]) -> tuple[
            list[model.Attachment], list[cell_problem.CellProblem]]:
        found: list[model.Attachment] = []
        problems: list[cell_problem.CellProblem] = []
        for cell, ids in asked:
            try:
                found += self._cell_attachments(rows_of, wanted, cell, ids)
            except _ERRORS as exc:
                problems.append(cell_problem.CellProblem(
                    cell.name or cell.uuid, _reason(exc)))
        return found, problems

    def _cell_attachments(self, rows_of: _Rows, wanted: Mapping[str, str],
                          cell: Any, ids: list[str]
                          ) -> list[model.Attachment]:
        found: list[model.Attachment] = []
        servers: dict[str, model.Server] = {}
        up: dict[str, bool] | None = None
        context = nova.context.get_admin_context()
        with nova.context.target_cell(context, cell) as cctxt:
            for batch in _batches(ids, self._batch_size):
                self._count()
                rows = [row for row in rows_of(cctxt, batch)
                        if row.volume_id in wanted and row.instance_uuid]
                if rows and up is None:
                    up = self._computes_up(cctxt)
                self._add_servers(cctxt, cell.uuid, rows, up or {}, servers)
                found += [_attachment(row, servers[row.instance_uuid],
                                      wanted[row.volume_id]) for row in rows]
        return found

    def _add_servers(self, context: Any, cell: str, rows: Iterable[Any],
                     up: Mapping[str, bool],
                     servers: dict[str, model.Server]) -> None:
        new = {row.instance_uuid: row for row in rows
               if row.instance_uuid not in servers}
        metadata: dict[str, dict[str, str]] = {}
        for batch in _batches(sorted(new), self._batch_size):
            self._count()
            for one in nova_queries.metadata(context, batch):
                metadata.setdefault(one.instance_uuid, {})[one.key] = one.value
        for server_id, row in new.items():
            servers[server_id] = self._server(
                row, cell, up, metadata.get(server_id, {}))

    def _server(self, row: Any, cell: str, up: Mapping[str, bool],
                metadata: dict[str, str]) -> model.Server:
        return model.Server(
            id=row.instance_uuid, name=row.display_name or '',
            project_id=_shared(row.project_id) or '', host=_shared(row.host),
            cell=cell, vm_state=_shared(row.vm_state),
            task_state=_shared(row.task_state),
            deleted=row.uuid is None or bool(row.deleted),
            compute_up=up.get(row.host, False),
            metadata=tuple(sorted(metadata.items())),
            policy=self._choose(metadata))

    def _computes_up(self, context: Any) -> dict[str, bool]:
        self._count()
        return nova_queries.computes_up(context)

    def _cell_recoveries(self, cell: Any,
                         server_ids: list[str]) -> dict[str, model.Recovery]:
        found: dict[str, model.Recovery] = {}
        context = nova.context.get_admin_context()
        with nova.context.target_cell(context, cell) as cctxt:
            for batch in _batches(server_ids, self._batch_size):
                self._count()
                for row in nova_queries.recoveries(cctxt, batch):
                    found[row.instance_uuid] = nova_queries.recovery(row)
        return found

    def _count(self) -> None:
        self._own.statements = getattr(self._own, 'statements', 0) + 1


def _by_cell(servers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for cell, server_id in servers:
        found.setdefault(cell, set()).add(server_id)
    return {cell: sorted(ids) for cell, ids in found.items()}


def _attachment(row: Any, server: model.Server,
                volume_id: str) -> model.Attachment:
    stamp, begun = nova_queries.stamp(row.connection_info)
    return model.Attachment(
        server=server, volume_id=volume_id,
        attachment_id=row.attachment_id, device_name=_shared(row.device_name),
        root=row.boot_index == 0,
        stamp=_shared(stamp), begun=begun)


def _shared(text: str | None) -> str | None:
    # One copy of what thousands of records say alike.
    return sys.intern(text) if text else text


def _batches(items: list[str], size: int) -> Iterator[tuple[str, ...]]:
    iterator = iter(items)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch


def _reason(error: BaseException) -> str:
    # Further lines hold the statement and its parameters.
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return str(strutils.mask_password(lines[0])).rstrip('.')

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

"""Reads block device mappings, servers and recoveries of one of Nova's cells.

The number of statements is that of batches: one for the services and two for
each batch, whatever number of servers a batch leads to. What was read of a
batch is turned into plain data before the next, so that no more than one
batch of connection_info is in memory.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
import itertools
import sys
from typing import Any

from nova_failover_ext.engine.inventory import nova_queries
from nova_failover_ext.engine import model
from nova_failover_ext.recovery import policy

_Rows = Callable[[Any, tuple[str, ...]], list[Any]]
_Choose = Callable[[Mapping[str, str]], policy.Policy]


class CellReader:
    """Reads one cell once; its statements are counted."""

    def __init__(self, context: Any, cell: str, batch_size: int,
                 choose: _Choose, heard: Callable[[], None]) -> None:
        """Remember what to read.

        :param context: a Nova context that is targeted at the cell
        :param cell: uuid of the cell
        :param batch_size: volumes or servers per query
        :param choose: chooses a server's policy from its metadata
        :param heard: called after each query
        """
        self._context = context
        self._cell = cell
        self._batch_size = batch_size
        self._choose = choose
        self._heard = heard
        self.statements = 0

    def attachments(self, rows_of: _Rows, ids: list[str],
                    wanted: Mapping[str, str]) -> list[model.Attachment]:
        """Return the mappings that name one of the volumes.

        :param rows_of: the query, of :mod:`.nova_queries`
        :param ids: what it is to be asked about, volumes or servers
        :param wanted: each volume's id by itself, so that there is one copy
        """
        parts = self._rows(rows_of, ids, wanted)
        return [_attachment(row, server, wanted[row.volume_id])
                for row, server in self._with_servers(parts)]

    def mappings(self, volume_ids: list[str]) -> list[model.MappingRow]:
        """Return all rows that name one of the volumes, in order or not."""
        parts = self._rows(nova_queries.rows_of_volumes, volume_ids,
                           frozenset(volume_ids))
        return [_mapping(row, server)
                for row, server in self._with_servers(parts)]

    def attachments_within(self, ids: list[str], known: Mapping[str, object]
                           ) -> list[model.Attachment]:
        """Return the mappings of the servers that use some volumes.

        Servers with a volume that is not known are left out.

        :param ids: of the volumes
        :param known: ids of all volumes that are known, these among them
        """
        return self._whole_servers(sorted({
            row.instance_uuid for batch in batches(ids, self._batch_size)
            for row in self._ask(nova_queries.servers_of_volumes, batch)
            if row.instance_uuid}), known)

    def attachments_of_priorities(self, values: tuple[str, ...],
                                  known: Mapping[str, object]
                                  ) -> list[model.Attachment]:
        """Return the mappings of servers with some priorities, one batch.

        Servers with a volume that is not known are left out.

        :param values: the priorities as the metadata have them
        :param known: ids of all volumes that are known
        """
        return self._whole_servers([
            row.instance_uuid for row in self._ask(
                nova_queries.servers_of_priorities, values, self._batch_size)
        ], known)

    def _whole_servers(self, server_ids: list[str],
                       known: Mapping[str, object]) -> list[model.Attachment]:
        parts = (
            _whole(self._ask(nova_queries.mappings_of_servers, batch), known)
            for batch in batches(server_ids, self._batch_size))
        return [_attachment(row, server, row.volume_id)
                for row, server in self._with_servers(parts)]

    def _rows(self, rows_of: _Rows, ids: list[str], wanted: Container[str]
              ) -> Iterator[list[Any]]:
        for batch in batches(ids, self._batch_size):
            yield [row for row in self._ask(rows_of, batch)
                   if row.volume_id in wanted and row.instance_uuid]

    def _with_servers(self, parts: Iterable[list[Any]]
                      ) -> Iterator[tuple[Any, model.Server]]:
        servers: dict[str, model.Server] = {}
        up: dict[str, bool] | None = None
        for rows in parts:
            if rows and up is None:
                up = self.computes_up()
            self._add_servers(rows, up or {}, servers)
            yield from ((row, servers[row.instance_uuid]) for row in rows)

    def computes_up(self) -> dict[str, bool]:
        """Tell of each compute host by name whether its service is up."""
        return dict(self._ask(nova_queries.computes_up))

    def recoveries(self, server_ids: list[str]) -> dict[str, model.Recovery]:
        """Return the latest recovery of each server that had one, by id."""
        return {row.instance_uuid: nova_queries.recovery(row)
                for batch in batches(server_ids, self._batch_size)
                for row in self._ask(nova_queries.recoveries, batch)}

    def migrating(self, server_ids: list[str]) -> set[str]:
        """Return which of the servers have a migration in progress."""
        return {row.instance_uuid
                for batch in batches(server_ids, self._batch_size)
                for row in self._ask(nova_queries.servers_migrating, batch)}

    def servers_named(self, text: str) -> dict[str, str]:
        """Return the servers with that id or name, name by id."""
        # MySQL compares without case, accents and trailing spaces.
        return {row.uuid: row.display_name or ''
                for row in self._ask(nova_queries.servers_named, text)
                if text in (row.uuid, row.display_name)}

    def has_project(self, project_id: str) -> bool:
        """Return whether there is a server of a project."""
        return project_id in {row.project_id for row in self._ask(
            nova_queries.projects_like, project_id)}

    def _ask(self, query: Callable[..., Any], *args: Any) -> Any:
        self.statements += 1
        answer = query(self._context, *args)
        self._heard()
        return answer

    def _add_servers(self, rows: Iterable[Any], up: Mapping[str, bool],
                     servers: dict[str, model.Server]) -> None:
        new = {row.instance_uuid: row for row in rows
               if row.instance_uuid not in servers}
        metadata: dict[str, dict[str, str]] = {}
        for batch in batches(sorted(new), self._batch_size):
            for one in self._ask(nova_queries.metadata, batch):
                metadata.setdefault(one.instance_uuid, {})[one.key] = one.value
        for server_id, row in new.items():
            servers[server_id] = self._server(
                row, up, metadata.get(server_id, {}))

    def _server(self, row: Any, up: Mapping[str, bool],
                metadata: dict[str, str]) -> model.Server:
        return model.Server(
            id=row.instance_uuid, name=row.display_name or '',
            project_id=_shared(row.project_id) or '', host=_shared(row.host),
            cell=self._cell, vm_state=_shared(row.vm_state),
            task_state=_shared(row.task_state),
            deleted=row.uuid is None or bool(row.deleted),
            compute_up=up.get(row.host, False),
            metadata=tuple(sorted(metadata.items())),
            policy=self._choose(metadata))


def batches(items: list[str], size: int) -> Iterator[tuple[str, ...]]:
    """Split a list.

    :param size: how many items each part has at most
    """
    iterator = iter(items)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch


def _whole(rows: list[Any], known: Mapping[str, object]) -> list[Any]:
    # A server is recovered once, and not for each volume.
    unknown = {row.instance_uuid for row in rows if row.volume_id not in known}
    return [row for row in rows if row.instance_uuid not in unknown]


def _attachment(row: Any, server: model.Server,
                volume_id: str) -> model.Attachment:
    stamp, begun = nova_queries.stamp(row.connection_info)
    return model.Attachment(
        server=server, volume_id=volume_id,
        attachment_id=row.attachment_id, device_name=_shared(row.device_name),
        root=row.boot_index == 0,
        stamp=_shared(stamp), begun=begun)


def _mapping(row: Any, server: model.Server) -> model.MappingRow:
    return model.MappingRow(server, row.volume_id, row.attachment_id,
                            nova_queries.info_state(row.connection_info))


def _shared(text: str | None) -> str | None:
    # One copy of what thousands of records say alike.
    return sys.intern(text) if text else text

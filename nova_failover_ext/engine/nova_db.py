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

The one module of the engine that uses what Nova keeps private, read in Nova
31 to 34:

* ``nova.db.main.models``: BlockDeviceMapping, Instance, InstanceMetadata,
  InstanceAction, InstanceActionEvent and the columns named below;
* ``nova.db.main.api.pick_context_manager_reader``: opens a session on the
  database of the cell that the context is targeted at;
* ``nova.context.target_cell`` and ``nova.objects``: CellMappingList,
  ServiceList; ``nova.servicegroup.API.service_is_up``.

Nova's objects would load one server or volume per query; here the number of
queries is that of cells times batches.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
import datetime
import itertools
import json
from typing import Any

import nova.context
from nova.db.main import api as db_api
from nova.db.main import models
from nova import objects
from nova import servicegroup
from oslo_db import exception as db_exception
from oslo_utils import strutils
import sqlalchemy as sa

from nova_failover_ext.engine import model
from nova_failover_ext import exception
from nova_failover_ext import policy
from nova_failover_ext import truth

#: Name of the instance action of a recovery.
ACTION = 'failover_recover'

_METADATA_KEYS = ('failover:priority', policy.METADATA_KEY)
_BDM = models.BlockDeviceMapping
_INSTANCE = models.Instance
_META = models.InstanceMetadata
_ACTION = models.InstanceAction
_EVENT = models.InstanceActionEvent

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

    def cells(self) -> list[Any]:
        """Return the cells that can have servers.

        :raises DatabaseUnavailable: if the API database cannot be read
        """
        context = nova.context.get_admin_context()
        try:
            mappings = objects.CellMappingList.get_all(context)
        except _ERRORS as exc:
            raise exception.DatabaseUnavailable(
                reason='API database: %s' % _reason(exc)) from exc
        return [cell for cell in mappings if not cell.is_cell0()]

    def attachments(self, volume_ids: Iterable[str]) -> tuple[
            list[model.Attachment], list[model.CellProblem]]:
        """Return every mapping that names one of the volumes.

        :param volume_ids: Cinder's ids
        :returns: the mappings, and the cells that could not be read
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        wanted = sorted(volume_ids)
        found: list[model.Attachment] = []
        problems: list[model.CellProblem] = []
        for cell in self.cells() if wanted else ():
            try:
                found += self._cell_attachments(cell, wanted)
            except _ERRORS as exc:
                problems.append(model.CellProblem(
                    cell.name or cell.uuid, _reason(exc)))
        return found, problems

    def recoveries(self, servers: Iterable[model.Server]
                   ) -> dict[str, model.Recovery]:
        """Return the latest recovery of each server that had one.

        :param servers: read by :meth:`attachments` before; those of a cell
            that cannot be read now are left out
        :raises DatabaseUnavailable: if the API database cannot be read
        """
        by_cell: dict[str, list[str]] = {}
        for server in servers:
            by_cell.setdefault(server.cell, []).append(server.id)
        found: dict[str, model.Recovery] = {}
        for cell in self.cells() if by_cell else ():
            try:
                found.update(self._cell_recoveries(
                    cell, sorted(set(by_cell.get(cell.uuid, ())))))
            except _ERRORS:
                continue
        return found

    def _cell_attachments(self, cell: Any,
                          wanted: list[str]) -> list[model.Attachment]:
        context = nova.context.get_admin_context()
        with nova.context.target_cell(context, cell) as cctxt:
            rows = [row for batch in _batches(wanted, self._batch_size)
                    for row in _mapping_rows(cctxt, batch)]
            if not rows:
                return []
            up = _computes_up(cctxt)
            metadata = self._metadata(
                cctxt, sorted({row.uuid for row in rows if row.uuid}))
        return [_attachment(row, self._server(
            row, cell.uuid, up, metadata.get(row.uuid, {}))) for row in rows]

    def _server(self, row: Any, cell: str, up: Mapping[str, bool],
                metadata: dict[str, str]) -> model.Server:
        return model.Server(
            id=row.instance_uuid, name=row.display_name or '',
            project_id=row.project_id or '', host=row.host, cell=cell,
            vm_state=row.vm_state, task_state=row.task_state,
            deleted=row.uuid is None or bool(row.deleted),
            compute_up=up.get(row.host, False),
            metadata=tuple(sorted(metadata.items())),
            policy=self._choose(metadata))

    def _metadata(self, context: nova.context.RequestContext,
                  server_ids: list[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for batch in _batches(server_ids, self._batch_size):
            for row in _metadata_rows(context, batch):
                found.setdefault(row.instance_uuid, {})[row.key] = row.value
        return found

    def _cell_recoveries(self, cell: Any,
                         server_ids: list[str]) -> dict[str, model.Recovery]:
        found: dict[str, model.Recovery] = {}
        context = nova.context.get_admin_context()
        with nova.context.target_cell(context, cell) as cctxt:
            for batch in _batches(server_ids, self._batch_size):
                for row in _recovery_rows(cctxt, batch):
                    found[row.instance_uuid] = _recovery(row)
        return found


@db_api.pick_context_manager_reader
def _mapping_rows(context: Any, volume_ids: tuple[str, ...]) -> list[Any]:
    return list(context.session.query(
        _BDM.volume_id, _BDM.attachment_id, _BDM.device_name,
        _BDM.boot_index, _BDM.connection_info, _BDM.instance_uuid,
        _INSTANCE.uuid, _INSTANCE.display_name, _INSTANCE.project_id,
        _INSTANCE.host, _INSTANCE.vm_state, _INSTANCE.task_state,
        _INSTANCE.deleted,
    ).outerjoin(_INSTANCE, _INSTANCE.uuid == _BDM.instance_uuid).filter(
        _BDM.deleted == 0, _BDM.volume_id.in_(volume_ids)))


@db_api.pick_context_manager_reader
def _metadata_rows(context: Any, server_ids: tuple[str, ...]) -> list[Any]:
    return list(context.session.query(
        _META.instance_uuid, _META.key, _META.value).filter(
        _META.deleted == 0, _META.key.in_(_METADATA_KEYS),
        _META.instance_uuid.in_(server_ids)))


@db_api.pick_context_manager_reader
def _recovery_rows(context: Any, server_ids: tuple[str, ...]) -> list[Any]:
    latest = sa.select(sa.func.max(_ACTION.id)).where(
        _ACTION.action == ACTION, _ACTION.instance_uuid.in_(server_ids),
    ).group_by(_ACTION.instance_uuid)
    # Each try is an event of the action; the last one tells where it is.
    last_event = sa.select(sa.func.max(_EVENT.id)).where(
        _EVENT.action_id == _ACTION.id).correlate(_ACTION).scalar_subquery()
    return list(context.session.query(
        _ACTION.instance_uuid, _ACTION.request_id, _ACTION.start_time,
        _ACTION.message, _EVENT.result, _EVENT.details,
        _EVENT.finish_time,
    ).outerjoin(_EVENT, _EVENT.id == last_event).filter(
        _ACTION.id.in_(latest)))


def _computes_up(context: nova.context.RequestContext) -> dict[str, bool]:
    group = servicegroup.API()
    services = objects.ServiceList.get_by_binary(
        context, 'nova-compute', include_disabled=True)
    return {s.host: bool(group.service_is_up(s)) for s in services}


def _attachment(row: Any, server: model.Server) -> model.Attachment:
    return model.Attachment(
        server=server, volume_id=row.volume_id,
        attachment_id=row.attachment_id, device_name=row.device_name,
        root=row.boot_index == 0, stamp=_stamp(row.connection_info))


def _stamp(connection_info: str | None) -> str | None:
    # The rest of it may hold secrets and goes no further than here.
    try:
        parsed = json.loads(connection_info or '{}')
    except ValueError:
        return None
    # A recovery that has begun and not ended is never to be skipped.
    if not isinstance(parsed, dict) or truth.MARK in parsed:
        return None
    stamp = parsed.get(truth.STAMP)
    return stamp if isinstance(stamp, str) else None


def _recovery(row: Any) -> model.Recovery:
    return model.Recovery(
        server_id=row.instance_uuid, failover_id=row.request_id or '',
        started_at=_utc(row.start_time), finished_at=_utc(row.finish_time),
        result=row.result, message=row.details or row.message)


def _utc(when: datetime.datetime | None) -> datetime.datetime | None:
    return when and when.replace(tzinfo=datetime.UTC)


def _batches(items: list[str], size: int) -> Iterator[tuple[str, ...]]:
    iterator = iter(items)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch


def _reason(error: BaseException) -> str:
    # Further lines hold the statement and its parameters.
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return str(strutils.mask_password(lines[0])).rstrip('.')

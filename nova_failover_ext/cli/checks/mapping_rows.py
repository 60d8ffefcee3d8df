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


"""Which records of volumes are not in order, so that no recovery acts."""

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
import dataclasses
from typing import Any

from nova.compute import vm_states

from nova_failover_ext.cli.checks import findings
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext import exception
from nova_failover_ext.recovery import cinder_api
from nova_failover_ext.recovery import ownership

MAPPING = 'mapping'
#: In these, Nova has not connected a server's volumes yet.
_UNCONNECTED = (vm_states.BUILDING, vm_states.SHELVED_OFFLOADED)
_DELETED = 'its server is deleted; delete the block device mapping'
_EMPTY = ('its block device mapping has no connection_info, and Nova leaves '
          'it out; delete the mapping')

_Rows = Sequence[model.MappingRow]
_Known = Mapping[str, model.CinderAttachment]


def inspect(records: Iterable[snapshot.Records], cinder: Any,
            nova: Any) -> list[findings.Finding]:
    """Return a line for each record that keeps a volume from its recovery.

    :param records: of the backends whose volumes are looked at
    :param cinder: the reader of Cinder
    :param nova: the reader of Nova's databases
    """
    volumes = {volume_id for one in records for volume_id in one.volumes}
    if not volumes:
        return []
    try:
        found = _look(volumes, cinder.attachments(), nova)
        if found:
            # All of Cinder's attachments take minutes; what has changed
            # meanwhile was attached, detached or migrated.
            suspects = {one.volume_id for one in found}
            again = _look(suspects, cinder.attachments_of(sorted(suspects)),
                          nova)
            before = set(found)
            found = [one for one in again if one in before]
            found = _at_rest(found, nova)
    except (exception.CinderUnavailable,
            exception.DatabaseUnavailable) as exc:
        return [findings.failure(MAPPING, '', str(exc))]
    return [(findings.warning if one.ignored else findings.failure)(
        MAPPING, f'volume {one.volume_id} of server {one.server_id}',
        one.reason) for one in found]


@dataclasses.dataclass(frozen=True)
class _Suspect:
    volume_id: str
    server_id: str
    cell: str
    reason: str
    ignored: bool = False


def _look(volumes: Iterable[str], attachments: Iterable[
        model.CinderAttachment], nova: Any) -> list[_Suspect]:
    # Nova's rows are read last, so that none is older than what it is
    # compared with. A cell that cannot be read has a line of its own.
    known = {one.id: one for one in attachments}
    rows, _problems = nova.mappings(set(volumes))
    return [*_of_rows(rows, known), *_of_cinder(rows, known, set(volumes))]


def _at_rest(found: list[_Suspect], nova: Any) -> list[_Suspect]:
    moving = nova.migrating({(one.cell, one.server_id) for one in found})
    return [one for one in found if one.server_id not in moving]


def _of_rows(rows: _Rows, known: _Known) -> Iterator[_Suspect]:
    several = collections.Counter(
        (row.server.id, row.volume_id) for row in rows
        if row.info is not model.InfoState.EMPTY)
    for row in rows:
        ignored = _ignored(row)
        reason = ignored or _reason(
            row, several[row.server.id, row.volume_id], known)
        if reason:
            yield _Suspect(row.volume_id, row.server.id, row.server.cell,
                           reason, bool(ignored))


def _ignored(row: model.MappingRow) -> str:
    if row.server.deleted:
        return _DELETED
    # A task may be about to connect it.
    unfinished = row.server.task_state or (
        row.server.vm_state in _UNCONNECTED)
    if row.info is model.InfoState.EMPTY and not unfinished:
        return _EMPTY
    return ''


def _reason(row: model.MappingRow, several: int, known: _Known) -> str:
    if row.info is model.InfoState.UNREADABLE:
        return ownership.UNREADABLE
    if several > 1:
        return ownership.several_reason(several)
    if (not row.attachment_id or row.info is model.InfoState.EMPTY
            or row.server.task_state):
        return ''
    found = known.get(row.attachment_id)
    if found is None:
        return ownership.gone_reason(row.attachment_id)
    return ownership.foreign_reason(
        found.id, cinder_api.Attachment(found.volume_id, found.server_id),
        row.volume_id, row.server.id)


def _of_cinder(rows: _Rows, known: _Known,
               volumes: set[str]) -> Iterator[_Suspect]:
    named = {row.attachment_id for row in rows}
    # Others may share a volume: only where Nova has it on the same server.
    attached = {(row.volume_id, row.server.id): row.server.cell
                for row in rows if not row.server.task_state}
    for one in known.values():
        if (one.volume_id in volumes and one.id not in named and
                (one.volume_id, one.server_id) in attached):
            yield _Suspect(one.volume_id, one.server_id,
                           attached[one.volume_id, one.server_id],
                           ownership.leftover_reason(one.id))

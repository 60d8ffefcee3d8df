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
        # A cell that cannot be read has a line of its own.
        rows, _problems = nova.mappings(volumes)
        known = {one.id: one for one in cinder.attachments()}
    except (exception.CinderUnavailable,
            exception.DatabaseUnavailable) as exc:
        return [findings.failure(MAPPING, '', str(exc))]
    return [*_of_rows(rows, known), *_of_cinder(rows, known, volumes)]


def _of_rows(rows: _Rows, known: _Known) -> Iterator[findings.Finding]:
    several = collections.Counter(
        (row.server.id, row.volume_id) for row in rows
        if row.info is not model.InfoState.EMPTY)
    for row in rows:
        ignored = _ignored(row)
        reason = ignored or _reason(
            row, several[row.server.id, row.volume_id], known)
        if reason:
            yield (findings.warning if ignored else findings.failure)(
                MAPPING, _subject(row.volume_id, row.server.id), reason)


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
    if not row.attachment_id or row.info is model.InfoState.EMPTY:
        return ''
    found = known.get(row.attachment_id)
    if found is None:
        return ownership.gone_reason(row.attachment_id)
    return ownership.foreign_reason(
        found.id, cinder_api.Attachment(found.volume_id, found.server_id),
        row.volume_id, row.server.id)


def _of_cinder(rows: _Rows, known: _Known,
               volumes: set[str]) -> Iterator[findings.Finding]:
    named = {row.attachment_id for row in rows}
    # Others may share a volume: only where Nova has it on the same server.
    attached = {(row.volume_id, row.server.id) for row in rows
                if not row.server.task_state}
    for one in known.values():
        if (one.volume_id in volumes and one.id not in named and
                (one.volume_id, one.server_id) in attached):
            yield findings.failure(
                MAPPING, _subject(one.volume_id, one.server_id),
                ownership.leftover_reason(one.id))


def _subject(volume_id: str, server_id: str) -> str:
    return f'volume {volume_id} of server {server_id}'

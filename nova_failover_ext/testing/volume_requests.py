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

"""Requests about volumes.

Read in ``cinder.api.contrib.volume_actions`` and ``cinder.api.v3.volumes``,
Cinder 29.
"""

from collections.abc import Iterator
import itertools
from typing import Any

from nova_failover_ext.testing import cinder_records
from nova_failover_ext.testing import cinder_views
from nova_failover_ext.testing import faults
from nova_failover_ext.testing import rest

Call = faults.Call
_NOT_MIGRATING = (None, 'deleting', 'error', 'success')


def _find(request: rest.Request) -> cinder_records.Volume:
    if request.cinder.describe(request.volume_id) is None:
        raise cinder_records.Refused(
            404, f'Volume {request.volume_id} could not be found.')
    return request.cinder.records.volume(request.volume_id)


def _view(request: rest.Request, row: cinder_records.Volume) -> dict[str, Any]:
    known = request.cinder.records
    return cinder_views.volume(row, known.status(row.id), known.of(row.id),
                               request.version,
                               request.cinder.describe(row.id) or {})


def _show(request: rest.Request) -> rest.Answer:
    return 200, {'volume': _view(request, _find(request))}


def _list(request: rest.Request) -> rest.Answer:
    rows = request.cinder.records.newest()
    if 'marker' in request.query:
        _skip_to(rows, request.query['marker'])
    host = request.query.get('host')
    found = (row for row in rows
             if host in (None, row.kind.host, row.kind.pool))
    limit = int(request.query.get('limit', 1000))
    # Only what is on the page is rendered: a benchmark has 100,000 volumes.
    return 200, {'volumes': [_view(request, row) for row
                             in itertools.islice(found, limit)]}


def _skip_to(rows: Iterator[cinder_records.Volume], marker: str) -> None:
    """Skip the rows up to the last one of the page before."""
    for row in rows:
        if row.id == marker:
            return
    raise cinder_records.Refused(404, f'marker not found: {marker}')


def _encryption(request: rest.Request) -> rest.Answer:
    return 200, _find(request).kind.encryption_metadata()


def _initialize(request: rest.Request) -> rest.Answer:
    row = _find(request)
    if request.cinder.records.status(row.id) == 'maintenance':
        raise cinder_records.Refused(400, (
            'Invalid volume: The volume connection cannot be initialized in '
            'maintenance mode.'))
    connector = request.body['os-initialize_connection']['connector']
    info = request.cinder.ask_driver(row.id)
    enforced = connector.get('enforce_multipath', False)
    info['data']['enforce_multipath'] = enforced
    info['enforce_multipath'] = enforced
    return 200, {'connection_info': info}


def _terminate(request: rest.Request) -> rest.Answer:
    row = _find(request)
    known = request.cinder.records
    if known.status(row.id) == 'attaching':
        known.write(row, status='in-use' if known.of(row.id)
                    else 'available')
    return 202, None


def _begin_detaching(request: rest.Request) -> rest.Answer:
    row = _find(request)
    known = request.cinder.records
    shown = _view(request, row)
    if shown['migration_status'] not in _NOT_MIGRATING:
        # A migration hides from users that it detaches.
        return 202, None
    if (shown['status'], row.attach_status) != ('in-use', 'attached'):
        raise cinder_records.Refused(400, (
            "Invalid volume: Unable to detach volume. Volume status must be "
            "'in-use' and attach_status must be 'attached' to detach."))
    known.write(row, status='detaching')
    return 202, None


def _roll_detaching(request: rest.Request) -> rest.Answer:
    row = _find(request)
    if request.cinder.records.status(row.id) == 'detaching':
        request.cinder.records.write(row, status='in-use')
    return 202, None


def _detach(request: rest.Request) -> rest.Answer:
    row = _find(request)
    found = request.cinder.records.of(row.id)
    wanted = request.body['os-detach'].get('attachment_id')
    ids = [each['id'] for each in found if wanted in (None, each['id'])]
    if len(ids) > 1:
        raise cinder_records.Refused(400, (
            'Invalid volume: Detach volume failed: More than one attachment, '
            'but no attachment_id provided.'))
    for attachment_id in ids:
        request.cinder.records.remove(attachment_id)
    if not found:
        request.cinder.records.write(row, status='available',
                                     attach_status='detached')
    return 202, None


def _reset_status(request: rest.Request) -> rest.Answer:
    row = _find(request)
    asked = request.body['os-reset_status']
    request.cinder.records.write(row, **{
        key: value for key, value in asked.items()
        if key in ('status', 'attach_status')})
    return 202, None


_ACTION = '/volumes/{volume_id}/action'
ROUTES = (
    rest.Route('GET', '/volumes/detail', Call.LIST_VOLUMES, _list),
    rest.Route('GET', '/volumes/{volume_id}', Call.SHOW_VOLUME, _show),
    rest.Route('GET', '/volumes/{volume_id}/encryption', Call.ENCRYPTION,
               _encryption),
    rest.Route('POST', _ACTION, Call.INITIALIZE_CONNECTION, _initialize,
               'os-initialize_connection'),
    rest.Route('POST', _ACTION, Call.TERMINATE_CONNECTION, _terminate,
               'os-terminate_connection'),
    rest.Route('POST', _ACTION, Call.BEGIN_DETACHING, _begin_detaching,
               'os-begin_detaching'),
    rest.Route('POST', _ACTION, Call.ROLL_DETACHING, _roll_detaching,
               'os-roll_detaching'),
    rest.Route('POST', _ACTION, Call.DETACH, _detach, 'os-detach'),
    rest.Route('POST', _ACTION, Call.RESET_STATUS, _reset_status,
               'os-reset_status'),
)

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

"""Requests about attachments.

Read in ``cinder.api.v3.attachments`` and ``cinder.volume.api``, Cinder 29.
"""

from typing import Any

from nova_failover_ext.testing import cinder_records
from nova_failover_ext.testing import cinder_views
from nova_failover_ext.testing import faults
from nova_failover_ext.testing import rest

Call = faults.Call
_SINCE = (3, 27)
_COMPLETION = (3, 44)


def _view(request: rest.Request, attachment_id: str,
          **stale: Any) -> dict[str, Any]:
    volume, found = request.cinder.records.attachment(attachment_id)
    return {'attachment': cinder_views.attachment(volume.id, found | stale)}


def _show(request: rest.Request) -> rest.Answer:
    return 200, _view(request, request.attachment_id)


def _list(request: rest.Request) -> rest.Answer:
    known = request.cinder.records
    found = [
        cinder_views.attachment(volume_id, each, detail=False)
        for volume_id in list(known.attachments)
        for each in known.of(volume_id)
        if request.query.get('volume_id', volume_id) == volume_id and
        request.query.get('instance_id', each['instance_uuid']) ==
        each['instance_uuid']]
    marker = request.query.get('marker')
    after = 1 + [each['id'] for each in found].index(marker) if marker else 0
    limit = int(request.query.get('limit', 1000))
    return 200, {'attachments': found[after:after + limit]}


def _connect(request: rest.Request, attachment_id: str,
             connector: dict[str, Any]) -> None:
    """Let the driver connect an attachment, and write it down."""
    volume, found = request.cinder.records.attachment(attachment_id)
    info = request.cinder.ask_driver(volume.id)
    info['data']['enforce_multipath'] = connector.get(
        'enforce_multipath', False)
    if found['attach_mode'] not in (None, 'null'):
        connector = connector | {'mode': found['attach_mode']}
    request.cinder.records.connected(attachment_id, connector, info)


def _create(request: rest.Request) -> rest.Answer:
    asked = request.body['attachment']
    found = request.cinder.records.reserve(
        request.volume_id, asked.get('instance_uuid'))
    if asked.get('connector'):
        # The connectors of others are not compared: Nova migrates servers so.
        _connect(request, found['id'], asked['connector'])
    read_only = request.cinder.kind(request.volume_id).read_only
    request.cinder.records.change(
        found['id'], attach_mode='ro' if read_only
        else asked.get('mode', 'null'))
    return 200, _view(request, found['id'], status='reserved')


def _update(request: rest.Request) -> rest.Answer:
    known = request.cinder.records
    known.check_update(request.attachment_id)
    _volume, before = known.attachment(request.attachment_id)
    _connect(request, request.attachment_id,
             request.body['attachment']['connector'])
    # The API's copy is from before; only connection_info is put into it.
    stale = {key: before[key] for key in
             ('status', 'attach_mode', 'attach_time')}
    return 200, _view(request, request.attachment_id, **stale)


def _complete(request: rest.Request) -> rest.Answer:
    request.cinder.records.complete(request.attachment_id)
    return 204, None


def _delete(request: rest.Request) -> rest.Answer:
    known = request.cinder.records
    volume, found = known.attachment(request.attachment_id)
    server = found['instance_uuid']
    if (not request.service and server and found['connection_info'] and
            request.cinder.used_by_nova(server, volume.id) ==
            request.attachment_id):
        raise cinder_records.Refused(409, (
            'ConflictNovaUsingAttachment: Detach volume from instance '
            f'{server} using the Compute API'))
    known.remove(request.attachment_id)
    return 200, {'attachments': [
        cinder_views.attachment(volume.id, each, detail=False)
        for each in known.of(volume.id)]}


_ONE = '/attachments/{attachment_id}'
ROUTES = (
    rest.Route('GET', '/attachments', Call.LIST_ATTACHMENTS, _list,
               since=_SINCE),
    rest.Route('POST', '/attachments', Call.ATTACHMENT_CREATE, _create,
               since=_SINCE),
    rest.Route('GET', _ONE, Call.SHOW_ATTACHMENT, _show, since=_SINCE),
    rest.Route('PUT', _ONE, Call.ATTACHMENT_UPDATE, _update, since=_SINCE),
    rest.Route('DELETE', _ONE, Call.ATTACHMENT_DELETE, _delete,
               since=_SINCE),
    rest.Route('POST', f'{_ONE}/action', Call.ATTACHMENT_COMPLETE, _complete,
               'os-complete', _COMPLETION),
)

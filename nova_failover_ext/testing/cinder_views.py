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

"""How Cinder's API shows its records to an administrator.

Read in ``cinder.api.v3.views``, Cinder 29.
"""

import datetime
from typing import Any

from nova_failover_ext.testing import cinder_records


def volume(row: cinder_records.Volume, status: str,
           attachments: list[cinder_records.Attachment],
           version: tuple[int, ...],
           more: dict[str, Any]) -> dict[str, Any]:
    """Show a volume.

    :param row: the volume
    :param status: its status
    :param attachments: its attachments; only the completed ones are shown
    :param version: the microversion
    :param more: what else is known of it, such as its name
    """
    shown = {
        'id': row.id, 'name': row.id, 'description': None,
        'size': row.kind.size, 'status': status,
        'availability_zone': 'nova', 'bootable': 'false', 'metadata': {},
        'multiattach': row.kind.multiattach,
        'encrypted': row.kind.encryption is not None,
        'replication_status': row.replication_status,
        'volume_type': 'fake', 'snapshot_id': None, 'source_volid': None,
        'migration_status': None,
        'created_at': _time(row.created_at),
        'updated_at': _time(row.updated_at),
        'os-vol-host-attr:host': row.kind.pool,
        'attachments': [_attached(row.id, each) for each in attachments
                        if each['status'] == 'attached'], **more}
    if version >= (3, 48):
        shown.update(shared_targets=False, service_uuid=None)
    return shown


def _attached(volume_id: str,
              one: cinder_records.Attachment) -> dict[str, Any]:
    return {'id': volume_id, 'attachment_id': one['id'],
            'volume_id': volume_id, 'server_id': one['instance_uuid'],
            'host_name': (one['connector'] or {}).get('host'),
            'device': one['mountpoint'],
            'attached_at': _time(one['attach_time'])}


def attachment(volume_id: str, one: cinder_records.Attachment,
               detail: bool = True) -> dict[str, Any]:
    """Show an attachment.

    :param volume_id: its volume
    :param one: the attachment
    :param detail: False for a list's short view
    """
    shown = {'id': one['id'], 'status': one['status'],
             'instance': one['instance_uuid'], 'volume_id': volume_id}
    if detail:
        shown.update(attached_at=_time(one['attach_time']) or '',
                     detached_at='', attach_mode=one['attach_mode'],
                     connection_info=_flat(one))
    return shown


def _flat(one: cinder_records.Attachment) -> dict[str, Any]:
    """Put a connection_info as Cinder keeps it: without the level data."""
    info = one['connection_info']
    if not info:
        return {}
    rest = {key: value for key, value in info.items() if key != 'data'}
    return {**info['data'], **rest, 'attachment_id': one['id']}


def _time(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat() if moment else None

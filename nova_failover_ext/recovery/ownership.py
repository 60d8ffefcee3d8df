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


"""Which block device mappings are ours to act upon; pure decisions.

Old clouds have rows without connection_info, which Nova leaves out, rows that
name another server's volume, two rows of one volume, and rows that nobody can
read. To act on one of them would plug a foreign disk into a guest, or move a
disk of it. Which rows Nova uses was read in Nova 34:
``ComputeManager._get_instance_block_device_info``.
"""

import collections
from collections.abc import Iterable

from nova_failover_ext.recovery import cinder_api
from nova_failover_ext.recovery import mapping

UNREADABLE = ('the connection_info of its block device mapping cannot be '
              'read, and Nova can neither detach the volume nor start the '
              'server; restore it from a backup of Nova\'s database or from '
              'the attachment in Cinder')


def used_by_nova(mappings: Iterable[mapping.Mapping]
                 ) -> list[mapping.Mapping]:
    """Return the mappings that Nova itself uses.

    :param mappings: all of a server's volumes
    """
    return [item for item in mappings
            if item.connection_info or item.unreadable]


def problems(mappings: Iterable[mapping.Mapping]) -> dict[int, str]:
    """Say which mappings cannot be acted upon, by what they say themselves.

    :param mappings: those that Nova uses
    :returns: id of the mapping to the reason
    """
    mappings = list(mappings)
    rows = collections.Counter(item.volume_id for item in mappings)
    twice = {item.bdm.id: several_reason(rows[item.volume_id])
             for item in mappings if rows[item.volume_id] > 1}
    unreadable = {item.bdm.id: UNREADABLE for item in mappings
                  if item.unreadable}
    return twice | unreadable


def several_reason(count: int) -> str:
    """Say why none of several mappings of one volume can be acted upon.

    :param count: how many the server has
    """
    return (f'the server has {count} block device mappings of it; delete all '
            'but the one that its attachment in Cinder names')


def gone_reason(attachment_id: str) -> str:
    """Say why a mapping whose attachment is gone cannot be acted upon.

    :param attachment_id: as the block device mapping names it
    """
    return (f'Cinder has no attachment {attachment_id}; if it is still so '
            'when no task and no migration of the server is in progress, a '
            'hard reboot removes the volume from the server, after which its '
            'owner can attach it again')


def leftover_reason(*attachment_ids: str) -> str:
    """Say why Cinder refuses to update the attachment of a volume.

    :param attachment_ids: the others that the server has of it
    """
    return ('no block device mapping of the server names its attachment '
            '%s in Cinder; if it is still so when no task and no migration of '
            'the server is in progress, delete it with "cinder '
            'attachment-delete"' % ', '.join(attachment_ids))


def foreign_reason(attachment_id: str, attachment: cinder_api.Attachment,
                   volume_id: str, server_id: str) -> str:
    """Say why an attachment is not the one of a server's volume.

    :param attachment_id: as the block device mapping names it
    :param attachment: the same as Cinder knows it
    :param volume_id: of the block device mapping
    :param server_id: of the block device mapping
    :returns: an empty string if it is
    """
    name = f'attachment {attachment_id}'
    if attachment.volume_id != volume_id:
        return f'{name} is of volume {attachment.volume_id} in Cinder'
    if attachment.server_id != server_id:
        return f'{name} is of server {attachment.server_id} in Cinder'
    return ''

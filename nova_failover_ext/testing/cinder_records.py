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

"""Cinder's records of volumes and attachments, and how calls change them.

The rules are those of ``cinder.volume.api``, ``cinder.volume.manager`` and
``cinder.db.api``, read in Cinder 29; ``contract`` holds them against a real
one.
"""

from collections.abc import Callable
from collections.abc import Iterator
import copy
import dataclasses
import datetime
import threading
from typing import Any

from oslo_utils import timeutils
from oslo_utils import uuidutils

from nova_failover_ext.testing import kinds

#: An attachment. The first three keys are those of Nova's own fixture; its
#: connection_info is in Nova's form.
Attachment = dict[str, Any]
_EMPTY: Attachment = {
    'connector': None, 'status': 'reserved', 'connection_info': {},
    'mountpoint': None, 'attach_mode': None, 'attach_time': None}
# What a volume can only be with an attachment.
_ATTACHED = ('reserved', 'attaching', 'in-use', 'detaching')
_STATUSES = {'attached': 'in-use', 'detached': 'available'}


class Refused(Exception):
    """Cinder answers with an error.

    :ivar status: the HTTP status
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclasses.dataclass
class Volume:
    """A volume's row.

    :ivar attach_status: as of the last call that wrote it
    """

    id: str
    kind: kinds.Kind
    replication_status: str
    status: str = 'available'
    attach_status: str = 'detached'
    created_at: datetime.datetime = dataclasses.field(
        default_factory=timeutils.utcnow)
    updated_at: datetime.datetime | None = None


class Records:
    """Volumes and attachments.

    :ivar volumes: the rows of the volumes that anybody has asked about
    :ivar attachments: volume id to attachment id to attachment. A change
        replaces the attachment by a changed copy, so a kept one stays as it
        was.
    :ivar overruled: volume id to a status that is shown, and counts, instead
        of the volume's own
    """

    def __init__(self, attachments: dict[str, dict[str, Attachment]],
                 new: Callable[[str], Volume]) -> None:
        """Start with no volumes.

        :param attachments: where to keep the attachments
        :param new: makes the row of a volume that nobody has asked about
        """
        self.volumes: dict[str, Volume] = {}
        self.attachments = attachments
        self.overruled: dict[str, str] = {}
        self._new = new
        self._lock = threading.RLock()

    def volume(self, volume_id: str) -> Volume:
        """Return a volume; any id is one."""
        with self._lock:
            if volume_id not in self.volumes:
                self.put(self._new(volume_id))
            volume = self.volumes[volume_id]
            if volume.status in _ATTACHED and (
                    not self.attachments.get(volume_id)):
                # Nova's fixture lets a test take attachments away by hand.
                volume.status, volume.attach_status = 'available', 'detached'
            return volume

    def rows(self) -> list[Volume]:
        """Return the volumes that anybody has asked about."""
        with self._lock:
            return list(self.volumes.values())

    def newest(self) -> Iterator[Volume]:
        """Iterate over the same volumes, the newest first, as Cinder lists."""
        # A dictionary keeps the order in which the rows were made.
        return reversed(self.rows())

    def put(self, volume: Volume) -> None:
        """Make a volume's row, or make it anew."""
        with self._lock:
            self.volumes.pop(volume.id, None)
            self.volumes[volume.id] = volume

    def status(self, volume_id: str) -> str:
        """Return a volume's status."""
        return self.overruled.get(volume_id, self.volume(volume_id).status)

    def volume_of(self, attachment_id: str) -> str:
        """Return the id of an attachment's volume, '' if there is none."""
        return next((volume_id for volume_id, found
                     in list(self.attachments.items())
                     if attachment_id in found), '')

    def of(self, volume_id: str) -> list[Attachment]:
        """Return a volume's attachments, those that a test made too."""
        return [_EMPTY | attachment for attachment in
                list(self.attachments.get(volume_id, {}).values())]

    def attachment(self, attachment_id: str) -> tuple[Volume, Attachment]:
        """Find an attachment and its volume.

        :raises Refused: if there is none, 404
        """
        volume_id = self.volume_of(attachment_id)
        if not volume_id:
            raise Refused(404, 'Volume attachment could not be found with '
                               f'filter: attachment_id = {attachment_id}.')
        return (self.volume(volume_id),
                _EMPTY | self.attachments[volume_id][attachment_id])

    def change(self, attachment_id: str, **values: Any) -> None:
        """Replace an attachment by a changed copy.

        :raises Refused: if it has gone meanwhile, 404
        """
        with self._lock:
            volume, attachment = self.attachment(attachment_id)
            self.attachments[volume.id][attachment_id] = (
                attachment | copy.deepcopy(values))

    def write(self, volume: Volume, **values: Any) -> None:
        """Change a volume's row."""
        with self._lock:
            vars(volume).update(values, updated_at=timeutils.utcnow())

    # What the calls do

    def reserve(self, volume_id: str,
                instance_uuid: str | None) -> Attachment:
        """Make an attachment without a connection (POST /attachments).

        :returns: the attachment
        :raises Refused: if the volume cannot be reserved, 400
        """
        with self._lock:
            volume = self.volume(volume_id)
            status = self.status(volume_id)
            if 'error' in status:
                raise Refused(400, _in_error('created', volume_id, status))
            free = ('available', 'downloading',
                    *(('in-use',) if volume.kind.multiattach else ()))
            if status in free:
                self.write(volume, status='reserved')
            elif not self._migrates(volume_id, status, instance_uuid):
                raise Refused(400, (
                    f'Invalid volume: Volume {volume_id} status must be '
                    f'{" or ".join(free)} to reserve, but the current status '
                    f'is {status}.'))
            attachment = copy.deepcopy(_EMPTY) | {
                'id': uuidutils.generate_uuid(),
                'instance_uuid': instance_uuid}
            mine = self.attachments.setdefault(volume_id, {})
            mine[attachment['id']] = attachment
            return attachment

    def _migrates(self, volume_id: str, status: str,
                  instance_uuid: str | None) -> bool:
        return bool(instance_uuid) and status in ('in-use', 'reserved') and (
            instance_uuid in [each.get('instance_uuid')
                              for each in self.of(volume_id)])

    def check_update(self, attachment_id: str) -> None:
        """Refuse what PUT /attachments/{id} refuses.

        :raises Refused: with 404 or 409
        """
        volume, _attachment = self.attachment(attachment_id)
        status = self.status(volume.id)
        if 'error' in status:
            raise Refused(409, _in_error('updated', volume.id, status))
        found = self.of(volume.id)
        if len(found) > 1 and not volume.kind.multiattach and any(
                each['connection_info'] for each in found):
            raise Refused(409, 'ResourceConflict: duplicate connectors '
                               f'detected on volume {volume.id}')

    def connected(self, attachment_id: str, connector: dict[str, Any],
                  info: dict[str, Any]) -> None:
        """Write down that the driver has made a connection."""
        with self._lock:
            volume, _attachment = self.attachment(attachment_id)
            self.change(
                attachment_id, status='attaching', connector=connector,
                connection_info=info, attach_time=timeutils.utcnow(),
                mountpoint=connector.get('mountpoint', 'na'),
                attach_mode=connector.get('mode', 'rw'))
            self.write(volume, status='attaching', attach_status='attaching')

    def complete(self, attachment_id: str) -> None:
        """Finish an attachment (os-complete); nothing is checked.

        :raises Refused: if there is none, 404
        """
        with self._lock:
            volume, _attachment = self.attachment(attachment_id)
            self.change(attachment_id, status='attached')
            self.write(volume, status='in-use', attach_status='attached')

    def remove(self, attachment_id: str) -> None:
        """Remove an attachment; the volume's status follows from the rest.

        :raises Refused: if there is none, 404
        """
        with self._lock:
            volume, _attachment = self.attachment(attachment_id)
            del self.attachments[volume.id][attachment_id]
            # attached, attaching, detaching, reserved: the first one counts.
            rest = min((each['status'] for each in self.of(volume.id)),
                       default='detached')
            self.write(volume, attach_status=rest,
                       status=_STATUSES.get(rest, rest))

    def lose_unreplicated(self, hosts: set[str], back: bool) -> None:
        """Let the volumes that cannot fail over end in error.

        :param hosts: ``host@backend`` of the members that fail over
        :param back: it is a failback, which leaves them as they are
        """
        with self._lock:
            for volume in self._on(hosts, replicated=False):
                if not back:
                    self.write(volume, status='error',
                               replication_status='not-capable')

    def failed_over(self, hosts: set[str], back: bool) -> None:
        """Write to the replicated volumes that they have failed over.

        :param hosts: ``host@backend`` of the members that have
        :param back: it was a failback
        """
        with self._lock:
            for volume in self._on(hosts, replicated=True):
                self.write(volume, replication_status=(
                    'enabled' if back else 'failed-over'))

    def _on(self, hosts: set[str], replicated: bool) -> list[Volume]:
        return [volume for volume in self.volumes.values()
                if volume.kind.replicated == replicated and
                volume.kind.host in hosts]


def _in_error(verb: str, volume_id: str, status: str) -> str:
    return (f'Volume attachments can not be {verb} if the volume is in an '
            f'error state. The Volume {volume_id} currently has a status '
            f'of: {status}')

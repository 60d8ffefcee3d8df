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

"""Builds payloads from the state of a backend and its volumes.

The functions are pure except for the clock. Volumes and payloads are
iterables, so that only one part is in memory at a time.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
import itertools
from typing import TypeVar

from oslo_utils import timeutils

from cinder_failover_hooks import objects
from cinder_failover_hooks import state

_T = TypeVar('_T')


@dataclasses.dataclass(frozen=True)
class Header:
    """The fields that all parts of one notification share.

    :param event_type: one of the event types of ``notifications``
    :param cause: one of ``objects.Cause``
    :param failover_id: id of the request, ``req-…``
    :param backend: ``host@backend``
    :param old: replication target before, None for the primary
    :param now: state of the backend now
    :param reason: why the failover failed, None if it did not
    :param target: ``secondary_backend_id`` of the request
    :param group_id: the replication group, None for the whole backend
    :param saved_status: replication status of the volumes whose outcome
        Cinder has saved, None if it has saved all of them
    """

    event_type: str
    cause: str
    failover_id: str
    backend: str
    old: str | None
    now: state.BackendState
    reason: str | None = None
    target: str | None = None
    group_id: str | None = None
    saved_status: str | None = None


def split(items: Iterable[_T], size: int) -> Iterator[tuple[list[_T], bool]]:
    """Split an iterable into parts.

    :param items: the items; at most one is read ahead
    :param size: largest number of items in a part, at least 1
    :returns: pairs of a part and whether it is the last part; a single empty
        part if there are no items
    """
    rest = iter(items)
    part = list(itertools.islice(rest, size))
    while True:
        ahead = list(itertools.islice(rest, 1))
        if not ahead:
            yield part, True
            return
        yield part, False
        part = ahead + list(itertools.islice(rest, size - 1))


def build(header: Header, volumes: Iterable[state.Volume],
          size: int) -> Iterator[objects.BackendFailoverPayload]:
    """Build the payloads of one notification.

    A volume is affected if it has an attachment or cannot be recovered. A
    healthy volume without an attachment needs no action and is left out.

    :param header: the fields that the payloads share
    :param volumes: all volumes of the backend or group
    :param size: largest number of volumes in a payload
    :returns: at least one payload
    """
    assessed = ((volume, state.unrecoverable(volume, header.saved_status))
              for volume in volumes)
    affected = (_volume(volume, reason) for volume, reason in assessed
                if volume.attachments or reason)
    for number, (part, last) in enumerate(split(affected, size), start=1):
        yield objects.BackendFailoverPayload(
            failover_id=header.failover_id, backend=header.backend,
            cluster=header.now.cluster, cause=header.cause,
            old_active_backend_id=header.old,
            new_active_backend_id=header.now.active_backend_id,
            replication_status=header.now.replication_status,
            emitted_at=timeutils.utcnow(with_timezone=True),
            part=number, last=last, volumes=part, reason=header.reason,
            group_id=header.group_id, target=header.target)


def subject_of(backend: str, group_id: str | None) -> str:
    """Return what a notification is about, for a text.

    :param backend: ``host@backend``
    :param group_id: the replication group, None for the whole backend
    """
    if group_id:
        return 'group %s of backend %s' % (group_id, backend)
    return 'backend %s' % backend


def _volume(volume: state.Volume,
            reason: str | None) -> objects.VolumePayload:
    return objects.VolumePayload(
        volume_id=volume.volume_id, status=volume.status,
        replication_status=volume.replication_status,
        project_id=volume.project_id,
        attachments=[
            objects.AttachmentPayload(**dataclasses.asdict(attachment))
            for attachment in volume.attachments],
        reason=reason)

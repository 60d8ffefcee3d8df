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

"""Makes payloads out of the state of a backend and its volumes.

Pure but for the clock: volumes come in as an iterable and payloads go out
as one, so that only one part is in memory at a time.
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
    """What all parts of one notification have in common.

    :param event_type: one of the event types of ``notifications``
    :param cause: one of ``objects.Cause``
    :param failover_id: id of the request, ``req-…``
    :param backend: ``host@backend``
    :param old: replication target before, None for the primary
    :param now: state of the backend now
    :param reason: why it failed, None if it did not
    :param target: ``secondary_backend_id`` of the request
    :param group_id: the replication group, None for the whole backend
    :param expected: replication status of the volumes whose outcome has been
        saved, None if all have been
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
    expected: str | None = None


def split(items: Iterable[_T], size: int) -> Iterator[tuple[list[_T], bool]]:
    """Cut an iterable into parts, knowing which one is the last.

    :param items: anything; not read further than one item ahead
    :param size: largest number of items in a part, at least 1
    :returns: pairs of a part and whether it is the last; a single empty
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
    """Make the payloads of one notification.

    A volume is affected if a server may hold it, or if it is lost; a healthy
    one that nobody has attached needs nothing.

    :param header: what they have in common
    :param volumes: all volumes of the backend or group; those that are not
        affected are left out
    :param size: largest number of volumes in a payload
    :returns: at least one payload
    """
    judged = ((volume, state.unrecoverable(volume, header.expected))
              for volume in volumes)
    affected = (_volume(volume, reason) for volume, reason in judged
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

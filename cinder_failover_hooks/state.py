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

"""Plain data about a backend and its volumes, and what follows from it.

Everything here is pure: no configuration, no database, no messaging.
"""

import dataclasses

from oslo_utils import strutils

from cinder_failover_hooks import objects

#: How Cinder's API and driver interface name the primary when failing back.
FAILBACK_TARGET = 'default'

_FAILED = ('failover-error', 'error')
_REASON_LENGTH = 1000


@dataclasses.dataclass(frozen=True)
class BackendState:
    """What Cinder's records say of a backend.

    :param active_backend_id: replication target in use, None or empty for
        the primary
    :param replication_status: for instance ``failed-over``
    :param cluster: name of the cluster, None if not clustered
    """

    active_backend_id: str | None = None
    replication_status: str | None = None
    cluster: str | None = None


@dataclasses.dataclass(frozen=True)
class Attachment:
    """An attachment row, without its connector and connection info."""

    attachment_id: str
    server_id: str | None
    host: str | None


@dataclasses.dataclass(frozen=True)
class Volume:
    """A volume row with its attachments."""

    volume_id: str
    status: str | None
    replication_status: str | None
    project_id: str | None
    attachments: tuple[Attachment, ...] = ()


def cause_of(target: str | None) -> str:
    """Return the cause that goes with the target of a failover request.

    :param target: ``secondary_backend_id`` of the request
    """
    if target == FAILBACK_TARGET:
        return str(objects.Cause.FAILBACK)
    return str(objects.Cause.FAILOVER)


def failure_of(before: BackendState, after: BackendState,
               target: str | None) -> str | None:
    """Return why a failover did not happen, None if it did.

    Cinder's ``VolumeManager.failover`` swallows what its driver raises, so
    the outcome is read from the records: has the backend moved, or is it
    where the request wanted it?

    :param before: state before the failover
    :param after: state after it
    :param target: ``secondary_backend_id`` of the request, None where the
        driver was to choose
    :returns: a sentence, or None
    """
    if after.replication_status in _FAILED:
        return ('The driver failed: the replication status is %s.'
                % after.replication_status)
    now = after.active_backend_id or None
    moved = now != (before.active_backend_id or None)
    wanted = None if target == FAILBACK_TARGET else target
    if moved or (target and now == wanted):
        return None
    return ('The backend is still at %s: the replication target was refused.'
            % (now or FAILBACK_TARGET))


def unrecoverable(volume: Volume) -> str | None:
    """Return why a volume cannot be recovered, None if it can.

    :param volume: the volume as it is after the failover
    :returns: a sentence, or None
    """
    if volume.replication_status in _FAILED:
        return ('The driver could not fail this volume over: its replication '
                'status is %s.' % volume.replication_status)
    if volume.replication_status == 'not-capable':
        return 'The volume is not replicated.'
    if 'error' in (volume.status or ''):
        return 'The status of the volume is %s.' % volume.status
    return None


def is_affected(volume: Volume) -> bool:
    """Return whether a listener has to know of a volume.

    It has if a server may hold it, or if it is lost; a healthy volume that
    nobody has attached needs nothing.

    :param volume: the volume as it is after the failover
    """
    return bool(volume.attachments) or unrecoverable(volume) is not None


def masked(error: BaseException) -> str:
    """Return the text of an error without secrets, of bounded length.

    :param error: what was raised
    """
    text = strutils.mask_password('%s: %s' % (type(error).__name__, error))
    return str(text)[:_REASON_LENGTH]

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
_MOVING = 'failing-over'
_SETTLED = ('enabled', 'failed-over')
#: What drivers have been seen to write as the status of an attached volume
#: (see ``drivers``): Cinder then takes it for free, or knows no such status.
_WRITTEN_BY_DRIVERS = ('available', 'failed-over')
_REASON_LENGTH = 1000


@dataclasses.dataclass(frozen=True)
class BackendState:
    """What Cinder's records say of a backend.

    :param active_backend_id: replication target in use, None or empty for
        the primary
    :param replication_status: for instance ``failed-over``
    :param cluster: name of the cluster, None if not clustered
    :param member: the same of the member of the cluster that was asked, None
        if not clustered
    """

    active_backend_id: str | None = None
    replication_status: str | None = None
    cluster: str | None = None
    member: 'MemberState | None' = None


@dataclasses.dataclass(frozen=True)
class MemberState:
    """What the record of one member of a cluster says.

    A member's record is saved when its own driver has switched.
    """

    active_backend_id: str | None = None
    replication_status: str | None = None


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


def cause_of(target: str | None, group_id: str | None = None) -> str:
    """Return the cause that goes with a failover request.

    :param target: ``secondary_backend_id`` of the request
    :param group_id: the replication group, None for the whole backend
    """
    if group_id:
        return str(objects.Cause.GROUP)
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


def lagging(after: BackendState) -> str | None:
    """Return why a member of a cluster has not followed it, None if it has.

    :param after: state after a failover that has succeeded in the cluster
    :returns: a sentence, or None; None, too, if it is not clustered
    """
    if after.member is None:
        return None
    if after.member.replication_status in _FAILED:
        return ('The driver of this member could not switch: its replication '
                'status is %s.' % after.member.replication_status)
    now = after.member.active_backend_id or None
    if now != (after.active_backend_id or None):
        return ('The driver of this member has not switched: it is still at '
                '%s.' % (now or FAILBACK_TARGET))
    return None


def apart(now: BackendState) -> str:
    """Return the replication status of groups that are not where it is.

    :param now: state of the backend
    """
    if now.replication_status == 'failed-over':
        return 'enabled'
    return 'failed-over'


def has_to_follow(member: MemberState, cluster: MemberState) -> bool:
    """Return whether a member that starts has missed a switch of its cluster.

    :param member: what its record says
    :param cluster: what that of the cluster says
    """
    if member.replication_status in _FAILED:
        return False
    if cluster.replication_status not in _SETTLED:
        return False
    return ((member.active_backend_id or None, member.replication_status)
            != (cluster.active_backend_id or None, cluster.replication_status))


def unrecoverable(volume: Volume, expected: str | None = None) -> str | None:
    """Return why a volume cannot be recovered, None if it can.

    :param volume: the volume as it is after the failover
    :param expected: replication status that tells that the outcome has been
        saved, None where all of them have been
    :returns: a sentence, or None
    """
    status = volume.replication_status
    if status in _FAILED:
        return ('The driver could not fail this volume over: its replication '
                'status is %s.' % status)
    if status == 'not-capable':
        return 'The volume is not replicated.'
    if status == _MOVING:
        return ('The failover of this volume is not finished: its replication '
                'status is %s.' % status)
    if 'error' in (volume.status or ''):
        return 'The status of the volume is %s.' % volume.status
    if expected and status in _SETTLED and status != expected:
        return ('Cinder has not saved how this volume has come through: its '
                'replication status is %s.' % status)
    if volume.attachments and volume.status in _WRITTEN_BY_DRIVERS:
        return ('The volume is attached, but its status is %s.'
                % volume.status)
    return None


def unsaved(before: BackendState, after: BackendState) -> str | None:
    """Return what the rows have to say once they are saved, if that is open.

    Cinder saves the rows of the volumes one by one, after the record of the
    backend: an error there leaves the rest as they were.

    :param before: state before a failover that raised an error
    :param after: state after it
    :returns: the replication status of the volumes that are saved, None if
        the backend has not moved
    """
    if (before.active_backend_id or None) == (after.active_backend_id or None):
        return None
    return after.replication_status


def masked(error: BaseException) -> str:
    """Return the text of an error without secrets, of bounded length.

    :param error: what was raised
    """
    text = strutils.mask_password('%s: %s' % (type(error).__name__, error))
    return str(text)[:_REASON_LENGTH]

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

"""The recorded state of a backend and its volumes, and its evaluation.

The data are plain and the functions are pure: no configuration, no database,
no messaging.
"""

import dataclasses

from oslo_utils import strutils

from cinder_failover_hooks import objects
from cinder_failover_hooks import statuses

# Some drivers write these as the status of an attached volume (see drivers).
# The first makes Cinder treat the volume as free; the second is no volume
# status.
_WRITTEN_BY_DRIVERS = (statuses.VOLUME_AVAILABLE, statuses.FAILED_OVER)
_REASON_LENGTH = 1000


@dataclasses.dataclass(frozen=True)
class BackendState:
    """The state of a backend in Cinder's records.

    :param active_backend_id: replication target in use, None or empty for
        the primary
    :param replication_status: one of the replication statuses of ``statuses``
    :param cluster: name of the cluster, None if the backend is not clustered
    :param member: state of this member of the cluster, None if the backend
        is not clustered
    """

    active_backend_id: str | None = None
    replication_status: str | None = None
    cluster: str | None = None
    member: 'MemberState | None' = None


@dataclasses.dataclass(frozen=True)
class MemberState:
    """The state of one member of a cluster in its service record.

    Cinder saves this record after the driver of the member has switched.

    :param active_backend_id: replication target in use, None or empty for
        the primary
    :param replication_status: one of the replication statuses of ``statuses``
    """

    active_backend_id: str | None = None
    replication_status: str | None = None


@dataclasses.dataclass(frozen=True)
class Attachment:
    """An attachment row without its connector and connection_info."""

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
    """Return the cause to report for a failover request.

    :param target: ``secondary_backend_id`` of the request
    :param group_id: the replication group, None for the whole backend
    """
    if group_id:
        return str(objects.Cause.GROUP)
    if target == statuses.PRIMARY:
        return str(objects.Cause.FAILBACK)
    return str(objects.Cause.FAILOVER)


def failure_of(before: BackendState, after: BackendState,
               target: str | None) -> str | None:
    """Return why a failover did not take place, None if it did.

    Cinder's ``VolumeManager.failover`` swallows the errors of its driver. The
    records show the outcome: the failover succeeded if the backend has moved
    or is at the requested target.

    :param before: state before the failover
    :param after: state after the failover
    :param target: ``secondary_backend_id`` of the request, None if the driver
        chooses the target
    :returns: a sentence, or None
    """
    if after.replication_status in statuses.FAILED:
        return ('The driver failed: the replication status is %s.'
                % after.replication_status)
    now = after.active_backend_id or None
    moved = now != (before.active_backend_id or None)
    requested = None if target == statuses.PRIMARY else target
    if moved or (target and now == requested):
        return None
    return ('The backend is still at %s: the replication target was refused.'
            % statuses.called(now))


def member_not_switched(after: BackendState) -> str | None:
    """Return why the driver of a member has not switched with its cluster.

    :param after: state after the cluster has failed over
    :returns: a sentence; None if the driver has switched, or if the backend
        is not clustered
    """
    if after.member is None:
        return None
    if after.member.replication_status in statuses.FAILED:
        return ('The driver of this member could not switch: its replication '
                'status is %s.' % after.member.replication_status)
    now = after.member.active_backend_id or None
    if now != (after.active_backend_id or None):
        return ('The driver of this member has not switched: it is still at '
                '%s.' % statuses.called(now))
    return None


def diverged_group_status(now: BackendState) -> str:
    """Return the replication status of groups that are at the other site.

    :param now: state of the backend
    """
    if now.replication_status == statuses.FAILED_OVER:
        return statuses.ENABLED
    return statuses.FAILED_OVER


def missed_switch(member: MemberState, cluster: MemberState) -> bool:
    """Return whether a member has missed a failover of its cluster.

    :param member: state in the record of the member, which is starting
    :param cluster: state in the record of the cluster
    :returns: False as well if the member is in error, or if the failover of
        the cluster is in progress or has failed
    """
    if member.replication_status in statuses.FAILED:
        return False
    if cluster.replication_status not in statuses.SETTLED:
        return False
    return ((member.active_backend_id or None, member.replication_status)
            != (cluster.active_backend_id or None, cluster.replication_status))


def unrecoverable(volume: Volume,
                  saved_status: str | None = None) -> str | None:
    """Return why a volume cannot be recovered, None if it can.

    :param volume: the volume after the failover
    :param saved_status: replication status of the volumes whose outcome
        Cinder has saved, None if it has saved all of them
    :returns: a sentence, or None
    """
    status = volume.replication_status
    if status in statuses.FAILED:
        return ('The driver could not fail this volume over: its replication '
                'status is %s.' % status)
    if status == statuses.NOT_CAPABLE:
        return 'The volume is not replicated.'
    if status == statuses.FAILING_OVER:
        return ('The failover of this volume is not finished: its replication '
                'status is %s.' % status)
    if statuses.VOLUME_ERROR in (volume.status or ''):
        return 'The status of the volume is %s.' % volume.status
    if saved_status and status in statuses.SETTLED and status != saved_status:
        return ('Cinder has not saved the outcome of this volume: its '
                'replication status is %s.' % status)
    if volume.attachments and volume.status in _WRITTEN_BY_DRIVERS:
        return ('The volume is attached, but its status is %s.'
                % volume.status)
    return None


def saved_status(before: BackendState, after: BackendState) -> str | None:
    """Return the replication status of the volumes whose outcome is saved.

    Cinder saves the record of the backend first, then the rows of the volumes
    one by one. An error in between leaves the other rows unchanged.

    :param before: state before a failover that raised an error
    :param after: state after that failover
    :returns: a replication status, None if the backend has not moved
    """
    if (before.active_backend_id or None) == (after.active_backend_id or None):
        return None
    return after.replication_status


def masked(error: BaseException) -> str:
    """Return the text of an error with its secrets masked.

    :param error: the exception
    :returns: at most 1000 characters
    """
    text = strutils.mask_password('%s: %s' % (type(error).__name__, error))
    return str(text)[:_REASON_LENGTH]

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

"""Everything that is asked of Cinder and of oslo.messaging's inside.

The one place to look at when a new release comes out. Names used, and the
releases in which each was compared:

================================================== ===================
``VolumeManager.failover``, ``.failover_host``,    cinder 26 to 29
``.failover_completed``, ``.failover_replication``,
``.init_host_with_rpc``, ``.host``, ``.cluster``
(used by ``manager``)
``objects.Service.get_by_args``, ``.cluster``      cinder 26 to 29
``db.api.volume_get_all``, ``.group_get_all``      cinder 26 to 29
with their keywords
``models.Volume.volume_attachment`` joined         cinder 26 to 29
``Transport._send_notification`` (private)         oslo.messaging 16 to 18
================================================== ===================
"""

from collections.abc import Iterator
import functools
from typing import Any
import uuid

from cinder.common import constants
from cinder import context
from cinder.db import api as db
from cinder import exception
from cinder import objects
from cinder.volume import volume_utils
import oslo_messaging
from oslo_utils import timeutils

from cinder_failover_hooks.retry import Retry
from cinder_failover_hooks import state


def read_state(host: str) -> state.BackendState:
    """Read what Cinder's records say of a backend.

    The members of a cluster have records of their own, which follow that of
    the cluster one by one (``finish_failover`` saves the cluster's first), so
    the cluster's is the one to read; that of this member tells whether its
    own driver has switched (``failover_completed`` saves it last).

    :param host: host of the volume manager, ``host@backend``
    :returns: the state
    :raises cinder.exception.ServiceNotFound: there is no such service
    :raises oslo_db.exception.DBError: the database cannot be read
    """
    service = _service(host)
    if not service.is_clustered:
        return state.BackendState(
            active_backend_id=service.active_backend_id or None,
            replication_status=service.replication_status)
    return state.BackendState(
        active_backend_id=service.cluster.active_backend_id or None,
        replication_status=service.cluster.replication_status,
        cluster=service.cluster_name,
        member=state.MemberState(
            active_backend_id=service.active_backend_id or None,
            replication_status=service.replication_status))


def _service(host: str) -> objects.Service:
    return objects.Service.get_by_args(
        context.get_admin_context(),
        volume_utils.extract_host(host, 'backend'), constants.VOLUME_BINARY)


def follow_cluster(host: str) -> tuple[str | None, str | None] | None:
    """Give the record of a cluster's member what its cluster's record says.

    A member that was not there when its cluster failed over has missed
    ``failover_completed``, which is cast to all and acknowledged by none.
    Cinder makes the driver for the ``active_backend_id`` of the member's
    record, so this has to be done before. The rule and the fields are those
    by which Cinder adds a member to a cluster
    (``Service._ensure_cluster_exists``).

    :param host: host of the volume manager
    :returns: the active backend id before and after, None if nothing was done
    :raises oslo_db.exception.DBError: the database cannot be read or written
    """
    try:
        service = _service(host)
    except exception.ServiceNotFound:
        # The first start: Cinder makes the record, with what the cluster has.
        return None
    if not service.is_clustered:
        return None
    cluster, before = service.cluster, service.active_backend_id
    if not state.has_to_follow(
            state.MemberState(before, service.replication_status),
            state.MemberState(cluster.active_backend_id,
                              cluster.replication_status)):
        return None
    for name in ('replication_status', 'active_backend_id', 'frozen'):
        setattr(service, name, getattr(cluster, name))
    service.save()
    return before or None, cluster.active_backend_id or None


def groups_of(host: str, cluster: str | None, status: str) -> list[str]:
    """Read which groups of a backend have a replication status.

    :param host: host of the volume manager
    :param cluster: its cluster, None if it is not clustered
    :param status: the replication status
    :returns: ids of groups
    :raises oslo_db.exception.DBError: the database cannot be read
    """
    rows = db.group_get_all(context.get_admin_context(),
                            filters={'replication_status': status})
    # Done here, for the filter compares the name of a cluster with its pool.
    own = volume_utils.extract_host(cluster or host, 'backend')
    return [row.id for row in rows if own == volume_utils.extract_host(
        (row.cluster_name if cluster else row.host) or '', 'backend')]


def _where(host: str, cluster: str | None) -> dict[str, Any]:
    return {'cluster_name': cluster} if cluster else {'host': host}


def read_page(where: dict[str, Any], marker: str | None,
              limit: int) -> list[state.Volume]:
    """Read one page of volumes with their attachments.

    This takes the rows and not ``objects.VolumeList``: that one asks the
    database once more for every attachment (``attachment_specs_get`` in
    ``VolumeAttachment._from_db_object``).

    :param where: filters of ``volume_get_all``
    :param marker: id of the last volume of the page before, None at first
    :param limit: largest number of volumes to return
    :returns: volumes in the order of their ids
    :raises oslo_db.exception.DBError: the database cannot be read
    """
    # The marker may have been deleted since the last page: it is found
    # among deleted rows, which the filter leaves out of the result.
    admin = context.get_admin_context(read_deleted='yes')
    rows = db.volume_get_all(admin, marker, limit, sort_keys=['id'],
                             sort_dirs=['asc'],
                             filters={**where, 'deleted': False})
    return [_volume(row) for row in rows]


def _volume(row: Any) -> state.Volume:
    return state.Volume(
        volume_id=row.id, status=row.status,
        replication_status=row.replication_status,
        project_id=row.project_id,
        attachments=tuple(
            state.Attachment(attachment_id=attachment.id,
                             server_id=attachment.instance_uuid,
                             host=attachment.attached_host)
            for attachment in row.volume_attachment))


def send(transport: Any, topic: str, publisher_id: str, event_type: str,
         priority: str, payload: dict[str, Any]) -> None:
    """Send one notification, or raise.

    The same as ``oslo_messaging.Notifier`` with the driver ``messagingv2``,
    which cannot be used: Notifier and driver both swallow every error, so
    one would neither know when to try again nor when to give up. No context
    is sent along, there are credentials in it.

    :param transport: a notification transport
    :param topic: without the priority
    :param publisher_id: ``volume.host@backend``
    :param event_type: one of the event types of ``notifications``
    :param priority: ``info`` or ``error``
    :param payload: of JSON types only
    :raises oslo_messaging.MessagingException: it was not sent
    """
    message = {
        'message_id': str(uuid.uuid4()), 'publisher_id': publisher_id,
        'event_type': event_type, 'priority': priority.upper(),
        'payload': payload, 'timestamp': str(timeutils.utcnow())}
    target = oslo_messaging.Target(topic='%s.%s' % (topic, priority))
    # One retry, for a pooled connection that has died unnoticed.
    transport._send_notification(target, {}, message, version=2.0, retry=1)


def all_volumes(host: str, cluster: str | None, group_id: str | None,
                size: int, attempt: Retry) -> Iterator[state.Volume]:
    """Read the volumes of a backend or of a group page by page.

    The filters are those of ``VolumeManager._get_cluster_or_host_filters``
    and ``VolumeList.get_all_by_generic_group``.

    :param host: host of the volume manager
    :param cluster: its cluster, None if it is not clustered
    :param group_id: a group of the backend, None for all volumes
    :param size: volumes in a page
    :param attempt: by which each page is read
    :returns: every volume, in the order of their ids
    """
    where = {'group_id': group_id} if group_id else _where(host, cluster)
    marker = None
    while True:
        # One more tells whether there is another page without asking for it.
        page = attempt('reading volumes', functools.partial(
            read_page, where, marker, size + 1))
        yield from page[:size]
        if len(page) <= size:
            return
        marker = page[size - 1].volume_id

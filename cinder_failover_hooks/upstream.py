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

"""Everything that the hooks use of Cinder, and of oslo.messaging's internals.

Review this module for each new release. It uses these names, which were
compared in these releases:

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

from cinder_failover_hooks import retry
from cinder_failover_hooks import state


class CinderBackend:
    """Cinder's records of one backend.

    :param host: host of the volume manager, ``host@backend``
    :param cluster: its cluster, None if it is not clustered
    """

    def __init__(self, host: str, cluster: str | None) -> None:
        self.name = host
        self._cluster = cluster

    def read_state(self) -> state.BackendState:
        """Return the state of the backend.

        Each member of a cluster has a record that follows that of the
        cluster: ``finish_failover`` saves the record of the cluster first.
        The record of the cluster therefore has the state of the backend. The
        record of this member shows whether its driver has switched, because
        ``failover_completed`` saves it last.

        :raises cinder.exception.ServiceNotFound: there is no such service
        :raises oslo_db.exception.DBError: the database cannot be read
        """
        service = _service(self.name)
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

    def read_groups(self, status: str) -> list[str]:
        """Return the ids of the groups with a replication status.

        :param status: the replication status
        :raises oslo_db.exception.DBError: the database cannot be read
        """
        rows = db.group_get_all(context.get_admin_context(),
                                filters={'replication_status': status})
        # Groups name their pool as well, so a filter of the database would
        # not match the name of a cluster.
        backend = volume_utils.extract_host(self._cluster or self.name,
                                            'backend')
        return [row.id for row in rows if backend == volume_utils.extract_host(
            (row.cluster_name if self._cluster else row.host) or '',
            'backend')]

    def read_volumes(self, group_id: str | None, size: int,
                     attempt: retry.Retry) -> Iterator[state.Volume]:
        """Return the volumes of the backend or of a group, read in pages.

        The filters are those of ``VolumeManager._get_cluster_or_host_filters``
        and ``VolumeList.get_all_by_generic_group``.

        :param group_id: a group of the backend, None for all volumes
        :param size: number of volumes in a page
        :param attempt: repeats failed reads of a page
        :returns: every volume, ordered by id
        """
        where = {'group_id': group_id} if group_id else self._filters()
        marker = None
        while True:
            # One more row shows whether another page follows.
            page = attempt('reading volumes', functools.partial(
                read_page, where, marker, size + 1))
            yield from page[:size]
            if len(page) <= size:
                return
            marker = page[size - 1].volume_id

    def _filters(self) -> dict[str, Any]:
        if self._cluster:
            return {'cluster_name': self._cluster}
        return {'host': self.name}


def _service(host: str) -> objects.Service:
    return objects.Service.get_by_args(
        context.get_admin_context(),
        volume_utils.extract_host(host, 'backend'), constants.VOLUME_BINARY)


def follow_cluster(host: str) -> tuple[str | None, str | None] | None:
    """Update the record of a member that missed a failover of its cluster.

    ``failover_completed`` is a cast to all members that none of them
    acknowledges, so a member that is down misses it. Cinder creates the
    driver for the ``active_backend_id`` in the record of the member, so this
    function has to run before. The rule and the fields are those of Cinder
    for a member that is added to a cluster
    (``Service._ensure_cluster_exists``).

    :param host: host of the volume manager
    :returns: the active backend id before and after, None if the record has
        not changed
    :raises oslo_db.exception.DBError: the database cannot be read or written
    """
    try:
        service = _service(host)
    except exception.ServiceNotFound:
        # At the first start Cinder creates the record from the cluster's.
        return None
    if not service.is_clustered:
        return None
    cluster, before = service.cluster, service.active_backend_id
    if not state.missed_switch(
            state.MemberState(before, service.replication_status),
            state.MemberState(cluster.active_backend_id,
                              cluster.replication_status)):
        return None
    for name in ('replication_status', 'active_backend_id', 'frozen'):
        setattr(service, name, getattr(cluster, name))
    service.save()
    return before or None, cluster.active_backend_id or None


def read_page(where: dict[str, Any], marker: str | None,
              limit: int) -> list[state.Volume]:
    """Return one page of volumes with their attachments.

    The function reads the rows. ``objects.VolumeList`` would query the
    database once more for each attachment (``attachment_specs_get`` in
    ``VolumeAttachment._from_db_object``).

    :param where: filters of ``volume_get_all``
    :param marker: id of the last volume of the previous page, None for the
        first page
    :param limit: largest number of volumes to return
    :returns: volumes, ordered by id
    :raises oslo_db.exception.DBError: the database cannot be read
    """
    # The volume of the marker may have been deleted since the previous page.
    # Reading deleted rows finds it; the filter leaves it out of the result.
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
    """Send one notification or raise an error.

    The message is that of ``oslo_messaging.Notifier`` with the driver
    ``messagingv2``. Notifier and driver swallow every error, so a caller of
    them could not retry. The message has no context, because a context has
    credentials.

    :param transport: a notification transport
    :param topic: topic without the priority
    :param publisher_id: ``volume.host@backend``
    :param event_type: one of the event types of ``notifications``
    :param priority: ``info`` or ``error``
    :param payload: the payload, of JSON types only
    :raises oslo_messaging.MessagingException: the message was not sent
    """
    message = {
        'message_id': str(uuid.uuid4()), 'publisher_id': publisher_id,
        'event_type': event_type, 'priority': priority.upper(),
        'payload': payload, 'timestamp': str(timeutils.utcnow())}
    target = oslo_messaging.Target(topic='%s.%s' % (topic, priority))
    # One retry, in case a pooled connection is dead.
    transport._send_notification(target, {}, message, version=2.0, retry=1)

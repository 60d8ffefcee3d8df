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
``.init_host_with_rpc``, ``.host``, ``.cluster``
(used by ``manager``)
``objects.Service.get_by_args``, ``.cluster``      cinder 26 to 29
``db.api.volume_get_all`` with its keywords        cinder 26 to 29
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
from cinder import objects
from cinder.volume import volume_utils
import oslo_messaging
from oslo_utils import timeutils

from cinder_failover_hooks.retry import Retry
from cinder_failover_hooks import state


def read_state(host: str) -> state.BackendState:
    """Read what Cinder's records say of a backend.

    The members of a cluster have records of their own, which follow that of
    the cluster one by one (``finish_failover`` saves the cluster first), so
    the cluster's is the one to read.

    :param host: host of the volume manager, ``host@backend``
    :returns: the state
    :raises cinder.exception.ServiceNotFound: there is no such service
    :raises oslo_db.exception.DBError: the database cannot be read
    """
    service = objects.Service.get_by_args(
        context.get_admin_context(),
        volume_utils.extract_host(host, 'backend'), constants.VOLUME_BINARY)
    record = service.cluster if service.is_clustered else service
    return state.BackendState(
        active_backend_id=record.active_backend_id or None,
        replication_status=record.replication_status,
        cluster=service.cluster_name or None)


def read_page(host: str, cluster: str | None, marker: str | None,
              limit: int) -> list[state.Volume]:
    """Read one page of a backend's volumes with their attachments.

    This takes the rows and not ``objects.VolumeList``: that one asks the
    database once more for every attachment (``attachment_specs_get`` in
    ``VolumeAttachment._from_db_object``).

    :param host: host of the volume manager
    :param cluster: its cluster, None if it is not clustered; the same
        filters as ``VolumeManager._get_cluster_or_host_filters``
    :param marker: id of the last volume of the page before, None at first
    :param limit: largest number of volumes to return
    :returns: volumes in the order of their ids
    :raises oslo_db.exception.DBError: the database cannot be read
    """
    filters: dict[str, Any] = {'deleted': False}
    filters.update({'cluster_name': cluster} if cluster else {'host': host})
    # The marker may have been deleted since the last page: it is found
    # among deleted rows, which the filter leaves out of the result.
    admin = context.get_admin_context(read_deleted='yes')
    rows = db.volume_get_all(admin, marker, limit, sort_keys=['id'],
                             sort_dirs=['asc'], filters=filters)
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


def all_volumes(host: str, cluster: str | None, size: int,
                attempt: Retry) -> Iterator[state.Volume]:
    """Read the volumes of a backend page by page.

    :param host: host of the volume manager
    :param cluster: its cluster, None if it is not clustered
    :param size: volumes in a page
    :param attempt: by which each page is read
    :returns: every volume, in the order of their ids
    """
    marker = None
    while True:
        page = attempt('reading volumes', functools.partial(
            read_page, host, cluster, marker, size))
        yield from page
        if len(page) < size:
            return
        marker = page[-1].volume_id

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

"""What a recovery asks of Cinder and tells it.

The clients are Nova's own (``nova.volume.cinder``), with the ``[cinder]``
credentials, because the context is an admin's without a token.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import http
from typing import Any

from cinderclient import exceptions as client_exceptions
from keystoneauth1 import exceptions as keystone_exceptions
from nova import exception as nova_exception
from nova.volume import cinder as nova_cinder

from nova_failover_ext import exception
from nova_failover_ext.recovery import staleness

_ERRORS = (client_exceptions.ClientException,
           keystone_exceptions.ClientException,
           nova_exception.NovaException)
# The first with attachments (Cinder 12.0.0, Queens), as Nova uses it.
_ATTACHMENTS = '3.44'
# The first that shows the group of a volume.
_GROUPS = '3.13'


@dataclasses.dataclass(frozen=True)
class Volume:
    """A volume as Cinder knows it.

    :ivar status: such as in-use or attaching
    :ivar replication_status: such as enabled or failed-over, or None
    :ivar backend: ``host@backend`` of its service, if that is shown
    :ivar group_id: the group that it is in, which may fail over by itself
    :ivar attachments: ids of its complete attachments to the servers' ids
    """

    status: str
    replication_status: str | None
    backend: str = ''
    group_id: str | None = None
    attachments: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Backend:
    """A backend as Cinder knows it.

    :ivar active_backend_id: '' stands for the primary
    :ivar replication_status: such as enabled or failed-over, or None
    """

    active_backend_id: str = ''
    replication_status: str | None = None

    def stamp_for(self, volume: Volume) -> str:
        """Return the stamp for one of its volumes.

        See :func:`nova_failover_ext.recovery.staleness.stamp_for`.
        """
        return staleness.stamp_for(
            self.active_backend_id, self.replication_status,
            volume.replication_status, volume.group_id)


@dataclasses.dataclass(frozen=True)
class Attachment:
    """An attachment as Cinder knows it.

    :ivar volume_id: the volume that is attached
    :ivar server_id: the server that it is attached to
    """

    volume_id: str
    server_id: str


class CinderAPI:
    """The calls of one recovery."""

    def __init__(self, volume_api: Any) -> None:
        """Remember Nova's API.

        :param volume_api: the nova.volume.cinder.API
        """
        self._api = volume_api

    def volume(self, context: Any, volume_id: str) -> Volume:
        """Look a volume up.

        :raises RecoveryDeferred: if Cinder does not answer
        """
        with _deferring('show volume'):
            found = nova_cinder.cinderclient(
                context, _GROUPS, skip_version_check=True
                ).volumes.get(volume_id)
            host = getattr(found, 'os-vol-host-attr:host', None) or ''
            return Volume(found.status,
                          getattr(found, 'replication_status', None),
                          host.partition('#')[0],
                          getattr(found, 'group_id', None),
                          {one['attachment_id']: one['server_id']
                           for one in found.attachments})

    def ask(self, context: Any, volume_id: str,
            connector: dict[str, Any]) -> dict[str, Any]:
        """Ask where a volume without an attachment id is; change nothing.

        Servers have such volumes that were attached before Queens. It goes
        around ``nova.volume.cinder.API.initialize_connection``, which
        terminates the connection when the question fails.

        :raises RecoveryDeferred: if Cinder does not answer
        """
        with _deferring('initialize_connection'):
            client = nova_cinder.cinderclient(context)
            fresh: dict[str, Any] = client.volumes.initialize_connection(
                volume_id, connector)
            return fresh

    def attachment(self, context: Any,
                   attachment_id: str) -> Attachment | None:
        """Look an attachment up, whether it is complete or not.

        :returns: None if there is none
        :raises RecoveryDeferred: if Cinder does not answer
        """
        with _deferring('show attachment'):
            client = nova_cinder.cinderclient(
                context, _ATTACHMENTS, skip_version_check=True)
            try:
                found = client.attachments.show(attachment_id).to_dict()
            except client_exceptions.NotFound:
                return None
            return Attachment(str(found.get('volume_id')),
                              str(found.get('instance')))

    def attachments(self, context: Any, volume_id: str,
                    server_id: str) -> list[str]:
        """Return the ids of a server's attachments of a volume.

        ``nova.volume.cinder.API.attachment_get_all`` lists only what is in
        the project of the credentials.

        :raises RecoveryDeferred: if Cinder does not answer
        """
        with _deferring('list attachments'):
            client = nova_cinder.cinderclient(
                context, _ATTACHMENTS, skip_version_check=True)
            return [str(found.id) for found in client.attachments.list(
                search_opts={'all_tenants': 1, 'volume_id': volume_id,
                             'instance_id': server_id})]

    def update(self, context: Any, attachment_id: str,
               connector: dict[str, Any],
               device_name: str) -> dict[str, Any]:
        """Point an attachment at where the volume is, in place.

        Cinder marks attachment and volume ``attaching`` until
        :meth:`complete`.

        :returns: fresh connection_info in Nova's form
        :raises AttachmentConflict: if Cinder refuses because of others
        :raises RecoveryDeferred: if Cinder refuses or does not answer
        """
        with _deferring('attachment_update'):
            fresh: dict[str, Any] = self._api.attachment_update(
                context, attachment_id, connector,
                device_name)['connection_info']
            return fresh

    def complete(self, context: Any, attachment_id: str) -> None:
        """Mark an attachment complete.

        :raises RecoveryDeferred: if Cinder refuses or does not answer
        """
        with _deferring('attachment_complete'):
            self._api.attachment_complete(context, attachment_id)

    def delete(self, context: Any, attachment_id: str) -> None:
        """Detach a volume; an attachment that is gone already is no error.

        :raises RecoveryFailed: if Cinder refuses or does not answer
        """
        try:
            self._api.attachment_delete(context, attachment_id)
        except _ERRORS as error:
            raise exception.RecoveryFailed(
                step='attachment_delete', reason=error) from error

    def backends(self, context: Any) -> dict[str, Backend]:
        """Return every backend by its host.

        :raises RecoveryDeferred: if Cinder does not answer
        """
        with _deferring('list services'):
            client = nova_cinder.cinderclient(context)
            return {service.host: Backend(
                getattr(service, 'active_backend_id', None) or '',
                getattr(service, 'replication_status', None))
                for service in client.services.list(binary='cinder-volume')}


@contextlib.contextmanager
def _deferring(call: str) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        kind = (exception.AttachmentConflict
                if getattr(error, 'code', None) == http.HTTPStatus.CONFLICT
                else exception.RecoveryDeferred)
        raise kind(
            reason=f'Cinder failed to answer {call}: {error}') from error

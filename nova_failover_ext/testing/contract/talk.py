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

"""How a clause of the contract talks to a Cinder."""

from typing import Any
from typing import Protocol
import uuid

#: The host that the attachments are for; no such host has to exist.
CONNECTOR = {'host': 'contract-host', 'ip': '192.0.2.1',
             'initiator': 'iqn.1994-05.example:contract',
             'multipath': False, 'mountpoint': '/dev/vdc'}
_ATTACHMENTS = '3.44'


class Broken(AssertionError):
    """Cinder does otherwise than the contract says."""


class World(Protocol):
    """A Cinder, and what is around it."""

    def request(self, method: str, url: str, body: Any = None,
                microversion: str = '3.0',
                service: bool = False) -> tuple[int, Any]:
        """Send a request as an administrator.

        :param method: the HTTP method
        :param url: path and query, behind the project's id
        :param body: to be sent as JSON
        :param microversion: such as 3.44
        :param service: send a service token along
        :returns: the status, and the body or None
        """

    def volume(self, kind: str) -> str:
        """Make a volume that is available.

        :param kind: ``replicated`` or ``unreplicated``, ``multiattach`` or
            ``read-only``; all on the backend that fails over
        :returns: its id
        """

    def used(self) -> tuple[str, str]:
        """Let Nova attach a volume to a server.

        :returns: ids of the volume and of its attachment
        """

    def fail_over(self, backend_id: str) -> None:
        """Fail the backend of the volumes over, and wait for the end.

        :param backend_id: ``secondary``, or ``default`` to fail back
        """

    def break_driver(self, volume_id: str) -> None:
        """Let the driver fail to connect a volume.

        :param volume_id: the volume
        """

    def removed_exports(self, volume_id: str) -> int:
        """Count how often the driver was told to remove an export.

        :param volume_id: the volume
        """


class Talk:
    """The requests of the clauses, in short."""

    def __init__(self, world: World) -> None:
        """Remember whom to talk to.

        :param world: the Cinder
        """
        self.world = world

    # Attachments

    def create(self, volume_id: str, instance: str = '',
               connector: dict[str, Any] | None = None, mode: str = '',
               status: int = 200) -> dict[str, Any]:
        """POST /attachments.

        :param volume_id: the volume
        :param instance: the server; a new one if left out
        :param connector: connect it at once
        :param mode: rw or ro, as from 3.54 on
        :param status: what is expected
        :returns: the attachment
        """
        asked: dict[str, Any] = {'volume_uuid': volume_id, 'connector':
                                 connector, 'instance_uuid': instance
                                 or str(uuid.uuid4())}
        if mode:
            asked['mode'] = mode
        return self._send('POST', '/attachments', {'attachment': asked},
                          status, '3.54' if mode else _ATTACHMENTS,
                          ).get('attachment', {})

    def update(self, attachment_id: str, status: int = 200,
               **connector: Any) -> dict[str, Any]:
        """PUT /attachments/{id}.

        :param attachment_id: the attachment
        :param status: what is expected
        :param connector: differs from the usual one in this; None leaves a
            key out
        :returns: the attachment
        """
        asked = {key: value for key, value in (CONNECTOR | connector).items()
                 if value is not None}
        return self._send('PUT', f'/attachments/{attachment_id}', {
            'attachment': {'connector': asked}}, status).get('attachment', {})

    def complete(self, attachment_id: str, status: int = 204) -> None:
        """POST os-complete."""
        self._send('POST', f'/attachments/{attachment_id}/action',
                   {'os-complete': attachment_id}, status)

    def show(self, attachment_id: str, status: int = 200) -> dict[str, Any]:
        """GET /attachments/{id}."""
        return self._send('GET', f'/attachments/{attachment_id}', None,
                          status).get('attachment', {})

    def delete(self, attachment_id: str, status: int = 200,
               service: bool = False) -> list[dict[str, Any]]:
        """DELETE /attachments/{id}, and return the volume's other ones."""
        return self._send('DELETE', f'/attachments/{attachment_id}', None,
                          status, service=service).get('attachments', [])

    def attached(self, volume_id: str, instance: str = '') -> str:
        """Make a completed attachment.

        :param volume_id: the volume
        :param instance: the server; a new one if left out
        :returns: its id
        """
        attachment_id: str = self.create(volume_id, instance)['id']
        self.update(attachment_id)
        self.complete(attachment_id)
        return attachment_id

    # Volumes

    def show_volume(self, volume_id: str) -> dict[str, Any]:
        """GET /volumes/{id}."""
        found: dict[str, Any] = self._send(
            'GET', f'/volumes/{volume_id}', None, 200, '3.0')['volume']
        return found

    def act(self, volume_id: str, action: str, status: int = 202,
            **body: Any) -> dict[str, Any]:
        """POST an action of a volume."""
        return self._send('POST', f'/volumes/{volume_id}/action',
                          {action: body}, status, '3.0', service=True)

    def reset(self, volume_id: str, status: str) -> None:
        """Set a volume's status (os-reset_status)."""
        self._send('POST', f'/volumes/{volume_id}/action',
                   {'os-reset_status': {'status': status}}, 202, '3.0')

    def ask(self, volume_id: str, status: int = 200) -> dict[str, Any]:
        """Ask where a volume is (os-initialize_connection)."""
        return self.act(volume_id, 'os-initialize_connection', status,
                        connector=CONNECTOR).get('connection_info', {})

    # Lists

    def host(self, volume_id: str) -> str:
        """Return ``host@backend`` of a volume."""
        found: str = self.show_volume(volume_id)['os-vol-host-attr:host']
        return found.partition('#')[0]

    def services(self, microversion: str = '3.7') -> dict[str, Any]:
        """Return the volume services by host."""
        found = self._send('GET', '/os-services?binary=cinder-volume', None,
                           200, microversion)['services']
        return {each['host']: each for each in found}

    def listed(self, url: str) -> list[str]:
        """Return the ids of what a list names, in its order.

        :param url: such as ``/attachments?volume_id=...``
        """
        found = self._send('GET', url, None, 200)
        name = url.strip('/').partition('?')[0].partition('/')[0]
        return [each['id'] for each in found[name]]

    def fail_over(self, host: str, backend_id: str, status: int) -> None:
        """PUT /os-services/failover_host, which does not wait."""
        self._send('PUT', '/os-services/failover_host', {
            'host': host, 'backend_id': backend_id}, status, '3.0')

    def _send(self, method: str, url: str, body: Any, status: int,
              microversion: str = _ATTACHMENTS,
              service: bool = False) -> dict[str, Any]:
        answer, found = self.world.request(method, url, body, microversion,
                                           service)
        expect(f'{method} {url} {list(body or ())}', status, answer, found)
        return found or {}


def place(connection_info: dict[str, Any]) -> dict[str, Any]:
    """Return what a connection_info says of where a volume is.

    :param connection_info: of an attachment, or of os-initialize_connection
    """
    flat = dict(connection_info)
    flat.update(flat.pop('data', {}))
    return {key: value for key, value in flat.items() if key not in (
        'attachment_id', 'enforce_multipath', 'access_mode')}


def expect(what: str, expected: Any, found: Any, more: Any = '') -> None:
    """Compare.

    :param what: is compared
    :param expected: by the contract
    :param found: with this Cinder
    :param more: to be told if they differ
    :raises Broken: if they differ
    """
    if expected != found:
        raise Broken(f'{what}: {found!r} instead of {expected!r} {more}')


def expect_states(talk: Talk, attachment_id: str, attachment: str,
                  volume: str, shown: bool) -> None:
    """Compare the statuses of an attachment and of its volume.

    :param talk: whom to ask
    :param attachment_id: the attachment
    :param attachment: its expected status
    :param volume: the expected status of the volume
    :param shown: whether the volume's list of attachments names it
    """
    found = talk.show(attachment_id)
    expect('attachment', attachment, found['status'])
    row = talk.show_volume(found['volume_id'])
    expect('volume', volume, row['status'])
    expect("the volume's list has it", shown, attachment_id in [
        each['attachment_id'] for each in row['attachments']])

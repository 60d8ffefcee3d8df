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


"""Cinder's lists of services and volumes, in pages and in full detail.

Shaped as Cinder 29 answers an administrator (``cinder.api.v3``: services,
volumes, ``views``).
"""

from collections.abc import Callable, Iterable
import json
import threading
from typing import Any
import urllib.parse
from wsgiref import simple_server

BACKEND = 'bench@array'
_VERSIONS: dict[str, Any] = {'versions': [{
    'id': 'v3.0', 'status': 'CURRENT', 'version': '3.71',
    'min_version': '3.0', 'links': [], 'media-types': []}]}
#: No driver that is known, so that none of its doings is taken for granted.
_CAPABILITIES: dict[str, Any] = {
    'vendor_name': 'Bench', 'storage_protocol': 'iSCSI', 'pool_name': None,
    'driver_version': '1.0.0', 'volume_backend_name': 'array',
    'display_name': 'array', 'description': None, 'visibility': None,
    'namespace': 'OS::Storage::Capabilities::bench@array', 'properties': {},
    'replication_targets': []}
_MADE = '2026-01-01T00:00:00.000000'


class Cinder:
    """One replicated backend and its volumes.

    :ivar requests: how many were answered
    :ivar lists: how many of them began a list of all volumes
    """

    def __init__(self) -> None:
        """Without volumes, at home."""
        self.requests = 0
        self.lists = 0
        self._lock = threading.Lock()
        self._ids: list[str] = []
        self._places: dict[str, int] = {}
        self._target = ''

    def fill(self, volume_ids: Iterable[str]) -> None:
        """Have these volumes, at home."""
        self._ids = sorted(volume_ids)
        self._places = {one: at for at, one in enumerate(self._ids)}
        self._target = ''

    def fail_over(self, target: str) -> None:
        """Be at another site from now on, with every record written.

        :param target: the active_backend_id, '' for home
        """
        self._target = target

    def answer(self, environ: dict[str, Any],
               start: Callable[..., Any]) -> list[bytes]:
        """Answer a request, as WSGI has it."""
        query = dict(urllib.parse.parse_qsl(environ['QUERY_STRING']))
        with self._lock:
            self.requests += 1
        path = environ['PATH_INFO']
        status, body = '404 Not Found', {
            'itemNotFound': {'code': 404, 'message': path}}
        found = self._find(path, query)
        if found is not None:
            status, body = '200 OK', found
        text = json.dumps(body).encode()
        start(status, [('Content-Type', 'application/json'),
                       ('Content-Length', str(len(text))),
                       ('OpenStack-API-Version', 'volume 3.13')])
        return [text]

    def _find(self, path: str,
              query: dict[str, str]) -> dict[str, Any] | None:
        if path.endswith('/os-services'):
            return {'services': [self._service()]}
        if path.endswith('/volumes/detail'):
            return {'volumes': self._page(query)}
        if '/capabilities/' in path:
            return _CAPABILITIES
        return _VERSIONS if path == '/' else None

    def _page(self, query: dict[str, str]) -> list[dict[str, Any]]:
        begin = 0
        if 'marker' in query:
            begin = self._places[query['marker']] + 1
        else:
            with self._lock:
                self.lists += 1
        size = int(query.get('limit', 1000))
        return [self._volume(one) for one in self._ids[begin:begin + size]]

    @property
    def _status(self) -> str:
        return 'failed-over' if self._target else 'enabled'

    def _service(self) -> dict[str, Any]:
        return {
            'binary': 'cinder-volume', 'host': BACKEND, 'zone': 'nova',
            'status': 'disabled' if self._target else 'enabled',
            'state': 'up', 'updated_at': _MADE, 'frozen': False,
            'disabled_reason': 'failed-over' if self._target else None,
            'replication_status': self._status, 'cluster': None,
            'active_backend_id': self._target or None}

    def _volume(self, volume_id: str) -> dict[str, Any]:
        link = 'http://127.0.0.1/v3/volumes/%s' % volume_id
        return {
            'id': volume_id, 'status': 'in-use', 'size': 1,
            'availability_zone': 'nova', 'created_at': _MADE,
            'updated_at': _MADE, 'name': 'volume', 'description': None,
            'volume_type': 'replicated', 'snapshot_id': None,
            'source_volid': None, 'metadata': {}, 'user_id': 'u' * 32,
            'bootable': 'true', 'encrypted': False, 'multiattach': False,
            'replication_status': self._status, 'group_id': None,
            'consistencygroup_id': None, 'migration_status': None,
            'attachments': [{
                'id': volume_id, 'attachment_id': volume_id,
                'volume_id': volume_id, 'server_id': volume_id,
                'host_name': 'compute', 'device': '/dev/vda',
                'attached_at': _MADE}],
            'links': [{'rel': 'self', 'href': link},
                      {'rel': 'bookmark', 'href': link}],
            'os-vol-host-attr:host': BACKEND + '#pool',
            'os-vol-mig-status-attr:migstat': None,
            'os-vol-mig-status-attr:name_id': None,
            'os-vol-tenant-attr:tenant_id': 'p' * 32}


class _Quiet(simple_server.WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Write nothing to the terminal."""


def serve(cinder: Cinder, port: int) -> simple_server.WSGIServer:
    """Serve it on 127.0.0.1, in a thread of its own.

    :returns: the server; ``shutdown()`` ends it
    """
    server = simple_server.make_server(
        '127.0.0.1', port, cinder.answer, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

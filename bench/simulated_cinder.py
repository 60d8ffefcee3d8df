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

"""The fake Cinder of the tests, with the volumes of a simulated cloud."""

from collections.abc import Iterable
import threading
from typing import Any

from bench import population
from nova_failover_ext.testing import backends
from nova_failover_ext.testing import fake_cinder
from nova_failover_ext.testing import kinds
from nova_failover_ext.testing import rest
from nova_failover_ext.testing import routes

_KIND = kinds.Kind(connection='iscsi')
BACKEND = _KIND.host
_LISTS = '/volumes/detail'


class SimulatedCinder(rest.Api):
    """The REST API of a Cinder with one replicated backend.

    :ivar requests: how many were answered
    :ivar lists: how many of them began a list of all volumes
    """

    def __init__(self) -> None:
        """Without volumes, at home."""
        super().__init__(_cinder(()), routes.ROUTES)
        self.requests = 0
        self.lists = 0
        self._lock = threading.Lock()

    def fill(self, servers: Iterable[population.Server]) -> None:
        """Have the volumes of these servers, at home."""
        self._cinder = _cinder(servers)

    def fail_over(self, target: str) -> None:
        """Be at another site from now on, with every record written.

        :param target: the active_backend_id, '' for home
        """
        self._cinder.fail_over(target or backends.FAILBACK, BACKEND)

    def request(self, method: str, url: str, body: Any = None,
                microversion: str = '3.0',
                service: bool = True) -> rest.Answer:
        """Count a request, and answer it."""
        with self._lock:
            self.requests += 1
            self.lists += url.startswith(_LISTS) and 'marker=' not in url
        return super().request(method, url, body, microversion, service)


def _cinder(servers: Iterable[population.Server]) -> fake_cinder.Cinder:
    cinder = fake_cinder.Cinder({}, 'primary')
    cinder.backends.services = cinder.backends.of(BACKEND)
    cinder.describe = _details
    for server in servers:
        for volume in server.volumes:
            cinder.add(volume, _KIND)
            cinder.records.attachments[volume] = {volume: {
                'id': volume, 'instance_uuid': server.id,
                'status': 'attached', 'mountpoint': '/dev/vdb',
                'connector': {'host': server.host}}}
            cinder.records.write(cinder.records.volume(volume),
                                 status='in-use', attach_status='attached')
    return cinder


def _details(volume_id: str) -> dict[str, Any]:
    """Return what makes the answer as long as one of real Cinder."""
    link = f'http://192.0.2.1/volume/v3/volumes/{volume_id}'
    return {
        'user_id': 'u' * 32, 'group_id': None, 'consistencygroup_id': None,
        'links': [{'rel': 'self', 'href': link},
                  {'rel': 'bookmark', 'href': link}],
        'volume_image_metadata': {
            'image_id': volume_id, 'image_name': 'an image', 'min_ram': '0',
            'checksum': 'c' * 32, 'disk_format': 'raw', 'min_disk': '0',
            'container_format': 'bare', 'size': '2361393152'},
        'os-vol-mig-status-attr:migstat': None,
        'os-vol-mig-status-attr:name_id': None,
        'os-vol-tenant-attr:tenant_id': 'p' * 32}

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

"""Requests about Cinder's services, its drivers and its versions.

Read in ``cinder.api.v3.services``, ``cinder.api.contrib.capabilities`` and
``cinder.api.versions``, Cinder 29.
"""

from typing import Any

from nova_failover_ext.testing import cinder_records
from nova_failover_ext.testing import faults
from nova_failover_ext.testing import rest

Call = faults.Call
_CLUSTERS = (3, 7)
_VERSIONS: dict[str, Any] = {'versions': [{
    'id': 'v3.0', 'status': 'CURRENT', 'version': '3.71',
    'min_version': '3.0', 'links': [], 'media-types': []}]}
# No driver that is known, so that nobody takes its behaviour for granted.
_CAPABILITIES: dict[str, Any] = {
    'vendor_name': 'Fake', 'storage_protocol': 'fake', 'pool_name': None,
    'driver_version': '1.0.0', 'display_name': None, 'description': None,
    'visibility': None, 'properties': {}, 'replication_targets': []}


def _versions(_request: rest.Request) -> rest.Answer:
    return 200, _VERSIONS


def _services(request: rest.Request) -> rest.Answer:
    return 200, {'services': [
        each.show(request.version >= _CLUSTERS)
        for each in request.cinder.backends.services
        if request.query.get('binary', each.binary) == each.binary and
        request.query.get('host', each.host) == each.host]}


def _capabilities(request: rest.Request) -> rest.Answer:
    if not request.cinder.backends.of(request.host):
        raise cinder_records.Refused(
            404, f'Host {request.host} could not be found.')
    return 200, _CAPABILITIES | {
        'namespace': f'OS::Storage::Capabilities::{request.host}',
        'volume_backend_name': request.host.partition('@')[2]}


def _failover_host(request: rest.Request) -> rest.Answer:
    host = request.body['host']
    members = request.cinder.backends.of(host)
    if not members or any(
            each.state != 'up' or each.replication_status not in (
                'enabled', 'failed-over') for each in members):
        raise cinder_records.Refused(
            400, f'Invalid input: {host} cannot fail over')
    request.cinder.fail_over(request.body['backend_id'], host)
    return 202, None


ROUTES = (
    rest.Route('GET', '/', Call.LIST_VERSIONS, _versions),
    rest.Route('GET', '/os-services', Call.LIST_SERVICES, _services),
    rest.Route('GET', '/capabilities/{host}', Call.CAPABILITIES,
               _capabilities),
    rest.Route('PUT', '/os-services/failover_host', Call.FAILOVER_HOST,
               _failover_host),
)

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

"""Puts cells, hosts, servers and mappings into Nova's databases, in bulk.

The tables are Nova's own models (``nova.db.api.models`` and
``nova.db.main.models``, read in Nova 34), so that SQLite and MariaDB are
filled alike.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import json
from typing import Any
import uuid

from nova.db.api import models as api_models
from nova.db.main import models
from oslo_utils import timeutils
import sqlalchemy as sa

from bench import population
from nova_failover_ext.recovery import staleness
from nova_failover_ext.testing import connections

#: The uuid is Nova's; it marks the cell without hosts.
CELL0 = uuid.UUID(int=0)
_SECRET = 'p' * 16
#: Paths of a volume for each of the two portals of the fake Cinder.
_PATHS = 4
_TENANTS = 500


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell.

    :ivar database: SQLAlchemy URL of its database
    :ivar transport: URL of its message bus
    """

    name: str
    uuid: uuid.UUID
    database: str
    transport: str


def map_cells(url: str, cells: Iterable[Cell]) -> None:
    """Have these cells, and no others.

    :param url: of the API database, which has its tables
    """
    with _connection(url) as connection:
        connection.execute(sa.delete(api_models.CellMapping))
        _insert(connection, api_models.CellMapping, [{
            'uuid': str(cell.uuid), 'name': cell.name, 'disabled': False,
            'transport_url': cell.transport,
            'database_connection': cell.database} for cell in cells])


def fill_cell(url: str, hosts: Sequence[str],
              servers: Sequence[population.Server]) -> None:
    """Add compute hosts and servers with their volumes to a cell.

    :param url: of the cell's database, which has its tables
    """
    with _connection(url) as connection:
        _insert(connection, models.Service, map(_service, hosts))
        _insert(connection, models.Instance, [
            _instance(number, server)
            for number, server in enumerate(servers)])
        _insert(connection, models.InstanceMetadata, [
            {'instance_uuid': server.id, 'key': 'failover:priority',
             'value': server.priority, 'deleted': 0}
            for server in servers if server.priority])
        _insert(connection, models.BlockDeviceMapping, [
            mapping for server in servers for mapping in _mappings(server)])


def connection_info(volume_id: str, recorded: str | None) -> str:
    """Return a connection_info as Nova keeps it, and about as long.

    :param recorded: active_backend_id of the site that it leads to, '' for
        home, None if that was never recorded
    """
    info = connections.iscsi(volume_id, recorded or 'primary', _SECRET)
    for key in ('target_portals', 'target_iqns', 'target_luns'):
        info['data'][key] *= _PATHS
    info['data'] |= {
        'discard': True, 'qos_specs': None, 'access_mode': 'rw',
        'encrypted': False, 'cacheable': False, 'device_path': '/dev/dm-7'}
    info |= {'serial': volume_id, 'volume_id': volume_id,
             'status': 'attached', 'detached_at': '',
             'attached_at': '2026-01-01T00:00:00.000000'}
    if recorded is not None:
        info[staleness.STAMP] = recorded
    return json.dumps(info)


@contextlib.contextmanager
def _connection(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _insert(connection: sa.Connection, model: Any,
            rows: Iterable[dict[str, Any]]) -> None:
    found = list(rows)
    if found:
        connection.execute(sa.insert(model), found)


def _service(host: str) -> dict[str, Any]:
    return {'uuid': str(uuid.uuid4()), 'host': host, 'topic': 'compute',
            'binary': 'nova-compute', 'report_count': 1, 'version': 70,
            'disabled': False, 'forced_down': False, 'deleted': 0,
            'last_seen_up': timeutils.utcnow(),
            'updated_at': timeutils.utcnow()}


def _instance(number: int, server: population.Server) -> dict[str, Any]:
    return {'uuid': server.id, 'host': server.host, 'hostname': 'x',
            'vm_state': server.vm_state, 'task_state': None, 'deleted': 0,
            'display_name': 'server-%d' % number, 'user_id': 'u' * 32,
            'project_id': '%032x' % (number % _TENANTS),
            'user_data': 'x' * 500}


def _mappings(server: population.Server) -> Iterator[dict[str, Any]]:
    for index, volume in enumerate(server.volumes):
        yield {'uuid': volume, 'volume_id': volume, 'attachment_id': volume,
               'instance_uuid': server.id, 'boot_index': index,
               'device_name': '/dev/vd%s' % 'ab'[index],
               'source_type': 'volume', 'destination_type': 'volume',
               'deleted': 0, 'connection_info': connection_info(
                   volume, server.recorded[index])}

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


"""Puts cells, hosts, servers and mappings into real databases, in bulk."""

from collections.abc import Iterable, Iterator
import itertools
import json
import pathlib
import sys
from typing import Any
import uuid

from cloud import database
from cloud import processes
from cloud import settings

from bench.engine import conf as bench_conf

_BATCH = 1000
#: cell0's uuid is Nova's; the others have to stay the same.
_UUIDS = {'nova_cell0': uuid.UUID(int=0),
          **{name: uuid.uuid5(uuid.NAMESPACE_DNS, name)
             for name in bench_conf.CELLS}}
_SECRETS = {'auth_username': 'u' * 12, 'auth_password': 'p' * 16}


class Databases:
    """The databases of one bench."""

    def __init__(self, conf: settings.Settings,
                 server: database.Database) -> None:
        """Remember where they are.

        :param server: it runs
        """
        self._conf = conf
        self._server = server

    def prepare(self) -> None:
        """Make the tables and the cells, once for each root."""
        done = self._conf.root / 'prepared'
        if not done.exists():
            self._sync()
            for name in ('nova_cell0', 'nova_cell2'):
                self._copy_tables('nova', name)
            self._cells()
            self._others()
            done.touch()
        self._server.migrated.touch()
        # Counts statements by user.
        self._server.execute('SET GLOBAL userstat = 1')

    def fill(self, servers: int, hosts: list[str]) -> list[str]:
        """Have servers with two volumes each, and nothing else.

        :param servers: how many
        :param hosts: the compute hosts, in turns of this and that cell
        :returns: the ids of the volumes
        """
        volumes: list[str] = []
        for cell in bench_conf.CELLS:
            self._clear(cell)
        for at, cell in enumerate(bench_conf.CELLS):
            own = hosts[at::len(bench_conf.CELLS)]
            self._services(cell, own)
            volumes += self._fill_cell(
                cell, own, range(at, servers, len(bench_conf.CELLS)))
        self._server.execute('TRUNCATE bench.power_cycles')
        return volumes

    def power_cycles(self) -> list[int]:
        """Return how often each server was, of those that were at all."""
        return [int(row['n']) for row in self._server.execute(
            'SELECT count(*) AS n FROM bench.power_cycles'
            ' GROUP BY server_id')]

    def failover_ids(self) -> set[str]:
        """Return the request ids of all power cycles."""
        return {row['failover_id'] for row in self._server.execute(
            'SELECT DISTINCT failover_id FROM bench.power_cycles')}

    def forget_power_cycles(self) -> None:
        """Count them anew."""
        self._server.execute('TRUNCATE bench.power_cycles')

    def statements(self) -> int:
        """Return how many statements the engine has sent so far."""
        found = self._server.execute(
            'SELECT select_commands + update_commands + other_commands AS n '
            'FROM information_schema.user_statistics WHERE user = "cloud"')
        return int(found[0]['n']) if found else 0

    def _sync(self) -> None:
        file = bench_conf.write(self._conf, 'manage')
        text = file.read_text().replace('/nova_cell0?', '/nova?')
        file.write_text(text)
        manage = pathlib.Path(sys.executable).parent / 'nova-manage'
        for words in (('api_db', 'sync'), ('db', 'sync', '--local_cell')):
            processes.run([manage, '--config-file', file, *words],
                          bench_conf.ENVIRONMENT, timeout=900)

    def _copy_tables(self, source: str, target: str) -> None:
        # Much faster than all migrations again.
        self._server.execute('CREATE DATABASE IF NOT EXISTS %s' % target)
        for row in self._server.execute('SHOW TABLES', source):
            table, = row.values()
            self._server.execute('CREATE TABLE IF NOT EXISTS %s.%s LIKE %s.%s'
                                 % (target, table, source, table))

    def _cells(self) -> None:
        self._server.execute('DELETE FROM nova_api.cell_mappings')
        for name, own in _UUIDS.items():
            self._server.execute(
                'INSERT INTO nova_api.cell_mappings (uuid, name, '
                'transport_url, database_connection, disabled) '
                'VALUES (%s, %s, %s, %s, 0)', None,
                (str(own), name, 'none:///' if own.int == 0
                 else self._conf.transport_url,
                 self._conf.database_url(name)))

    def _others(self) -> None:
        self._server.execute('CREATE DATABASE IF NOT EXISTS bench')
        self._server.execute(
            'CREATE TABLE IF NOT EXISTS bench.power_cycles (id INT '
            'AUTO_INCREMENT PRIMARY KEY, server_id CHAR(36), failover_id '
            'VARCHAR(64), KEY (server_id))')
        user = bench_conf.HOSTS_USER
        self._server.execute("CREATE USER IF NOT EXISTS '%s'@'%%' IDENTIFIED "
                             "BY '%s'" % (user, self._conf.password))
        self._server.execute("GRANT ALL ON *.* TO '%s'@'%%'" % user)

    def _clear(self, cell: str) -> None:
        for table in ('block_device_mapping', 'instance_actions_events',
                      'instance_actions', 'instances', 'services'):
            self._server.execute(
                'SET STATEMENT foreign_key_checks = 0 FOR DELETE FROM %s.%s'
                % (cell, table))

    def _services(self, cell: str, hosts: list[str]) -> None:
        self._insert('INSERT INTO %s.services (uuid, host, %s) VALUES ' % (
            cell, ('`binary`, topic, report_count, disabled, forced_down, '
                   'deleted, version, created_at, last_seen_up')),
            "(%s, %s, 'nova-compute', 'compute', 1, 0, 0, 0, 70, now(), "
            "now())", [(str(uuid.uuid4()), host) for host in hosts])

    def _fill_cell(self, cell: str, hosts: list[str],
                   numbers: Iterable[int]) -> list[str]:
        servers = [(str(uuid.uuid4()), hosts[at % len(hosts)])
                   for at, _number in enumerate(numbers)]
        mappings = [(server, str(uuid.uuid4()), index)
                    for server, _host in servers for index in (0, 1)]
        self._insert(
            'INSERT INTO %s.instances (uuid, host, vm_state, display_name, '
            'project_id, user_id, deleted, created_at) VALUES ' % cell,
            "(%s, %s, 'active', 'bench', 'p', 'u', 0, now())", servers)
        self._insert(
            'INSERT INTO %s.block_device_mapping (instance_uuid, volume_id, '
            'boot_index, uuid, attachment_id, connection_info, source_type, '
            'destination_type, device_name, deleted, created_at) VALUES '
            % cell, "(%s, %s, %s, %s, %s, %s, 'volume', 'volume', "
            "'/dev/vda', 0, now())",
            [(server, volume, index, volume, volume, connection(volume, ''))
             for server, volume, index in mappings])
        return [volume for _server, volume, _index in mappings]

    def _insert(self, head: str, row: str,
                rows: list[tuple[Any, ...]]) -> None:
        for batch in _batches(rows, _BATCH):
            self._server.execute(
                head + ', '.join([row] * len(batch)), None,
                tuple(itertools.chain.from_iterable(batch)))


def connection(volume_id: str, site: str) -> str:
    """Return a connection_info as Nova keeps it, about as long.

    :param site: active_backend_id of where it leads to
    """
    return json.dumps({
        'driver_volume_type': 'iscsi', 'serial': volume_id,
        'data': {'target_portal': '192.0.2.1:3260', 'target_lun': 1,
                 'target_iqn': 'iqn.2026-01.org.example:%s-%s'
                 % (site or 'home', volume_id), 'volume_id': volume_id,
                 'device_path': '/dev/dm-%s' % volume_id, **_SECRETS},
        'failover_active_backend_id': site})


def _batches(items: list[tuple[Any, ...]],
             size: int) -> Iterator[list[tuple[Any, ...]]]:
    for begin in range(0, len(items), size):
        yield items[begin:begin + size]

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


"""The databases of a bench: made once, emptied and filled for each run."""

import pathlib
import sys
import uuid

from bench.engine import conf as bench_conf
from bench import filler
from bench import population
from cloud import database
from cloud import processes
from cloud import settings


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

    def fill(self, number: int,
             hosts: list[str]) -> list[population.Server]:
        """Have servers with two volumes each, and nothing else.

        :param number: how many servers
        :param hosts: the compute hosts, in turns of this and that cell
        :returns: the servers
        """
        cells = bench_conf.CELLS
        servers = population.servers(number, hosts, seed=number)
        for at, cell in enumerate(cells):
            self._clear(cell)
            own = hosts[at::len(cells)]
            filler.fill_cell(self._conf.database_url(cell), own, [
                server for server in servers if server.host in own])
        self.forget_power_cycles()
        return servers

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
        filler.map_cells(self._conf.database_url('nova_api'), [
            filler.Cell('nova_cell0', filler.CELL0,
                        self._conf.database_url('nova_cell0'), 'none:///'),
            # Their uuids have to stay the same.
            *(filler.Cell(name, uuid.uuid5(uuid.NAMESPACE_DNS, name),
                          self._conf.database_url(name),
                          self._conf.transport_url)
              for name in bench_conf.CELLS)])

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

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
"""MariaDB of the cloud's own: one server, one database per service.

Migrations take the most time of all that ``up`` does, so the data folder is
kept in the cache once they are through, and later clouds start from it.
"""

import hashlib
import logging
import pathlib
import shutil

import pymysql

from cloud import processes
from cloud import settings

LOG = logging.getLogger(__name__)

DATABASES = ('keystone', 'placement', 'glance', 'neutron', 'cinder',
             'nova_api', 'nova_cell0', 'nova')


class Database:
    """The database server of one cloud."""

    def __init__(self, conf: settings.Settings) -> None:
        """Only names it.

        :param conf: the settings
        """
        self.conf = conf
        self.folder = conf.root / 'mariadb'
        self.data = self.folder / 'data'
        self.socket = conf.run / 'mariadb.sock'
        self.daemon = processes.Daemon('mariadb', conf.run, conf.log)

    @property
    def migrated(self) -> pathlib.Path:
        """Tells, by being there, that all migrations are through."""
        return self.folder / 'migrated'

    @property
    def kept(self) -> pathlib.Path:
        """The migrated data folder in the cache, for these versions."""
        version = processes.run(['/usr/sbin/mariadbd', '--version'])
        pins = (self.conf.checkout / 'constraints/2026.2.txt').read_text()
        digest = hashlib.sha256((version + pins).encode()).hexdigest()[:16]
        return self.conf.cache / f'databases-{digest}.tar'

    def start(self) -> None:
        """Make the data folder if need be, and start the server."""
        if not self.daemon.process():
            self._start_server()
        self.daemon.ready(self._answers)
        self._make_databases()

    def _start_server(self) -> None:
        """Start the server on its data folder."""
        if not (self.data / 'mysql').exists() or not self.migrated.exists():
            self._make_data()
        self.daemon.start([
            '/usr/sbin/mariadbd', '--no-defaults', '--user=root',
            f'--datadir={self.data}', f'--socket={self.socket}',
            f'--port={self.conf.port("mariadb")}',
            '--bind-address=127.0.0.1', '--skip-name-resolve',
            f'--pid-file={self.conf.run / "mariadb.pid"}',
            '--max-connections=600', '--innodb-buffer-pool-size=96M',
            # Of what is committed, a killed server loses nothing; a host
            # without power would. It may be killed in the midst of a page.
            '--innodb-flush-log-at-trx-commit=2', '--innodb-doublewrite=1',
            '--character-set-server=utf8mb3', '--performance-schema=off'])

    def _make_data(self) -> None:
        """Make a data folder, from the cache where it is there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.data.mkdir(parents=True)
        if self.kept.exists():
            LOG.info('databases come from the cache')
            processes.run(['tar', '-xf', self.kept, '-C', self.data])
            self.migrated.touch()
            return
        processes.run([
            'mariadb-install-db', '--no-defaults', '--user=root',
            f'--datadir={self.data}', '--skip-test-db', '--skip-name-resolve',
            '--auth-root-authentication-method=normal'])

    def _answers(self) -> bool:
        """Whether the server takes connections."""
        try:
            self.execute('SELECT 1')
        except pymysql.err.OperationalError:
            return False
        return True

    def _make_databases(self) -> None:
        """Make the databases and the user of the services."""
        for name in DATABASES:
            self.execute(f'CREATE DATABASE IF NOT EXISTS {name}')
        self.execute("CREATE USER IF NOT EXISTS 'cloud'@'%' IDENTIFIED BY "
                     f"'{self.conf.password}'")
        self.execute("GRANT ALL ON *.* TO 'cloud'@'%'")

    def execute(self, statement: str, database: str | None = None,
                arguments: tuple | None = None) -> list[dict]:
        """Run one statement as the administrator.

        :param statement: the SQL
        :param database: the database to run it in
        :param arguments: values for the statement's placeholders
        :returns: the rows
        """
        with pymysql.connect(
                unix_socket=str(self.socket), user='root', autocommit=True,
                database=database, cursorclass=pymysql.cursors.DictCursor,
                ) as connection, connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return list(cursor.fetchall())

    def keep(self) -> None:
        """Put the migrated data folder into the cache; restarts the server.

        To be called when nothing uses the databases yet.
        """
        self.migrated.touch()
        if self.kept.exists():
            return
        self.stop()
        self.conf.cache.mkdir(parents=True, exist_ok=True)
        scratch = self.kept.with_suffix('.new')
        processes.run(['tar', '-cSf', scratch, '-C', self.data, '.'])
        scratch.rename(self.kept)
        self.start()

    def stop(self, timeout: float = 30) -> None:
        """Stop the server.

        :param timeout: seconds it gets to end in an orderly way
        """
        self.daemon.stop(timeout)

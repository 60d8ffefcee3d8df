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

"""A database in a file, for Cinder's harness.

The harness uses SQLite in memory, where all connections are one: green
threads take turns, native ones would run into each other's transactions.
"""

import pathlib
import shutil
import tempfile
from typing import Any

from cinder.db import api as db
from cinder.db import migration
from cinder.tests.unit import test
from eventlet import patcher
import fixtures
from oslo_config import cfg
from oslo_utils import importutils
import sqlalchemy

CONF = cfg.CONF

#: Kept for the process: the engine is made once, and knows this place.
_FOLDER = tempfile.TemporaryDirectory(prefix='failover-hooks-')
_FILE = pathlib.Path(_FOLDER.name) / 'cinder.db'
_EMPTY = pathlib.Path(_FOLDER.name) / 'empty.db'


def engine() -> Any:
    """Return the engine of Cinder's database.

    ``cinder.db.api`` has it in Cinder 29, ``cinder.db.sqlalchemy.api`` before.
    """
    own = importutils.try_import('cinder.db.sqlalchemy.api') or db
    return own.get_engine()


def _begin_immediately(connection: Any) -> None:
    # oslo.db's own BEGIN comes after this, and sees that it is done. It takes
    # the lock for writing once there is something to write: two threads that
    # have read before would refuse it to each other.
    if 'in_transaction' not in connection.info:
        connection.exec_driver_sql('BEGIN IMMEDIATE')
        connection.info['in_transaction'] = True


class _Schema(fixtures.Fixture):
    """Takes the place of the harness's own, within its set up."""

    def _setUp(self) -> None:
        own = engine()
        own.dispose()
        self.addCleanup(own.dispose)
        if not patcher.is_monkey_patched('thread'):
            sqlalchemy.event.listen(own, 'begin', _begin_immediately,
                                    insert=True)
            self.addCleanup(sqlalchemy.event.remove, own, 'begin',
                            _begin_immediately)
        _FILE.unlink(missing_ok=True)
        if not _EMPTY.exists():
            migration.db_sync()
            own.dispose()
            shutil.move(_FILE, _EMPTY)
        shutil.copy(_EMPTY, _FILE)


class FileDatabase(fixtures.Fixture):
    """To be used before the set up of Cinder's test case."""

    def _setUp(self) -> None:
        # Whoever waits for a lock of another thread must not give up soon.
        self._override('connection', 'sqlite:///%s?timeout=60' % _FILE)
        self.useFixture(fixtures.MonkeyPatch(
            '%s.Database' % test.__name__, _Schema))

    def _override(self, name: str, value: Any) -> None:
        CONF.set_override(name, value, 'database')
        self.addCleanup(CONF.clear_override, name, 'database')

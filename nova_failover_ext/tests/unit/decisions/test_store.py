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

"""The database of decisions, as a file of SQLite."""

import dataclasses
import pathlib
from unittest import mock

from alembic import autogenerate
from alembic.runtime import migration
import ddt
import fixtures
from oslo_config import cfg
from oslo_db.sqlalchemy import enginefacade
from oslotest import base
import sqlalchemy as sa

from nova_failover_ext.api import canaries as records
from nova_failover_ext.conf import engine as engine_conf
from nova_failover_ext.decisions import models
from nova_failover_ext.decisions import schema
from nova_failover_ext.decisions import store
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.api import test_canaries as canaries
from nova_failover_ext.tests.unit.api import test_pauses

TABLES = {'nova_failover_pauses', 'nova_failover_exclusions',
          'nova_failover_canaries', 'nova_failover_acts',
          'nova_failover_alembic_version'}


class DatabaseTestCase(base.BaseTestCase):
    """With a file of SQLite that is the default."""

    def setUp(self):
        super().setUp()
        # A percent sign is special in the configuration of alembic.
        self.folder = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, '50%')
        self.folder.mkdir()
        self.conf = cfg.ConfigOpts()
        engine_conf.register_opts(self.conf)
        self.conf.register_opt(cfg.StrOpt('state_path'))
        self.conf([], default_config_files=[])
        self.conf.set_override('state_path', str(self.folder))
        # The group outlives this configuration.
        self.addCleanup(self.conf.clear_override, 'connection',
                        'failover_engine')
        self.file = self.folder / 'nova-failover.sqlite'
        self.engine = sa.create_engine('sqlite:///%s' % self.file)

    def _store(self, upgrade=True):
        made = store.Store(self.conf)
        if upgrade:
            made.upgrade()
        return made


@ddt.ddt
class StoreTest(DatabaseTestCase):
    """What is written is there for the next process."""

    def test_the_default_is_a_file_in_the_state_path(self):
        self._store()
        self.assertTrue(self.file.exists())
        self.assertEqual(TABLES, set(sa.inspect(
            self.engine).get_table_names()))

    def test_what_is_written(self):
        self._store().save(test_pauses.pause())
        self._store().save(test_pauses.pause(''))
        self.assertEqual([test_pauses.pause(''), test_pauses.pause()],
                         sorted(self._store().read(),
                                key=lambda pause: pause.backend))

    def test_a_newer_one_takes_the_place_of_the_older(self):
        made = self._store()
        made.save(test_pauses.pause())
        newer = test_pauses.pause(reason='later')
        made.save(newer)
        self.assertEqual([newer], made.read())

    def _write_by_hand(self, **values):
        row = {'backend': 'node@rbd', 'reason': 'why', 'user': 'me',
               'host': 'here', 'since': '2026-11-26 22:00:05', **values}
        with self.engine.begin() as connection:
            connection.execute(sa.text(
                'INSERT INTO nova_failover_pauses '
                '(backend, reason, user, host, since) '
                'VALUES (:backend, :reason, :user, :host, :since)'), row)

    @ddt.data({'reason': ' '}, {'reason': 'x' * 1001}, {'user': 'x' * 256},
              {'backend': 'x' * 256}, {'since': 'yesterday'}, {'since': ''})
    def test_a_row_that_was_written_by_hand_counts(self, values):
        made = self._store()
        made.save(test_pauses.pause('other'))
        self._write_by_hand(**values)
        name = values.get('backend', 'node@rbd')
        found = {pause.backend: pause for pause in made.read()}
        self.assertEqual({'other', name}, set(found))
        self.assertEqual(test_pauses.pause('other'), found['other'])
        made.delete(name)
        self.assertEqual([test_pauses.pause('other')], made.read())

    def test_a_row_that_cannot_be_read_says_how_to_end_it(self):
        made = self._store()
        self._write_by_hand(since='yesterday')
        self.assertIn('run "nova-failover resume node@rbd"',
                      str(made.read()[0]))

    def test_delete(self):
        made = self._store()
        made.save(test_pauses.pause('a'))
        made.save(test_pauses.pause('b'))
        made.delete('a')
        made.delete('c')
        self.assertEqual([test_pauses.pause('b')], made.read())

    def test_canaries(self):
        made = self._store()
        first = canaries.canaries(a=canaries.GOOD, b=canaries.BAD,
                                  c=records.Result())
        made.save_canaries(first)
        self.assertEqual([first], self._store().read_canaries())
        second = dataclasses.replace(first, target='', results={}, paused=True)
        made.save_canaries(second)
        self.assertEqual([second], self._store().read_canaries())

    @ddt.data('', '[]', '{"a": 1}', '{"a": ["nonsense", ""]}')
    def test_canaries_that_make_no_sense_are_left_out(self, results):
        made = self._store()
        with self.engine.begin() as connection:
            connection.execute(sa.insert(models.Canaries).values(
                backend='a', target='', results=results, paused=False))
        made.save_canaries(canaries.canaries())
        self.assertEqual([canaries.canaries()], made.read_canaries())

    def test_the_models_are_what_the_migrations_make(self):
        self._store()
        with self.engine.connect() as connection:
            context = migration.MigrationContext.configure(
                connection, opts={'version_table': models.VERSION_TABLE})
            self.assertEqual([], autogenerate.compare_metadata(
                context, models.Base.metadata))

    def test_an_upgrade_that_was_cut_off_is_finished(self):
        models.Base.metadata.create_all(self.engine)
        self._store().save(test_pauses.pause())
        self._store()
        self.assertEqual(TABLES, set(sa.inspect(
            self.engine).get_table_names()))

    def test_a_schema_of_a_newer_release(self):
        self._store()
        with self.engine.begin() as connection:
            connection.execute(sa.text(
                "UPDATE nova_failover_alembic_version "
                "SET version_num = 'newer'"))
        error = self.assertRaises(exception.DecisionsUnavailable, self._store)
        self.assertIn('newer', str(error))

    @ddt.data('sqlite:////nowhere/at/all.sqlite', 'CANARY',
              'nodriver://u:CANARY@host/db')
    def test_a_database_that_cannot_be_used(self, connection):
        self.conf.set_override('connection', connection, 'failover_engine')
        made = self._store(upgrade=False)
        for call in (made.upgrade, made.read,
                     lambda: made.save(test_pauses.pause()),
                     lambda: made.delete('a'), made.read_canaries,
                     lambda: made.save_canaries(canaries.canaries())):
            error = self.assertRaises(exception.DecisionsUnavailable, call)
            self.assertEqual(1, len(str(error).splitlines()))
            self.assertNotIn('CANARY', str(error))

    def test_a_table_that_is_gone(self):
        error = self.assertRaises(exception.DecisionsUnavailable,
                                  self._store(upgrade=False).read)
        self.assertIn('nova_failover_pauses', str(error))

    def test_a_server_that_hangs_is_not_waited_for(self):
        self.conf.set_override(
            'connection', 'mysql+pymysql://u:p%40ss@db/n?read_timeout=1',
            'failover_engine')
        manager = mock.create_autospec(
            enginefacade._TransactionContextManager, instance=True)
        with (mock.patch.object(enginefacade, 'transaction_context',
                                autospec=True, return_value=manager),
              mock.patch.object(schema, 'upgrade', autospec=True)):
            self._store()
        url = sa.engine.make_url(
            manager.configure.call_args.kwargs['connection'])
        self.assertEqual('p@ss', url.password)
        self.assertEqual({'connect_timeout': '5', 'read_timeout': '1',
                          'write_timeout': '10'}, dict(url.query))

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

"""Tests of the lock that the engines share.

PyMySQL need not be there: a fake of it stands in.
"""

import importlib
import sys
import types
from unittest import mock

import fixtures
from nova import conf as nova_conf
from oslo_config import cfg
import testtools
import tooz
from tooz import coordination as tooz_coordination

from nova_failover_ext.conf import engine as engine_conf
from nova_failover_ext.engine.election import locks

MYSQL = 'mysql+pymysql://nova:can%40ary%2F@db:3307/nova_api?charset=utf8'
SESSION_LOCK = 'nova_failover_ext.engine.election.session_lock'


def configuration(connection=MYSQL, **values):
    """Return a configuration with what a test sets of it."""
    conf = cfg.ConfigOpts()
    # What is set in a group is set for all that register the same object.
    for name in ('api_database', 'failover_engine'):
        conf.register_group(cfg.OptGroup(name))
    nova_conf.database.register_opts(conf)
    engine_conf.register_opts(conf)
    conf([], default_config_files=[])
    conf.set_override('connection', connection, 'api_database')
    for name, value in values.items():
        group = ('api_database' if name == 'connection_parameters'
                 else 'failover_engine')
        conf.set_override(name, value, group)
    return conf


class ChoiceTest(testtools.TestCase):
    """Who keeps the lock, and what it is called."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())

    def test_driver_name(self):
        names = {None: 'none', 'sqlite://': 'none', 'a:b:c': 'none',
                 'postgresql+psycopg2://u:p@h/d': 'none',
                 MYSQL: 'mysql', 'mariadb+pymysql://h/d': 'mysql',
                 'mysql://u:p@h/d': 'mysql'}
        for connection, name in names.items():
            self.assertEqual(name, locks.driver_name(
                configuration(connection)), connection)
        self.assertEqual('etcd3+http', locks.driver_name(
            configuration(coordination_url='etcd3+http://u:canary@h:2379')))

    def test_url(self):
        self.assertEqual(MYSQL, locks.url_of(configuration()))
        self.assertEqual('file:///x', locks.url_of(
            configuration(coordination_url='file:///x')))
        self.assertEqual('', locks.url_of(configuration(None)))

    def test_name_tells_databases_apart(self):
        urls = [MYSQL, 'mysql://h/' + 'long' * 30, 'mysql://h/other']
        names = {locks.lock_name(configuration(url)) for url in urls}
        self.assertEqual(3, len(names))
        for name in names:
            self.assertTrue(name.startswith(b'nova-failover-engine-'))
            self.assertLess(len(name), 64)

    def test_name_is_the_same_for_all_engines(self):
        # The server may be reached by several names, and secrets rotate.
        one, two = (locks.lock_name(configuration(url)) for url in (
            MYSQL, 'mysql+pymysql://other:new@localhost/nova_api'))
        self.assertEqual(one, two)

    def test_name_outside_of_the_database(self):
        one, two = (locks.lock_name(configuration(
            url, coordination_url='etcd3+http://h:2379'))
            for url in ('mysql://h1/nova_api', 'mysql://h2/nova_api'))
        self.assertNotEqual(one, two)

    def test_alone_warns(self):
        for connection in ('sqlite://', None, 'no url with canary'):
            self.assertIsNone(locks.make_lock(
                configuration(connection), 'ctl'))
        self.assertEqual(3, self.log.output.count(
            'acts as if there were no other'))
        self.assertNotIn('canary', self.log.output)

    def test_no_pymysql(self):
        gone = {'pymysql': None, SESSION_LOCK: None}
        with mock.patch.dict(sys.modules, gone):
            self.assertIsNone(locks.make_lock(configuration(), 'ctl'))
        self.assertIn('PyMySQL is not installed', self.log.output)


class CoordinatedLockTest(testtools.TestCase):
    """Locks of tooz's other drivers."""

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())

    def test_file(self):
        folder = self.useFixture(fixtures.TempDir()).path
        conf = configuration('sqlite://', coordination_url=f'file://{folder}')
        one = locks.make_lock(conf, 'one')
        two = locks.make_lock(conf, 'two')
        self.assertFalse(one.is_still_owner())
        self.assertTrue(one.acquire(blocking=False))
        self.assertTrue(one.is_still_owner())
        self.assertFalse(two.acquire(blocking=False))
        self.assertTrue(one.release())
        self.assertTrue(two.acquire(blocking=False))
        self.assertTrue(two.release())

    def test_unreachable(self):
        reconciler = mock.create_autospec(
            tooz_coordination.CoordinationDriver, instance=True)
        reconciler.start.side_effect = (
            tooz_coordination.ToozConnectionError('refused'))
        self.assertRaises(tooz.ToozError, locks.CoordinatedLock,
                          reconciler, b'name')

    def _lock(self, **values):
        kept = types.SimpleNamespace(**values)
        reconciler = mock.create_autospec(
            tooz_coordination.CoordinationDriver, instance=True)
        reconciler.get_lock.return_value = kept
        return locks.CoordinatedLock(reconciler, b'x'), reconciler

    def test_driver_that_cannot_say_whose_it_is(self):
        silent = mock.Mock(side_effect=tooz.NotImplemented)
        for values, owned in (
                ({'heartbeat': lambda: True, 'acquired': False}, True),
                ({'heartbeat': lambda: False, 'acquired': True}, False),
                ({'acquired': True}, True), ({'acquired': False}, False)):
            lock, _ = self._lock(is_still_owner=silent, **values)
            self.assertIs(owned, lock.is_still_owner(), values)

    def test_release_disconnects_in_any_case(self):
        lock, reconciler = self._lock(
            release=mock.Mock(side_effect=tooz.ToozError('gone')))
        self.assertRaises(tooz.ToozError, lock.release)
        reconciler.stop.assert_called_once_with()
        reconciler.start.assert_called_once_with(start_heart=True)


class FakeError(Exception):
    """pymysql.MySQLError."""


class FakeConnection:
    """A connection to a server that knows GET_LOCK."""

    def __init__(self, **arguments):
        self.arguments = arguments
        self.open = False
        self.asked = []
        self.answer = (1,)

    def connect(self):
        self.open = True

    def close(self):
        if not self.open:
            raise FakeError('Already closed')
        self.open = False

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    def execute(self, statement, arguments):
        self.asked.append((statement, arguments))
        if isinstance(self.answer, Exception):
            raise self.answer

    def fetchone(self):
        return self.answer


class SessionLockTest(testtools.TestCase):
    """The lock of MySQL and MariaDB."""

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())
        fake = types.ModuleType('pymysql')
        fake.MySQLError = FakeError
        fake.Connect = fake.Connection = FakeConnection
        fake.err = fake
        modules = mock.patch.dict(sys.modules, {'pymysql': fake})
        modules.start()
        self.addCleanup(modules.stop)
        # A package goes on knowing the modules that were imported of it.
        for name in ('tooz.drivers.mysql', SESSION_LOCK):
            sys.modules.pop(name, None)
            importlib.import_module(name)
            package, _dot, module = name.rpartition('.')
            self.addCleanup(delattr, sys.modules[package], module)

    def lock(self, **values):
        return locks.make_lock(configuration(**values), 'ctl')

    def test_connection(self):
        lock = self.lock(
            connection=MYSQL + '&read_timeout=999&ssl_ca=/ca.pem',
            connection_parameters='unix_socket=/sock', leader_timeout=40)
        seen = lock._conn.arguments
        wanted = {'host': 'db', 'port': 3307, 'user': 'nova',
                  'password': 'can@ary/', 'charset': 'utf8',
                  'unix_socket': '/sock', 'ssl': {'ca': '/ca.pem'},
                  'connect_timeout': 10, 'read_timeout': 10,
                  'write_timeout': 10, 'autocommit': True,
                  'defer_connect': True,
                  'init_command': 'SET SESSION wait_timeout = 120'}
        self.assertEqual(wanted, {key: seen.get(key) for key in wanted})
        self.assertFalse(lock._conn.open)

    def test_shortest_timeout(self):
        seen = self.lock(leader_timeout=4)._conn.arguments
        self.assertEqual(1, seen['read_timeout'])

    def test_driver_of_the_url_does_not_matter(self):
        for driver in ('mysql', 'mysql+mysqldb', 'mariadb+pymysql'):
            lock = self.lock(connection=f'{driver}://u:p@h/d')
            self.assertEqual('h', lock._conn.arguments['host'])

    def test_held(self):
        lock = self.lock()
        self.assertFalse(lock.is_still_owner())
        self.assertEqual([], lock._conn.asked)
        self.assertTrue(lock.acquire(blocking=False))
        self.assertTrue(lock.is_still_owner())
        self.assertEqual(
            ('SELECT IS_USED_LOCK(%s) = CONNECTION_ID()', (lock.name,)),
            lock._conn.asked[-1])
        self.assertTrue(lock.release())
        self.assertFalse(lock._conn.open)
        self.assertFalse(lock.is_still_owner())

    def test_had_by_another(self):
        lock = self.lock()
        lock._conn.answer = (0,)
        self.assertFalse(lock.acquire(blocking=False))
        self.assertFalse(lock._conn.open)

    def test_not_ours_any_more(self):
        for answer in ((0,), (None,), None):
            lock = self.lock()
            lock.acquire(blocking=False)
            lock._conn.answer = answer
            self.assertFalse(lock.is_still_owner())

    def test_lost(self):
        lock = self.lock()
        lock.acquire(blocking=False)
        lock._conn.answer = FakeError('gone away')
        self.assertFalse(lock.is_still_owner())
        self.assertFalse(lock.acquired)
        self.assertFalse(lock._conn.open)
        self.assertFalse(lock.release())

    def test_release_fails(self):
        lock = self.lock()
        lock.acquire(blocking=False)
        lock._conn.answer = FakeError('gone away')
        self.assertFalse(lock.release())
        self.assertFalse(lock.acquired)
        self.assertFalse(lock._conn.open)

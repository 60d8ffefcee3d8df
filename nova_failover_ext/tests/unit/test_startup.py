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

"""Starting from nova.conf, good or bad."""

from unittest import mock

import ddt
import fixtures
import nova.conf
from nova.db.api import api as api_db
from nova.db.main import api as main_db
from nova import monkey_patch
from nova import objects
from nova import rpc
from oslo_config import cfg
import oslo_messaging as messaging
import testtools

from nova_failover_ext.engine import cmd
from nova_failover_ext import exception
from nova_failover_ext import startup

GOOD = """
[DEFAULT]
transport_url = fake:///
[api_database]
connection = sqlite://
[database]
connection = sqlite://
"""


@ddt.ddt
class ConfigureTest(testtools.TestCase):
    """Reading nova.conf."""

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir())
        self.addCleanup(nova.conf.CONF.reset)
        for owner, name in ((api_db, 'configure'), (main_db, 'configure'),
                            (objects, 'register_all')):
            self._patch(owner, name)
        self.init = self._patch(rpc, 'init')

    def _patch(self, owner, name):
        patcher = mock.patch.object(owner, name, autospec=True)
        self.addCleanup(patcher.stop)
        return patcher.start()

    def _configure(self, text, overrides=None):
        path = self.folder.join('nova.conf')
        with open(path, 'w') as stream:
            stream.write(text)
        return startup.configure(['prog', '--config-file', path],
                                 overrides or {})

    def test_good(self):
        conf = self._configure(GOOD, {('database', 'max_retries'): 1})
        self.assertEqual(1, conf.database.max_retries)
        self.assertEqual(10, conf.failover_engine.reconcile_interval)
        self.assertEqual(30, conf.cinder.timeout)
        main_db.configure.assert_called_once_with(conf)
        api_db.configure.assert_called_once_with(conf)
        self.init.assert_called_once_with(conf)

    def test_the_operators_cinder_timeout_counts(self):
        conf = self._configure(GOOD + '[cinder]\ntimeout = 7\n')
        self.assertEqual(7, conf.cinder.timeout)

    def test_drivers_do_not_wait_for_ever(self):
        conf = self._configure(
            GOOD.replace('sqlite', 'mysql+pymysql')
            + '[failover_engine]\ncell_timeout = 7\n')
        self.assertEqual(
            ['read_timeout=28&write_timeout=28'] * 2,
            [conf.database.connection_parameters,
             conf.api_database.connection_parameters])

    def test_what_the_operator_tells_drivers_counts(self):
        conf = self._configure(
            GOOD.replace('sqlite', 'mysql+pymysql').replace(
                '[database]', '[database]\n'
                'connection_parameters = a=b&read_timeout=7'))
        self.assertEqual('a=b&read_timeout=7&write_timeout=60',
                         conf.database.connection_parameters)

    def test_drivers_that_have_no_such_parameter(self):
        conf = self._configure(GOOD)
        self.assertEqual('', conf.database.connection_parameters)

    @ddt.data(
        (GOOD.replace('[api_database]\n', ''), '[api_database] connection'),
        ('', '[api_database] connection is not set'),
        ('[DEFAULT', 'Failed to parse'),
        (GOOD + '[failover_engine]\nmax_in_flight = 0\n', 'max_in_flight'))
    @ddt.unpack
    def test_bad(self, text, reason):
        error = self.assertRaises(
            exception.ConfigurationInvalid, self._configure, text)
        self.assertIn(reason, str(error))
        self.assertNotIn('\n', str(error))

    @ddt.data(messaging.InvalidTransportURL('rabbit://u:CANARY@h', 'bad'),
              ValueError('CANARY'))
    def test_bad_bus(self, error):
        self.init.side_effect = error
        error = self.assertRaises(
            exception.ConfigurationInvalid, self._configure, GOOD)
        self.assertNotIn('CANARY', str(error))

    def test_no_such_file(self):
        error = self.assertRaises(
            exception.ConfigurationInvalid, startup.configure,
            ['prog', '--config-file', '/no/such/nova.conf'], {})
        self.assertIn('/no/such/nova.conf', str(error))


class ChooseThreadsTest(testtools.TestCase):
    """Each Nova release its own way."""

    def test_nova_33_and_later(self):
        with mock.patch.object(monkey_patch, 'patch',
                               autospec=True) as patch:
            startup.choose_threads()
        patch.assert_called_once_with(backend='threading')

    def test_nova_32(self):
        with mock.patch.object(monkey_patch, 'patch',
                               new=mock.create_autospec(lambda: None)
                               ) as patch:
            startup.choose_threads()
        patch.assert_called_once_with()

    def test_nova_31(self):
        with mock.patch.object(monkey_patch, 'patch', new=None):
            startup.choose_threads()

    def test_a_configuration_that_cannot_be_read(self):
        with mock.patch.object(monkey_patch, 'patch',
                               autospec=True) as patch:
            patch.side_effect = cfg.ConfigFilesNotFoundError(['x'])
            self.assertRaises(exception.ConfigurationInvalid,
                              startup.choose_threads)


class EngineMainTest(testtools.TestCase):
    """The console script of the engine."""

    def test_a_configuration_that_cannot_be_used(self):
        stderr = self.useFixture(fixtures.StringStream('stderr')).stream
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', stderr))
        with mock.patch.object(startup, 'choose_threads',
                               autospec=True) as choose:
            choose.side_effect = exception.ConfigurationInvalid(reason='x')
            self.assertEqual(3, cmd.main())

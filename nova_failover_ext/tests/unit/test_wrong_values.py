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

"""Every option with every kind of wrong value, as each program meets it."""

import io
from unittest import mock

import ddt
import fixtures
import nova.conf
from nova.db.api import api as api_db
from nova.db.main import api as main_db
from nova import monkey_patch
from nova import objects
from nova import rpc
from oslo_config import types
import testtools

from nova_failover_ext.cli import main as cli
from nova_failover_ext import conf as own_conf
from nova_failover_ext.engine import cmd as engine_cmd
from nova_failover_ext import startup
from nova_failover_ext.tests.unit import test_startup

#: It refers to an option that is not there.
NOWHERE = '$no_such_option'
#: Options of which any text is right, but for what is named here.
FREE_TEXT = {'notification_exchange': [''], 'notification_pool': []}
URLS = {
    'transport_url': ['CANARY', 'nosuch://u:CANARY@h/',
                      'rabbit://u:CANARY@h:x/', 'rabbit://u:CANARY@['],
    'coordination_url': ['CANARY', 'nosuch://u:CANARY@h',
                         'etcd3+http://u:CANARY@['],
    'connection': ['', 'CANARY', 'nosuch://u:CANARY@h/x',
                   'mysql+nosuch://u:CANARY@h/x',
                   'mysql+pymysql://u:CANARY@h:x/y']}
BY_NAME = {**FREE_TEXT, **URLS}
BY_TYPE = {
    types.Boolean: ['', 'maybe'],
    types.Dict: ['one', 'one:two,three', ':two', 'one:'],
    types.List: ['', ',', 'one,,two'],
    types.HostAddress: ['', 'not a host', '1.2.3.4.5']}


def compute_cmd():
    """Import the program of compute hosts, which would choose threads."""
    with mock.patch.object(monkey_patch, 'patch', create=True,
                           new=lambda backend=None: None):
        from nova_failover_ext.compute import cmd
    return cmd


def wrong_values(option):
    """Return values that an option must refuse, as an operator writes them.

    :param option: any option of this package
    """
    kind = option.type
    if option.name in BY_NAME:
        return [*BY_NAME[option.name], NOWHERE]
    if isinstance(kind, types.Number):
        return ['', 'many', 'nan', 'inf', NOWHERE,
                str(kind.min - 1), str(kind.max + 1)]
    if getattr(kind, 'choices', None):
        return ['', 'nonsense', NOWHERE]
    known = BY_TYPE.get(type(kind))
    return [*known, NOWHERE] if known else []


class ProgramTestCase(testtools.TestCase):
    """Runs programs of ours up to their own work."""

    def setUp(self):
        super().setUp()
        self.addCleanup(nova.conf.CONF.reset)
        # The command leaves a handler behind.
        self.useFixture(fixtures.FakeLogger())
        self.path = self.useFixture(fixtures.TempDir()).join('nova.conf')
        for owner, name in (
                (api_db, 'configure'), (main_db, 'configure'),
                (objects, 'register_all'), (rpc, 'init'),
                (startup, 'choose_threads')):
            self._patch(owner, name)
        self.compute_cmd = compute_cmd()
        self.nova_compute = self._patch(self.compute_cmd.compute, 'main')
        self.useFixture(fixtures.MonkeyPatch('sys.argv', [
            'program', '--config-file', self.path]))

    def _patch(self, owner, name):
        return self.useFixture(fixtures.MockPatchObject(
            owner, name, autospec=True)).mock

    def _refused(self, program, text):
        with open(self.path, 'w') as stream:
            stream.write(test_startup.GOOD + text)
        nova.conf.CONF.reset()
        with mock.patch('sys.stderr', io.StringIO()) as stderr:
            code = program()
        [line] = stderr.getvalue().splitlines()
        self.assertNotIn('LocationInfo', line)
        return code, line

    def _command(self):
        return cli.main(['--config-file', self.path, 'plan', 'b'])


@ddt.ddt
class EachOptionTest(ProgramTestCase):
    """One sentence and exit code 3, and no password in it."""

    def _walk(self, program, groups):
        for group, options in own_conf.list_opts():
            if group.name not in groups:
                continue
            for option in options:
                wrong = wrong_values(option)
                self.assertTrue(wrong, option.name)
                for value in wrong:
                    self._one(program, group.name, option, value)

    def _one(self, program, group, option, value):
        code, line = self._refused(
            program, f'[{group}]\n{option.name} = {value}\n')
        name = f'[{group}] {option.name}'
        shown = '' if option.secret else f' = {value!r}'
        self.assertEqual(3, code)
        self.assertIn(f'{name}{shown} in {self.path}: ', line)
        self.assertNotIn('CANARY', line)

    def test_engine(self):
        self._walk(engine_cmd.main,
                   {'failover', 'failover_compute', 'failover_engine'})

    def test_compute(self):
        self._walk(self.compute_cmd.main, {'failover', 'failover_compute'})
        self.nova_compute.assert_not_called()

    def test_command(self):
        self._walk(self._command,
                   {'failover', 'failover_compute', 'failover_engine'})


class SentenceTest(ProgramTestCase):
    """What an operator reads."""

    def test_a_number(self):
        self._assert_refused(
            'nova-failover-engine: ',
            f"[failover_engine] scan_workers = '0' in {self.path}: "
            'should be greater than or equal to 1.',
            engine_cmd.main, '[failover_engine]\nscan_workers = 0\n')

    def test_an_empty_value(self):
        self._assert_refused(
            'nova-compute-failover: ',
            f"[failover_compute] reach_timeout = '' in {self.path}: "
            'it needs a value.',
            self.compute_cmd.main, '[failover_compute]\nreach_timeout =\n')

    def test_a_url(self):
        self._assert_refused(
            '', f'[failover_engine] connection in {self.path}: '
            'it makes no sense (NoSuchModuleError).',
            self._command,
            '[failover_engine]\nconnection = nosuch://u:CANARY@h/x\n')

    def _assert_refused(self, prefix, reason, program, text):
        code, line = self._refused(program, text)
        self.assertEqual(3, code)
        self.assertEqual(
            f'{prefix}The configuration cannot be used: {reason}', line)


class RightValuesTest(ProgramTestCase):
    """What a program does not refuse."""

    def _write(self, text):
        with open(self.path, 'w') as stream:
            stream.write(test_startup.GOOD + text)

    def test_a_library_that_is_missing(self):
        self._write('[failover_engine]\ncoordination_url = etcd3+http://h\n')
        with mock.patch('tooz.coordination.get_coordinator',
                        autospec=True) as get_coordinator:
            get_coordinator.side_effect = ImportError
            startup.configure(['program', '--config-file', self.path], {})
        get_coordinator.assert_called_once_with('etcd3+http://h', mock.ANY)

    def test_a_compute_host_does_not_read_what_the_engine_does(self):
        self._write('[failover_engine]\nmax_in_flight = many\n')
        self.assertEqual(0, self.compute_cmd.main())
        self.nova_compute.assert_called_once_with()

    def test_nova_compute_can_read_its_configuration_again(self):
        self._write('[failover_compute]\nreach_timeout = 7\n')
        self.nova_compute.side_effect = lambda: startup.read(
            ['program', '--config-file', self.path], own_conf)
        self.assertEqual(0, self.compute_cmd.main())
        self.assertEqual(7, nova.conf.CONF.failover_compute.reach_timeout)

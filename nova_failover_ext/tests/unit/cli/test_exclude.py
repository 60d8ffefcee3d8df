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

"""``exclude``, ``include``, and what other commands say of exclusions."""

import json

import ddt

from nova_failover_ext.api import exclusions
from nova_failover_ext.cli import errors
from nova_failover_ext.cli import exclude
from nova_failover_ext.cli import pausing
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine import model
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.api import test_exclusions
from nova_failover_ext.tests.unit.cli import test_commands

exclusion = test_exclusions.exclusion
said = test_exclusions.said
Kind = exclusions.Kind
NONE = 'No server with a volume of node@rbd is all of what was asked for.'
PROJECT = exclusion('p-server', Kind.PROJECT, name='demo')


class ExcludeTestCase(test_commands.NamedCommandsTestCase):
    """Runs the two, whatever entry points the installation has."""

    COMMANDS = {'exclude': exclude.Exclude, 'include': exclude.Include}

    def setUp(self):
        super().setUp()
        self._patch(pausing, 'operator').return_value = ('jo', 'ctl1')
        self.engine.exclude.return_value = said(exclusion())
        self.engine.include.return_value = said()
        self.named = self._patch(nova_reader.NovaReader, 'servers_named')
        self.named.return_value = ({'s1': 'web'}, [])
        self.groups = self._patch(nova_reader.NovaReader, 'host_groups')
        self.groups.return_value = model.HostGroups(
            frozenset({'compute1'}),
            (model.Aggregate('7', 'racks', frozenset({'compute1'})),),
            {'az1': frozenset({'compute1'})})
        self._patch(nova_reader.NovaReader, 'has_project').return_value = False
        self.projects.side_effect = None
        self.projects.return_value = ('p-server', 'demo')


@ddt.ddt
class ExcludeTest(ExcludeTestCase):
    """``exclude``."""

    def _asked(self):
        (call,) = self.engine.exclude.call_args_list
        return call.args[0]

    @ddt.data(('server', 'web', 's1', 'web'),
              ('project', 'demo', 'p-server', 'demo'),
              ('host', 'compute1', 'compute1', 'compute1'),
              ('aggregate', 'racks', '7', 'racks'),
              ('availability-zone', 'az1', 'az1', 'az1'))
    @ddt.unpack
    def test_exclude(self, kind, text, target, name):
        code, out, err = self._run('exclude', '--%s' % kind, text,
                                   '--reason', 'is migrated', '-f', 'json')
        self.assertEqual(0, code)
        self.assertEqual(
            {'kind': kind, 'target': target, 'name': name,
             'reason': 'is migrated', 'user': 'jo', 'host': 'ctl1',
             'until': None, 'hosts': []}, self._asked())
        self.assertEqual([{
            'Kind': 'server', 'ID': 'server', 'Name': 'server',
            'Since': '2026-11-26T22:00:05+00:00', 'Until': '',
            'By': 'jo@ctl1', 'Reason': 'is migrated'}], json.loads(out))
        self.assertIn('What is in flight goes on.\n', err)
        self.assertEqual(1, len(err.splitlines()))

    def test_until(self):
        self._run('exclude', '--host', 'compute1', '--reason', 'x',
                  '--until', '2999-01-02T03:04+02:00')
        self.assertEqual('2999-01-02T01:04:00', self._asked()['until'])

    @ddt.data(('--host', 'compute1'), ('--reason', 'x'),
              ('--host', 'compute1', '--server', 'web', '--reason', 'x'),
              ('--host', 'compute1', '--reason', 'x', '--until', 'soon'))
    def test_usage(self, argv):
        error = self.assertRaises(SystemExit, self._run, 'exclude', *argv)
        self.assertEqual(2, error.code)
        self.configure.assert_not_called()
        self.engine.exclude.assert_not_called()

    @ddt.data(('--host', 'h', '--reason', ' '), ('--host', '', '--reason',
                                                 'x'),
              ('--host', 'h', '--reason', 'x' * 1001),
              ('--host', 'h', '--reason', 'x', '--until', '2020-01-01'))
    def test_nonsense(self, argv):
        code, out, err = self._run('exclude', *argv)
        self.assertEqual((2, '', 1), (code, out, len(err.splitlines())))
        self.configure.assert_not_called()
        self.engine.exclude.assert_not_called()

    @ddt.data(('host', 'There is no compute host odd.'),
              ('aggregate', 'There is no aggregate odd.'),
              ('availability-zone', 'There is no availability zone odd.'),
              ('server', 'There is no server odd.'))
    @ddt.unpack
    def test_what_is_not_there(self, kind, text):
        self.named.return_value = ({}, [])
        self.assertEqual(
            (8, '', text + '\n'),
            self._run('exclude', '--%s' % kind, 'odd', '--reason', 'x'))
        self.engine.exclude.assert_not_called()

    @ddt.data((errors.Excluded('It is.'), 10),
              (exception.DecisionsUnavailable(reason='down'), 3),
              (exception.EngineUnavailable(seconds=3), 3))
    @ddt.unpack
    def test_what_the_engine_refuses(self, error, expected):
        self.engine.exclude.side_effect = error
        self.assertEqual(
            (expected, '', '%s\n' % error),
            self._run('exclude', '--host', 'compute1', '--reason', 'x'))


@ddt.ddt
class IncludeTest(ExcludeTestCase):
    """``include``."""

    def test_include(self):
        code, out, err = self._run('include', '--availability-zone', 'az1',
                                   '-f', 'json')
        self.assertEqual(
            (0, [], 'The availability zone az1 is no longer excluded.\n'),
            (code, json.loads(out), err))
        self.engine.include.assert_called_once_with(
            'availability-zone', 'az1', 'jo@ctl1')
        # What is gone can be included.
        self.groups.assert_not_called()

    def test_what_is_not_excluded(self):
        self.engine.include.side_effect = errors.NotFound('It is not.')
        self.assertEqual((8, '', 'It is not.\n'),
                         self._run('include', '--server', 'web'))

    @ddt.data('exclude', 'include')
    def test_help(self, name):
        code, text, _err = self._run(name, '--help')
        self.assertEqual(0, code)
        for word in ('Change', 'Needs', 'exit codes:\n  0  done\n'):
            self.assertIn(word, text)


@ddt.ddt
class OthersTest(ExcludeTestCase):
    """What other commands say of a project that is excluded."""

    def setUp(self):
        super().setUp()
        self.engine.health.return_value = said(PROJECT)
        self.read.return_value = test_commands.records(None, None)

    @ddt.data((), ('--rehearse',))
    def test_plan(self, options):
        rows = self._json('plan', 'b', *options)
        self.assertEqual(
            [('server', 'exclude'), ('server-2', 'recover')],
            sorted((row['Server'], row['Verdict']) for row in rows))
        self.assertIn('exclude 1', self.stderr.getvalue())

    def test_a_plan_without_an_engine(self):
        self.engine.health.side_effect = exception.EngineUnavailable(seconds=3)
        rows = self._json('plan', 'b')
        self.assertEqual({'recover'}, {row['Verdict'] for row in rows})
        self.assertIn('What only an engine knows is missing here',
                      self.stderr.getvalue())

    def test_status(self):
        row = self._json('status', 'b')[0]
        self.assertEqual(
            ('server', 'excluded'), (row['Server'], row['State']))
        self.assertEqual('its project demo (p-server) is excluded by '
                         'jo@ctl1: is migrated', row['Reason'])

    def test_status_of_all(self):
        (row,) = self._json('status')
        self.assertEqual((2, '1 server is excluded'),
                         (row['Remaining'], row['Waiting For']))
        self.assertIn('%s.\n' % PROJECT, self.stderr.getvalue())

    def test_an_excluded_server_has_not_converged(self):
        self.read.return_value = test_commands.records(None)
        self.assertEqual(11, self._run('status', 'b', '--check')[0])
        self.assertEqual(11, self._run('status', '--check')[0])

    def test_recover_names_them(self):
        code, _out, err = self._run('recover', 'b')
        self.assertEqual(0, code)
        self.assertIn('1 server of node@rbd: excluded. To see who', err)

    def test_recover_waits_for_none_of_them(self):
        self.read.return_value = test_commands.records(
            None, test_commands.RIGHT)
        code, out, _err = self._run('recover', 'b', '--wait', '-f', 'json')
        self.assertEqual(0, code)
        self.assertEqual({'excluded', 'converged'},
                         {row['State'] for row in json.loads(out)})

    def test_an_engine_that_is_lost_meanwhile(self):
        self.engine.health.side_effect = [
            said(PROJECT), exception.EngineUnavailable(seconds=3)]
        self.assertEqual(0, self._run('recover', 'b')[0])

    def test_recover_refuses_what_is_named(self):
        code, out, err = self._run('recover', 'b', '--server', 'web-server')
        self.assertEqual(
            (10, '', 'Server web-server is left alone: %s. To recover it, '
             'run "nova-failover include --project p-server" first.\n'
             % PROJECT), (code, out, err))
        self.engine.recover.assert_not_called()

    def test_a_dry_run(self):
        rows = self._json('recover', 'b', '--dry-run', '--limit', '1')
        self.assertEqual(['exclude', 'recover'],
                         [row['Verdict'] for row in rows])


@ddt.ddt
class SelectionTest(ExcludeTestCase):
    """``plan`` and ``recover`` select by the same things."""

    @ddt.data(('--project', 'demo'), ('--aggregate', 'racks'),
              ('--aggregate', '7'), ('--availability-zone', 'az1'),
              ('--aggregate', '7', '--availability-zone', 'az1'),
              ('--aggregate', '7', '--server', 'web-server'))
    def test_found(self, options):
        self.assertEqual(['server'], [row['Server'] for row in self._json(
            'plan', 'b', *options)])
        self._run('recover', 'b', *options)
        (call,) = self.engine.recover.call_args_list
        request = call.args[0]
        self.assertTrue(request.servers == ('server',)
                        or request.projects == ('p-server',))

    @ddt.data((('--aggregate', 'odd'), 'There is no aggregate odd.'),
              (('--availability-zone', 'odd'),
               'There is no availability zone odd.'),
              (('--availability-zone', 'far'), NONE),
              (('--project', 'odd'), 'There is no project odd.'))
    @ddt.unpack
    def test_not_found(self, options, text):
        self.projects.side_effect = errors.NotFound(
            'There is no project odd.')
        self.groups.return_value.zones['far'] = frozenset()
        for command in 'plan', 'recover':
            self.stderr.truncate(self.stderr.seek(0))
            self.assertEqual((8, '', text + '\n'),
                             self._run(command, 'b', *options))
        self.engine.recover.assert_not_called()

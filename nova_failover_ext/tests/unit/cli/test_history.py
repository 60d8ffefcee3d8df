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

"""``history`` and ``report`` as an operator types them."""

import datetime
import pathlib

import ddt
import fixtures

from nova_failover_ext.api import acts
from nova_failover_ext.api import cell_problem
from nova_failover_ext.cli import exitcodes
from nova_failover_ext import exception
from nova_failover_ext.history import action_reader
from nova_failover_ext.history import outcomes
from nova_failover_ext import report
from nova_failover_ext.tests.unit.api import test_acts
from nova_failover_ext.tests.unit.cli import test_commands
from nova_failover_ext.tests.unit.engine import fakes

NOON = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
LATER = NOON + datetime.timedelta(seconds=42)
PROBLEM = cell_problem.CellProblem('cell1', 'gone')


def server(name, result='Success', details=''):
    """Return what a failover has meant for a server."""
    return outcomes.ServerHistory(
        name, 'web', 'p', 'compute1', fakes.CELL, NOON,
        (outcomes.Try(NOON, LATER, 'compute1', result, details),))


class HistoryTestCase(test_commands.CommandsTestCase):
    """With what Nova's databases might tell."""

    def setUp(self):
        super().setUp()
        self.failovers = self._patch(action_reader.HistoryReader, 'failovers')
        self.failovers.return_value = ([outcomes.Failover(
            fakes.FAILOVER_ID, NOON, LATER, 5, 2, 1, 1, 1)], [])
        self.servers = self._patch(action_reader.HistoryReader, 'servers')
        self.servers.return_value = (
            [server('a'), server('b', 'Error', 'no path')], [])
        self.named = self._patch(action_reader.HistoryReader, 'named')
        known = {'a': 'db', 'b': 'db2', 'server': 'web', 'old': 'web'}
        self.named.side_effect = lambda _reader, names: ({
            server_id: name for server_id, name in known.items()
            if server_id in names or name in names}, [])


@ddt.ddt
class HistoryTest(HistoryTestCase):
    """Lists, and one failover."""

    def test_list(self):
        (row,) = self._json('history')
        self.assertEqual(
            {'Failover': fakes.FAILOVER_ID, 'Deferred': 1, 'Failed': 1,
             'Started': '2026-11-23T12:00:00+00:00', 'Servers': 5,
             'Last': '2026-11-23T12:00:42+00:00', 'Recovered': 2, 'Open': 1},
            row)
        self.assertIsNone(self.failovers.call_args.args[2])

    def test_since(self):
        self._run('history', '--since', '2026-11-23T12:00:00')
        self.assertEqual(NOON, self.failovers.call_args.args[1])

    def test_acts(self):
        self.engine.acts.return_value = [test_acts.act().to_primitive()]
        (row,) = self._json('history', '--acts', '--since',
                            '2026-11-23T13:00:00+01:00')
        self.assertEqual(
            {'When': '2026-11-26T22:00:05+00:00', 'By': 'jo@ctl1',
             'What': 'pause', 'Subject': 'node@rbd', 'Reason': 'array ill'},
            row)
        self.engine.acts.assert_called_once_with('2026-11-23T12:00:00')
        self.failovers.assert_not_called()

    def test_more_acts_than_an_answer_holds(self):
        self.engine.acts.return_value = [
            test_acts.act().to_primitive()] * acts.MOST_ACTS
        _code, _out, err = self._run('history', '--acts')
        self.assertIn('Only the latest 1000 are shown.', err)

    @ddt.data(['req-1'], ['--server', 'a'], ['--backend', 'b'])
    def test_acts_of_something(self, arguments):
        code, _out, err = self._run('history', '--acts', *arguments)
        self.assertEqual(exitcodes.USAGE, code)
        self.assertIn('--since only', err)
        self.engine.acts.assert_not_called()

    def test_since_nonsense(self):
        error = self.assertRaises(SystemExit, self._run, 'history',
                                  '--since', 'soon')
        self.assertEqual(2, error.code)

    @ddt.data((('--server', 'a'), {'a'}),
              (('--server', 'web'), {'server', 'old'}),
              (('--server', 'web', '--server', 'a'), {'server', 'old', 'a'}),
              (('--backend', 'b'), {'server', 'server-2'}),
              (('--backend', 'b', '--server', 'server'), {'server'}),
              (('--backend', 'b', '--server', 'web'), {'server'}),
              (('--backend', 'b', '--server', 'a'), set()))
    @ddt.unpack
    def test_of_some_servers(self, argv, expected):
        self.read.return_value = test_commands.records(None, None)
        self._run('history', *argv)
        self.assertEqual(expected, self.failovers.call_args.args[2])

    @ddt.data((), (fakes.FAILOVER_ID,), ('--backend', 'b'))
    def test_no_such_server(self, argv):
        self.read.return_value = test_commands.records(None)
        self.assertEqual(
            (8, '', 'Nova knows of no server nobody, nothing.\n'),
            self._run('history', *argv, '--server', 'nothing', '--server',
                      'web', '--server', 'nobody'))

    def test_a_name_that_nobody_can_look_up(self):
        self.named.side_effect = lambda *_args: ({}, [PROBLEM])
        self.assertEqual(
            (3, '', 'The Nova database cannot be read: gone.\n'),
            self._run('history', '--server', 'web'))

    def test_one_failover(self):
        rows = self._json('history', fakes.FAILOVER_ID)
        self.assertEqual(
            [('a', 'converged', 1, 42.0, ''),
             ('b', 'failed', 1, '', 'no path')],
            [(r['Server'], r['State'], r['Tries'], r['Seconds'], r['Reason'])
             for r in rows])

    def test_one_server_of_one_failover(self):
        rows = self._json('history', fakes.FAILOVER_ID, '--server', 'b')
        self.assertEqual(['b'], [row['Server'] for row in rows])

    @ddt.data(('history', 'req-x'), ('report', 'req-x', '-o', 'x.html'))
    def test_no_such_failover(self, argv):
        self.servers.return_value = ([], [])
        code, out, err = self._run(*argv)
        self.assertEqual((8, ''), (code, out))
        self.assertIn('no failover req-x;', err)

    @ddt.data(('history',), ('history', 'req-x'),
              ('report', 'req-x', '-o', 'x.html'))
    def test_cells_that_are_down(self, argv):
        self.failovers.return_value = ([], [PROBLEM])
        self.servers.return_value = ([], [PROBLEM])
        self.assertEqual(
            (3, '', 'The Nova database cannot be read: gone.\n'),
            self._run(*argv))
        self.cells.return_value = [object(), object()]
        self.assertIn('cell cell1 are missing', self._run(*argv)[2])

    def test_the_api_database_is_down(self):
        error = exception.DatabaseUnavailable(reason='gone')
        self.failovers.side_effect = error
        self.assertEqual((3, '', '%s\n' % error), self._run('history'))


class ReportTest(HistoryTestCase):
    """The page, of which another package knows what is in it."""

    def setUp(self):
        super().setUp()
        self.render = self._patch(report, 'render')
        self.render.return_value = '<p>page</p>'
        self.file = pathlib.Path(self.useFixture(
            fixtures.TempDir()).path) / 'x.html'

    def _data(self):
        return self.render.call_args.args[0]

    def test_page(self):
        (row,) = self._json('report', 'req', '-o', str(self.file))
        self.assertEqual(
            {'Failover': 'req', 'Servers': 2, 'Recovered': 1, 'Remaining': 1,
             'File': str(self.file)}, row)
        self.assertEqual('<p>page</p>', self.file.read_text())
        self.assertEqual(('req', ''), (self._data().failover_id,
                                       self._data().backend))

    def test_a_backend_and_when_it_was_lost(self):
        self._run('report', 'req', '-o', str(self.file), '--backend', 'b',
                  '--since', '2026-11-23T12:00')
        self.assertEqual((fakes.BACKEND, NOON),
                         (self._data().backend, self._data().lost_at))
        self.assertIn('server', [e.server_id for e in self._data().entries])

    def test_servers_that_the_engine_has_given_up(self):
        self.engine.status.return_value = {'servers': {
            'server': {'state': 'retries exhausted', 'reason': 'no path'},
            'other': {'state': 'deferred', 'reason': 'paused'}}}
        self._run('report', 'req', '-o', str(self.file), '--backend', 'b')
        entry, = [e for e in self._data().entries
                  if e.server_id == 'server']
        self.assertEqual(('retries exhausted', 'no path'),
                         (entry.state.value, entry.reason))

    def test_without_an_engine(self):
        self.engine.status.side_effect = exception.EngineUnavailable(
            seconds='3')
        code, _out, err = self._run('report', 'req', '-o', str(self.file),
                                    '--backend', 'b')
        self.assertEqual(0, code)
        self.assertIn('What only an engine knows is missing here', err)
        self.assertTrue(self.file.exists())

    def test_a_file_that_cannot_be_written(self):
        code, out, err = self._run('report', 'req', '-o',
                                   str(self.file / 'x'))
        self.assertEqual((3, '', 1), (code, out, len(err.splitlines())))
        self.assertIn('cannot be written', err)

    def test_no_file(self):
        error = self.assertRaises(SystemExit, self._run, 'report', 'req')
        self.assertEqual(2, error.code)

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


"""status as an operator, or a monitoring system, types it."""


import ddt

from nova_failover_ext.api import cell_problem
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import gate
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.api import test_pauses
from nova_failover_ext.tests.unit.cli import test_commands
from nova_failover_ext.tests.unit.engine import fakes

OTHER = test_commands.OTHER
RIGHT = test_commands.RIGHT
counts, records = test_commands.counts, test_commands.records


def remembered(**states):
    """Return what an engine remembers of servers: their states by id."""
    return {'servers': {name.replace('_', '-'): {'state': state}
                        for name, state in states.items()}}


class Unsearchable(list):
    """A list that nobody may search through."""

    def __contains__(self, _item):
        raise AssertionError('a search through a list')


@ddt.ddt
class StatusTest(test_commands.CommandsTestCase):
    """The tables."""

    def _shown(self, *argv):
        return [(row['Server'], row['Backend'])
                for row in self._json('status', *argv)]

    def test_status(self):
        self.engine.status.return_value = {'reason': 'gate', 'in_flight': [
            'server']}
        row = self._json('status', 'b')[0]
        self.assertEqual(('recovering', fakes.BACKEND),
                         (row['State'], row['Backend']))
        self.assertIn('The engine waits: gate', self.stderr.getvalue())

    def test_who_is_waited_for_at_a_barrier(self):
        many = [fakes.attachment(server=fakes.server(
            id='id-%d' % number, name='web-%d' % number,
            metadata=(('failover:priority', '1'),))) for number in range(7)]
        self.read.return_value = records(attachments=tuple(many))
        self.engine.status.return_value = {
            'awaited': ['id-0', 'id-1', 'id-2', 'gone']}
        self._run('status', 'b')
        self.assertIn('Less urgent servers wait for 3 servers of priority 1: '
                      'web-0, web-1, web-2.\n', self.stderr.getvalue())
        self.engine.status.return_value = {
            'awaited': ['id-%d' % number for number in range(7)]}
        self._run('status', 'b')
        self.assertIn('for 7 servers of priority 1: web-0, web-1, web-2, '
                      'web-3, web-4, and 2 more.\n', self.stderr.getvalue())

    def test_the_summary_comes_first(self):
        self.read.return_value = records(RIGHT, None, RIGHT)
        self._run('status', 'b')
        self.assertEqual(
            'node@rbd is on second (failed-over); 3 servers: 2 converged, '
            '1 unknown', self.stderr.getvalue().splitlines()[0])
        self._run('status')
        self.assertEqual(
            '3 servers: 2 converged, 1 unknown on replicated backends',
            self.stderr.getvalue().splitlines()[1])

    def test_all_backends(self):
        idle = model.Backend('node@lvm', (model.Member('node@lvm'),))
        self.backends.return_value = [idle, fakes.backend()]
        self.read.return_value = records(RIGHT, None)
        self.engine.progress.return_value = counts(
            in_flight=1, failover_id='req-1')
        (row,) = self._json('status')
        self.assertEqual(
            (fakes.BACKEND, 2, 1, 1, 1, 'req-1'),
            tuple(row[name] for name in ('Backend', 'Servers', 'Converged',
                                         'Remaining', 'In Flight',
                                         'Failover')))

    @ddt.data(exception.EngineUnavailable(seconds=3),
              exception.BrokerUnavailable(reason='x'))
    def test_without_an_engine(self, error):
        for method in ('status', 'progress', 'health'):
            getattr(self.engine, method).side_effect = error
        code, out, err = self._run('status', 'b')
        self.assertEqual(0, code)
        self.assertIn('unknown', out)
        self.assertIn('What only an engine knows is missing here: ', err)
        self.assertEqual(0, self._run('status')[0])

    def test_a_cell_that_is_missing(self):
        self.cells.return_value = [object(), object()]
        self.read.return_value = records(RIGHT, problems=(
            cell_problem.CellProblem('cell2', 'down'),))
        _code, _out, err = self._run('status', 'b')
        self.assertIn('The servers of cell cell2 are missing here: down', err)

    @ddt.data(
        (('--server', 'web-server-2'), ['server-2']),
        (('--server', 'server-2', '--server', 'server'),
         ['server', 'server-2']),
        (('--project', 'p-server-3'), ['server-3']),
        (('--host', 'compute1'), ['server', 'server-2', 'server-3']),
        (('--state', 'converged'), ['server-2']),
        (('--state', 'converged', '--state', 'unknown'),
         ['server', 'server-2', 'server-3']),
        (('--state', 'failed'), []),
        (('--host', 'compute1', '--project', 'p-server', '--state',
          'unknown'), ['server']),
        (('--server', 'server', '--project', 'p-server-2'), []))
    @ddt.unpack
    def test_filters(self, options, expected):
        self.read.return_value = records(None, RIGHT, None)
        wanted = [(server, fakes.BACKEND) for server in expected]
        self.assertEqual(wanted, self._shown('b', *options))
        self.stdout.truncate(self.stdout.seek(0))
        self.assertEqual(wanted, self._shown(*options))
        self.assertIn('%d server' % len(expected), self.stderr.getvalue())

    def test_filters_on_several_backends(self):
        other = model.Backend(OTHER, (fakes.member(host=OTHER),))
        self.backends.return_value = [fakes.backend(), other]
        self.read.side_effect = [
            records(None, backend=other), records(None, None)] * 3
        self.assertEqual([('server-2', fakes.BACKEND)],
                         self._shown('--server', 'server-2'))
        self.stdout.truncate(self.stdout.seek(0))
        self.assertEqual(
            [('server', OTHER), ('server', fakes.BACKEND)],
            self._shown('--server', 'web-server'))
        self.assertEqual(8, self._run('status', '--server', 'nobody')[0])

    @ddt.data(('b', '--server', 'nobody'), ('--server', 'nobody'),
              ('b', '--host', 'nobody'),
              ('b', '--server', 'server', '--server', 'nobody'))
    def test_nobody(self, argv):
        code, out, err = self._run('status', *argv)
        kind = argv[-2][2:]
        self.assertEqual(
            (8, '', 'No %s nobody has a volume of node@rbd.\n' % kind),
            (code, out, err))

    def test_by_the_name_of_a_project(self):
        self.projects.side_effect = None
        self.projects.return_value = ('p-server', 'shop')
        code, out, _err = self._run('status', 'b', '--project', 'shop')
        self.assertEqual(0, code)
        self.assertIn('web-server', out)
        self.projects.return_value = ('p-other', 'others')
        self.assertEqual(8, self._run('status', 'b', '--project',
                                      'others')[0])

    def test_by_the_hosts_of_a_zone(self):
        groups = self._patch(nova_reader.NovaReader, 'host_groups')
        groups.return_value = model.HostGroups(
            frozenset(('compute1', 'compute2')),
            zones={'here': frozenset(('compute1',)),
                   'there': frozenset(('compute2',))})
        self.assertEqual([('server', fakes.BACKEND)], self._shown(
            '--availability-zone', 'here'))
        self.stdout.truncate(self.stdout.seek(0))
        self.assertEqual([], self._shown('--availability-zone', 'there'))
        self.assertEqual(8, self._run('status', '--availability-zone',
                                      'nowhere')[0])

    def test_no_such_state(self):
        error = self.assertRaises(SystemExit, self._run, 'status',
                                  '--state', 'healed')
        self.assertEqual(2, error.code)

    def test_nothing_is_searched_once_for_each_server(self):
        # What an engine says of thousands is looked up for each of them.
        self.engine.status.return_value = {
            'waiting': Unsearchable(['server', 'server-2']),
            'in_flight': Unsearchable(['server-3'])}
        self.read.return_value = records(None, None, None)
        self.assertEqual(
            ['waiting', 'waiting', 'recovering'],
            [row['State'] for row in self._json('status', 'b')])


@ddt.ddt
class CheckTest(test_commands.CommandsTestCase):
    """The exit codes for monitoring."""

    def _codes(self, *argv):
        return [self._run('status', *backend, '--check', *argv)[0]
                for backend in (('b',), ())]

    @ddt.data(
        ((RIGHT,), {}, 0),
        ((), {}, 0),
        ((None,), {}, 5),
        ((None, RIGHT), {'in_flight': ['server']}, 5),
        ((None,), remembered(server='superseded'), 5),
        ((None,), remembered(server='deferred'), 11),
        ((None, None), {**remembered(server='deferred'),
                        'waiting': ['server-2']}, 5),
        ((None,), remembered(server='failed'), 12),
        ((None,), remembered(server='retries exhausted'), 12),
        ((None, None), {**remembered(server='failed'),
                        'waiting': ['server-2']}, 12))
    @ddt.unpack
    def test_states(self, stamps, said, expected):
        self.engine.status.return_value = said
        self.read.return_value = records(*stamps)
        self.assertEqual([expected] * 2, self._codes())
        self.assertEqual(0, self._run('status', 'b')[0])

    def test_only_of_what_is_shown(self):
        self.engine.status.return_value = remembered(
            server='failed', server_2='deferred')
        self.read.return_value = records(None, None, RIGHT)
        for name, code in (('server', 12), ('server-2', 11),
                           ('server-3', 0)):
            self.assertEqual([code] * 2, self._codes('--server', name))
        self.assertEqual([0] * 2, self._codes('--state', 'waiting'))

    @ddt.data({'gate': gate.Decision(open=False, reason='not yet')},
              {'problems': (cell_problem.CellProblem('c', 'down'),)})
    def test_unsettled(self, values):
        self.cells.return_value = [object(), object()]
        self.read.return_value = records(RIGHT, **values)
        self.assertEqual([5] * 2, self._codes())

    @ddt.data(RIGHT, None)
    def test_no_engine_answers(self, stamp):
        self.engine.health.side_effect = exception.EngineUnavailable(
            seconds=3)
        self.read.return_value = records(stamp)
        self.assertEqual([3] * 2, self._codes())

    @ddt.data((fakes.BACKEND, RIGHT, 9), ('', RIGHT, 9),
              (fakes.BACKEND, None, 9), (OTHER, RIGHT, 0))
    @ddt.unpack
    def test_paused(self, backend, stamp, expected):
        self.engine.health.return_value = {'pauses': [
            test_pauses.pause(backend).to_primitive()]}
        self.read.return_value = records(stamp)
        self.assertEqual([expected] * 2, self._codes())

    def test_what_failed_is_worse_than_a_pause(self):
        self.engine.health.return_value = {'pauses': [
            test_pauses.pause().to_primitive()]}
        self.engine.status.return_value = remembered(server='failed')
        self.assertEqual([12] * 2, self._codes())

    def test_nothing_is_replicated(self):
        self.backends.return_value = []
        self.assertEqual(0, self._run('status', '--check')[0])
        self.assertEqual([], self._json('status'))

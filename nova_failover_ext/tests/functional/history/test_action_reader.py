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


"""Past recoveries, read from Nova's own schema in two cells."""

import contextlib
import datetime
import types
from unittest import mock

import ddt
import nova.context
from nova import objects
from nova import test
from oslo_db import exception as db_exception
from oslo_utils import uuidutils
import sqlalchemy as sa

from nova_failover_ext.api import cell_problem
from nova_failover_ext.api import server_state
from nova_failover_ext import exception
from nova_failover_ext.history import action_reader
from nova_failover_ext.history import queries
from nova_failover_ext import nova_cells
from nova_failover_ext.recovery import instance_action
from nova_failover_ext.recovery import record

ServerState = server_state.ServerState
BEGIN = datetime.datetime(2026, 11, 23, 4, 31, 12, tzinfo=datetime.UTC)
LONG_AGO = BEGIN - datetime.timedelta(days=400)
CANARY = 'CANARY-9c1f'


def at(seconds):
    return BEGIN + datetime.timedelta(seconds=seconds)


@ddt.ddt
class HistoryReaderTest(test.TestCase):
    """What is told, and by how many statements."""

    NUMBER_OF_CELLS = 2

    def setUp(self):
        super().setUp()
        self.admin = nova.context.get_admin_context()
        self.reader = action_reader.HistoryReader(2)
        self.cells = nova_cells.all_cells()

    @contextlib.contextmanager
    def _cell(self, number, request_id='req-other'):
        with nova.context.target_cell(
                self.admin, self.cells[number]) as context:
            context.request_id = request_id
            yield context

    def _server(self, cell=0, **values):
        with self._cell(cell) as context:
            instance = objects.Instance(
                context, **{'uuid': uuidutils.generate_uuid(),
                            'host': 'compute%d' % cell,
                            'vm_state': 'active', 'display_name': 'web',
                            'project_id': 'p', **values})
            instance.create()
            return instance.uuid

    def _action(self, server_id, request_id, *results, cell=0, start=0,
                action=instance_action.ACTION):
        """Write an action with a try of 5 seconds each 10 seconds."""
        with self._cell(cell, request_id) as context:
            made = objects.InstanceAction.action_start(
                context, server_id, action)
            with context.db_connection.writer.using(context):
                context.session.execute(
                    sa.text('update instance_actions set start_time = :at '
                            'where id = :id'),
                    {'at': at(start).replace(tzinfo=None).isoformat(
                        ' ', 'microseconds'), 'id': made.id})
            for number, result in enumerate(results):
                begun = at(start + 10 * number)
                objects.InstanceActionEvent(
                    context, event=instance_action.EVENT, result=result,
                    host='compute%d' % cell, start_time=begun,
                    finish_time=begun + datetime.timedelta(seconds=5),
                    details="why, password='%s'" % CANARY,
                    traceback=CANARY).create(server_id, request_id)

    @contextlib.contextmanager
    def _counted(self, table='instance_actions'):
        statements = []

        def note(_conn, _cursor, statement, *_rest):
            if table in statement:
                statements.append(statement)

        sa.event.listen(sa.Engine, 'before_cursor_execute', note)
        try:
            yield statements
        finally:
            sa.event.remove(sa.Engine, 'before_cursor_execute', note)

    def test_the_words_of_the_compute_hosts(self):
        server = self._server()
        for end, why, state in (
                ('deferred', ('why',), ServerState.DEFERRED),
                ('succeeded', (), ServerState.CONVERGED),
                ('failed', ('why', ValueError('x')), ServerState.FAILED)):
            with self._cell(0, 'req-1') as context:
                own = record.Record(context, objects.Instance(
                    context, uuid=server), 'compute0')
                with mock.patch.object(record, 'instance_notifications',
                                       autospec=True):
                    getattr(own, end)(*why)
            [found], _problems = self.reader.servers('req-1')
            self.assertEqual(state, found.state)

    def test_servers_of_two_cells(self):
        ids = [self._server(), self._server(cell=1, display_name='db')]
        self._action(ids[0], 'req-1', 'Deferred', 'Success')
        self._action(ids[1], 'req-1', 'Error', cell=1, start=3)
        found, problems = self.reader.servers('req-1')
        self.assertEqual([], problems)
        self.assertEqual(
            [(ids[0], 'web', 'p', 'compute0', self.cells[0].uuid, at(0),
              ServerState.CONVERGED, at(15)),
             (ids[1], 'db', 'p', 'compute1', self.cells[1].uuid, at(3),
              ServerState.FAILED, None)],
            [(s.server_id, s.name, s.project_id, s.host, s.cell, s.began_at,
              s.state, s.recovered_at) for s in found])
        first, second = found[0].tries
        self.assertEqual(
            (at(0), at(5), 'compute0', 'Deferred'),
            (first.started_at, first.finished_at, first.host, first.result))
        self.assertEqual(at(10), second.started_at)
        self.assertEqual(15.0, found[0].seconds_since(at(0)))
        self.assertIsNone(found[1].seconds_since(at(0)))
        self.assertIn('***', found[1].reason)
        self.assertNotIn(CANARY, repr(found))

    def test_servers_by_their_names(self):
        web, other = self._server(), self._server(cell=1)
        db = self._server(cell=1, display_name='db')
        with self._cell(1) as context:
            objects.Instance.get_by_uuid(context, other).destroy()
        for names, expected in (
                (['web'], {web: 'web', other: 'web'}),
                ([web, 'db'], {web: 'web', db: 'db'}),
                (['nobody'], {})):
            self.assertEqual((expected, []), self.reader.named(names))

    def test_a_name_in_other_letters_is_another_name(self):
        # As MariaDB compares.
        row = types.SimpleNamespace(uuid='a', display_name='web')
        with mock.patch.object(queries, 'named_rows', autospec=True,
                               return_value=[row]):
            self.assertEqual(({}, []), self.reader.named(['WEB']))
            self.assertEqual(({'a': 'web'}, []), self.reader.named(['web']))

    def test_other_failovers_and_actions_are_left_out(self):
        server = self._server()
        self._action(server, 'req-1', 'Success')
        self._action(server, 'req-2', 'Error')
        self._action(self._server(), 'req-1', 'Success', action='reboot')
        found, _problems = self.reader.servers('req-1')
        self.assertEqual([server], [s.server_id for s in found])
        self.assertEqual(([], []), self.reader.servers('req-3'))

    def test_at_work(self):
        self._action(self._server(), 'req-1')
        [found], _problems = self.reader.servers('req-1')
        self.assertEqual((ServerState.RECOVERING, (), ''),
                         (found.state, found.tries, found.reason))

    @ddt.data((('Deferred',), 'req-2', ServerState.SUPERSEDED),
              (('Success',), '', ServerState.CONVERGED))
    @ddt.unpack
    def test_followed_by_a_later_recovery(self, results, later, state):
        server = self._server()
        self._action(server, 'req-1', *results)
        self._action(server, 'req-2', 'Success', start=60)
        [found], _problems = self.reader.servers('req-1')
        self.assertEqual((later, state),
                         (found.followed_by, found.state))
        [found], _problems = self.reader.servers('req-2')
        self.assertEqual(('', ServerState.CONVERGED),
                         (found.followed_by, found.state))

    def test_a_server_that_was_deleted(self):
        server = self._server()
        self._action(server, 'req-1', 'Success')
        with self._cell(0) as context:
            objects.Instance.get_by_uuid(context, server).destroy()
        [found], _problems = self.reader.servers('req-1')
        self.assertEqual(server, found.server_id)

    def test_failovers(self):
        for number, results in enumerate((
                ('Success',), ('Error', 'Deferred'), ('Error',), ())):
            self._action(self._server(cell=number % 2), 'req-1', *results,
                         cell=number % 2, start=number)
        self._action(self._server(), 'req-2', 'Success', start=100)
        found, problems = self.reader.failovers(at(-1))
        self.assertEqual([], problems)
        self.assertEqual(
            [('req-2', at(100), at(105), 1, 1, 0, 0, 0),
             ('req-1', at(0), at(16), 4, 1, 1, 1, 1)],
            [(f.failover_id, f.started_at, f.last_at, f.servers, f.recovered,
              f.deferred, f.failed, f.open) for f in found])

    def test_failovers_since(self):
        self._action(self._server(), 'req-1', 'Success')
        self._action(self._server(), 'req-2', 'Success', start=100)
        for since in (at(50), at(50).replace(tzinfo=None)):
            found, _problems = self.reader.failovers(since)
            self.assertEqual(['req-2'], [f.failover_id for f in found])

    def test_failovers_of_servers(self):
        ids = [self._server() for _ in range(3)]
        for number, server in enumerate(ids):
            self._action(server, 'req-%d' % (number // 2), 'Success',
                         start=number)
        found, _problems = self.reader.failovers(LONG_AGO, ids[1:])
        self.assertEqual([('req-1', 1), ('req-0', 1)],
                         [(f.failover_id, f.servers) for f in found])
        self.assertEqual(([], []), self.reader.failovers(LONG_AGO, ()))

    def test_statements_grow_with_batches(self):
        for number in range(5):
            self._action(self._server(), 'req-1', 'Success', start=number)
        with self._counted() as statements:
            self.reader.servers('req-1')
        # A query of the actions in each cell, and one of the events for two.
        self.assertEqual(2 + 3, len(statements))
        with self._counted() as statements:
            action_reader.HistoryReader(100).servers('req-1')
        self.assertEqual(2 + 1, len(statements))

    def test_what_is_not_recovered_costs_one_more(self):
        for number in range(3):
            self._action(self._server(), 'req-1', 'Error', start=number)
        with self._counted() as statements:
            self.reader.servers('req-1')
        self.assertEqual(2 + 2 + 2, len(statements))

    def test_a_list_is_walked_from_its_end(self):
        for number in range(10):
            self._action(self._server(), 'req-%d' % number, 'Success',
                         start=number)
        reader = action_reader.HistoryReader(100, id_range=3)
        for since, ranges in ((9, 1), (7, 2), (-5, 4)):
            with self._counted() as statements:
                found, _problems = reader.failovers(at(since))
            self.assertEqual(
                ['req-%d' % number
                 for number in range(9, max(since, 0) - 1, -1)],
                [f.failover_id for f in found])
            grouped = [s for s in statements if 'GROUP BY' in s]
            self.assertEqual(ranges, len(grouped))
            # The latest id in both cells, and a time after each range.
            self.assertEqual(2 + 2 * ranges, len(statements))

    def test_tracebacks_are_not_read(self):
        self._action(self._server(), 'req-1', 'Error')
        with self._counted() as statements:
            self.reader.servers('req-1')
        self.assertEqual([], [s for s in statements if 'traceback' in s])

    def test_a_cell_is_down(self):
        self._action(self._server(), 'req-1', 'Success')
        self._action(self._server(cell=1), 'req-1', 'Success', cell=1)
        rows = queries.action_rows

        def broken(context, failover_id):
            if context.cell_uuid == self.cells[1].uuid:
                raise db_exception.DBConnectionError(Exception(
                    "no way\n[SQL: select '%s']" % CANARY))
            return rows(context, failover_id)

        with mock.patch.object(queries, 'action_rows', new=broken):
            found, problems = self.reader.servers('req-1')
        self.assertEqual(1, len(found))
        self.assertEqual(
            [cell_problem.CellProblem('cell2', 'no way')], problems)

    def test_nothing_of_a_cell_that_fails_half_way(self):
        self._action(self._server(), 'req-1', 'Success')
        with mock.patch.object(queries, 'start_after',
                               autospec=True) as start:
            start.side_effect = db_exception.DBConnectionError(
                Exception('no way'))
            found, problems = self.reader.failovers(LONG_AGO)
        self.assertEqual(([], ['no way']),
                         (found, [p.reason for p in problems]))

    def test_the_api_database_is_down(self):
        with mock.patch.object(objects.CellMappingList, 'get_all',
                               autospec=True) as get_all:
            get_all.side_effect = db_exception.DBConnectionError(
                Exception('no way'))
            error = self.assertRaises(
                exception.DatabaseUnavailable, self.reader.servers, 'req-1')
        self.assertIn('API database: no way', str(error))

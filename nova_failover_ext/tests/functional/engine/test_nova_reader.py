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

"""The reader against Nova's own schema, objects and two cells."""

import contextlib
from unittest import mock

import ddt
import nova.context
from nova import objects
from oslo_db import exception as db_exception
from oslo_utils import timeutils
import sqlalchemy as sa

from nova_failover_ext.api import cell_problem
from nova_failover_ext.engine.inventory import nova_queries
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine import model
from nova_failover_ext import exception
from nova_failover_ext.recovery import instance_action
from nova_failover_ext.recovery import policy
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.functional.engine import records

CANARY = records.CANARY


@ddt.ddt
class NovaReaderTest(records.RecordsTestCase):
    """Queries, their number, and what comes out."""

    def setUp(self):
        super().setUp()
        self.reader = nova_reader.NovaReader(3)

    def _action(self, server_id, request_id, *results):
        with nova.context.target_cell(
                self.admin, self.cells[0]) as context:
            context.request_id = request_id
            objects.InstanceAction.action_start(
                context, server_id, instance_action.ACTION)
            for result in results:
                objects.InstanceActionEvent(
                    context, event='e', result=result,
                    start_time=timeutils.utcnow(with_timezone=True),
                    details='why %s' % result).create(server_id, request_id)

    @contextlib.contextmanager
    def _counted(self):
        statements = []

        def note(_conn, _cursor, statement, *_rest):
            # SQLite is told to BEGIN by a statement of its own.
            if statement != 'BEGIN':
                statements.append(statement)

        sa.event.listen(sa.Engine, 'before_cursor_execute', note)
        try:
            yield statements
        finally:
            sa.event.remove(sa.Engine, 'before_cursor_execute', note)

    def test_cells(self):
        self.assertEqual(2, len(self.cells))
        self.assertFalse([c for c in self.cells if c.is_cell0()])

    def test_attachments_of_two_cells(self):
        self._service('compute0')
        ids = [self._server(), self._server(cell=1)]
        volumes = [self._volume(ids[0], stamp='second', boot_index=0),
                   self._volume(ids[1], cell=1)]
        found, problems = self.reader.attachments(volumes)
        self.assertEqual([], problems)
        self.assertEqual(
            [(ids[0], volumes[0], True, 'second', True, self.cells[0].uuid),
             (ids[1], volumes[1], False, None, False, self.cells[1].uuid)],
            [(a.server.id, a.volume_id, a.root, a.stamp,
              a.server.compute_up, a.server.cell) for a in found])
        self.assertNotIn(CANARY, repr(found))

    def test_what_a_server_tells(self):
        self._service('compute0', forced_down=True)
        server_id = self._server(task_state='rebooting', metadata={
            'failover:priority': '1', 'failover:policy': 'none',
            'other': 'x'})
        volume_id = self._volume(server_id)
        server = self.reader.attachments([volume_id])[0][0].server
        self.assertEqual(model.Server(
            id=server_id, name='web', project_id='p', host='compute0',
            cell=self.cells[0].uuid, vm_state='active',
            task_state='rebooting', compute_up=False,
            metadata=(('failover:policy', 'none'),
                      ('failover:priority', '1')),
            policy=policy.Policy.NONE), server)

    def test_detached_and_other_volumes_are_left_out(self):
        server_id = self._server()
        volume_id = self._volume(server_id)
        self._volume(server_id)
        with nova.context.target_cell(
                self.admin, self.cells[0]) as context:
            objects.BlockDeviceMapping.get_by_volume(
                context, volume_id).destroy()
        self.assertEqual(([], []), self.reader.attachments([volume_id]))

    def test_servers_all_of_whose_volumes_are_known(self):
        whole, partly, other = (self._server(), self._server(),
                                self._server(cell=1))
        found = [self._volume(whole), self._volume(partly),
                 self._volume(other, cell=1)]
        known = dict.fromkeys([*found, self._volume(whole)])
        self._volume(partly)
        with self._counted() as statements:
            attachments, problems = self.reader.attachments_within(
                found, known)
        self.assertEqual([], problems)
        self.assertEqual({whole, other}, {a.server.id for a in attachments})
        self.assertEqual(set(known) - {found[1]},
                         {a.volume_id for a in attachments})
        # The cells; in each one for servers, mappings, services, metadata.
        self.assertEqual(1 + 2 * 4, len(statements))
        with self._counted() as statements:
            self.assertEqual(([], []),
                             self.reader.attachments_within([], known))
        self.assertEqual([], statements)

    def test_servers_of_some_priorities(self):
        ids = [self._server(cell=number % 2, metadata={
            'failover:priority': priority})
            for number, priority in enumerate('21231')]
        volumes = [self._volume(server_id, cell=number % 2)
                   for number, server_id in enumerate(ids)]
        known = dict.fromkeys(volumes)
        reader = nova_reader.NovaReader(2)

        def found():
            attachments, problems = reader.attachments_of_priorities(
                ('1', '2'), known)
            self.assertEqual([], problems)
            return {ids.index(a.server.id) for a in attachments}
        # One batch of the first cell, and all of the second.
        self.assertIn(found(), ({4, 0, 1}, {4, 2, 1}))
        del known[volumes[4]]
        self.assertNotIn(4, found())
        self.assertEqual(([], []), reader.attachments_of_priorities(
            ('1', '2'), {}))

    def test_a_mapping_whose_server_is_gone(self):
        server_id = self._server()
        volume_id = self._volume(server_id)
        with nova.context.target_cell(
                self.admin, self.cells[0]) as context:
            context.db_connection.writer.get_engine()
            with context.db_connection.writer.using(context):
                context.session.execute(sa.text(
                    'update instances set deleted = id'))
        self.assertTrue(
            self.reader.attachments([volume_id])[0][0].server.deleted)

    def test_no_connection_info(self):
        server_id = self._server()
        for text in ('{"bad', '{"%s": 5}' % staleness.STAMP):
            volume_id = self._volume(server_id, connection_info=text)
            found = self.reader.attachments([volume_id])[0]
            self.assertIsNone(found[0].stamp, text)

    def test_row_that_nova_ignores(self):
        for state, shown in (('active', 0), ('shelved_offloaded', 1)):
            server_id = self._server(vm_state=state)
            for text in (None, '', 'null', '[]', '{}'):
                volume_id = self._volume(server_id, connection_info=text)
                self.assertEqual(
                    shown, len(self.reader.attachments([volume_id])[0]), text)

    def test_no_volumes_no_query(self):
        with self._counted() as statements:
            self.assertEqual(([], []), self.reader.attachments([]))
        self.assertEqual([], statements)

    def _queries(self, count):
        self._service('compute0', report_count=count)
        volumes = [self._volume(self._server()) for _ in range(count)]
        with self._counted() as statements:
            found, _problems = nova_reader.NovaReader(100).attachments(volumes)
        self.assertEqual(count, len(found))
        self.assertFalse([s for s in statements if 'SELECT *' in s])
        return len(statements)

    def test_queries_do_not_grow_with_volumes(self):
        few = self._queries(2)
        with mock.patch.object(self, '_service', autospec=True):
            many = self._queries(40)
        self.assertEqual(few, many)

    @ddt.data(1, 3, 30)
    def test_statements_grow_with_batches(self, batches):
        per_batch = 3
        for cell in range(2):
            self._service('compute%d' % cell, cell=cell)
        server_ids = [[self._server(cell) for _ in range(2)]
                      for cell in range(2)]
        # Each batch leads to servers of both cells.
        volumes = [self._volume(server_ids[n % 2][n % 3 % 2], cell=n % 2)
                   for n in range(batches * per_batch)]
        reader = nova_reader.NovaReader(per_batch)
        with self._counted() as statements:
            found, _problems = reader.attachments(volumes)
        self.assertEqual(len(volumes), len(found))
        cells = [s for s in statements if 'FROM cell_mappings' in s]
        services = [s for s in statements if 'FROM services' in s]
        mappings = [s for s in statements if 'FROM block_device_mapping' in s]
        metadata = [s for s in statements if 'FROM instance_metadata' in s]
        self.assertEqual((1, 2, 2 * batches),
                         (len(cells), len(services), len(mappings)))
        # Nothing is asked about a server that is known.
        self.assertLessEqual(len(metadata), 2 * batches)
        self.assertEqual(len(statements), reader.spent['nova'])
        self.assertLessEqual(len(statements), 1 + 2 * (1 + 2 * batches))

    def test_statements_when_each_server_is_new(self):
        volumes = [self._volume(self._server(cell), cell=cell)
                   for cell in (0, 1) for _ in range(6)]
        reader = nova_reader.NovaReader(12)
        with self._counted() as statements:
            reader.attachments(volumes)
        self.assertEqual(1 + 2 * (1 + 2 * 1), len(statements))

    def test_one_object_for_each_server(self):
        server_id = self._server()
        volumes = [self._volume(server_id) for _ in range(5)]
        found = self.reader.attachments(volumes)[0]
        self.assertEqual(1, len({id(a.server) for a in found}))
        self.assertEqual(set(volumes), {a.volume_id for a in found})

    def test_attachments_of_some_servers(self):
        self._service('compute1', cell=1)
        ids = [self._server(), self._server(), self._server(cell=1)]
        volumes = [self._volume(ids[0], stamp='second'),
                   self._volume(ids[1]), self._volume(ids[2], cell=1)]
        elsewhere = self._volume(ids[0])
        found, problems = self.reader.attachments_of(
            [(self.cells[0].uuid, ids[0]), (self.cells[1].uuid, ids[2]),
             ('no-such-cell', ids[1])], volumes)
        self.assertEqual([], problems)
        self.assertEqual(
            [(ids[0], volumes[0], 'second', False),
             (ids[2], volumes[2], None, True)],
            [(a.server.id, a.volume_id, a.stamp, a.server.compute_up)
             for a in found])
        self.assertNotIn(elsewhere, [a.volume_id for a in found])

    def test_statements_of_a_look_at_some_servers(self):
        servers = [self._server() for _ in range(7)]
        volumes = [self._volume(s) for s in servers]
        with self._counted() as statements:
            self.reader.attachments_of(
                [(self.cells[0].uuid, s) for s in servers], volumes)
        # Only their cell: its services, and three batches of three.
        self.assertEqual(1 + 1 + 2 * 3, len(statements))

    def test_a_look_at_no_servers(self):
        with self._counted() as statements:
            self.assertEqual(([], []),
                             self.reader.attachments_of([], ['x']))
        self.assertEqual([], statements)

    def test_a_cell_is_down_while_some_servers_are_read(self):
        server_id = self._server()
        volume_id = self._volume(server_id)
        with mock.patch.object(nova_queries, 'mappings_of_servers',
                               autospec=True) as rows:
            rows.side_effect = db_exception.DBConnectionError(
                Exception('no way'))
            found, problems = self.reader.attachments_of(
                [(self.cells[0].uuid, server_id)], [volume_id])
        self.assertEqual(([], [cell_problem.CellProblem('cell1', 'no way')]),
                         (found, problems))

    def test_hosts_up(self):
        self._service('compute0')
        self._service('down0', forced_down=True)
        self._service('compute1', cell=1)
        own = self.cells[0].uuid
        with self._counted() as statements:
            found = self.reader.hosts_up([own])
        self.assertEqual({(own, 'compute0'): True, (own, 'down0'): False},
                         found)
        self.assertEqual(2, len(statements))
        self.assertEqual({}, self.reader.hosts_up([]))

    def test_hosts_up_while_a_cell_is_down(self):
        self._service('compute1', cell=1)
        computes_up = nova_queries.computes_up

        def broken(context):
            if context.cell_uuid == self.cells[0].uuid:
                raise db_exception.DBConnectionError(Exception('no way'))
            return computes_up(context)

        with mock.patch.object(nova_queries, 'computes_up', new=broken):
            found = self.reader.hosts_up(c.uuid for c in self.cells)
        self.assertEqual({(self.cells[1].uuid, 'compute1'): True}, found)

    def test_only_needed_columns(self):
        volume_id = self._volume(self._server())
        with self._counted() as statements:
            self.reader.attachments([volume_id])
        for statement in statements:
            self.assertNotIn('user_data', statement)
            self.assertNotIn('numa_topology', statement)

    def test_a_cell_is_down(self):
        volumes = [self._volume(self._server()),
                   self._volume(self._server(cell=1), cell=1)]
        rows = nova_queries.mappings_of_volumes

        def broken(context, ids):
            if context.cell_uuid == self.cells[1].uuid:
                raise db_exception.DBConnectionError(Exception(
                    "no way\n[SQL: select '%s']" % CANARY))
            return rows(context, ids)

        with mock.patch.object(nova_queries, 'mappings_of_volumes',
                               new=broken):
            found, problems = self.reader.attachments(volumes)
        self.assertEqual([volumes[0]], [a.volume_id for a in found])
        self.assertEqual(
            [cell_problem.CellProblem('cell2', 'no way')], problems)

    def test_the_api_database_is_down(self):
        with mock.patch.object(objects.CellMappingList, 'get_all',
                               autospec=True) as get_all:
            get_all.side_effect = db_exception.DBConnectionError(
                Exception('no way'))
            error = self.assertRaises(
                exception.DatabaseUnavailable, self.reader.attachments,
                ['x'])
        self.assertIn('API database: no way', str(error))

    def test_recoveries(self):
        ids = [self._server(), self._server(), self._server()]
        self._action(ids[0], 'req-1', 'Success')
        self._action(ids[0], 'req-2', 'Deferred', 'Error')
        self._action(ids[1], 'req-3')
        servers = [model.Server(id=i, cell=self.cells[0].uuid) for i in ids]
        with self._counted() as statements:
            found = self.reader.recoveries(servers)
        self.assertEqual(1, len([s for s in statements
                                 if 'FROM instance_actions' in s]))
        self.assertEqual({ids[0], ids[1]}, set(found))
        latest = found[ids[0]]
        self.assertEqual(('req-2', 'Error', 'why Error'),
                         (latest.failover_id, latest.result, latest.message))
        self.assertIsNotNone(latest.started_at)
        self.assertIsNone(found[ids[1]].result)

    def test_recoveries_while_a_cell_is_down(self):
        with mock.patch.object(nova_queries, 'recoveries',
                               autospec=True) as rows:
            rows.side_effect = db_exception.DBConnectionError(
                Exception('no way'))
            self.assertEqual({}, self.reader.recoveries(
                [model.Server(id='x', cell=self.cells[0].uuid)]))

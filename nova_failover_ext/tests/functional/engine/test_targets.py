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

"""What Nova's databases say of servers, projects and groups of hosts."""

from unittest import mock

from nova import objects
from oslo_db import exception as db_exception

from nova_failover_ext.engine.inventory import nova_queries
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine import model
from nova_failover_ext import exception
from nova_failover_ext.tests.functional.engine import records

DOWN = db_exception.DBConnectionError(Exception('no way'))


class TargetsTest(records.RecordsTestCase):
    """In two cells."""

    def setUp(self):
        super().setUp()
        self.reader = nova_reader.NovaReader(3)

    def _aggregate(self, name, *hosts, **metadata):
        made = objects.Aggregate(self.admin, name=name, metadata=metadata)
        made.create()
        for host in hosts:
            made.add_host(host)
        return str(made.id)

    def _hosts(self, *names):
        for name in names:
            objects.HostMapping(self.admin, host=name,
                                cell_mapping=self.cells[1]).create()

    def test_servers_by_id_and_name(self):
        first = self._server(display_name='web')
        second = self._server(1, display_name='web')
        other = self._server(1, display_name=first)
        self.assertEqual(({first: 'web', second: 'web'}, []),
                         self.reader.servers_named('web'))
        self.assertEqual(({first: 'web', other: first}, []),
                         self.reader.servers_named(first))
        self.assertEqual(({}, []), self.reader.servers_named('we'))

    def test_a_database_that_compares_without_case(self):
        # As MySQL does, with the collation that Nova's tables have.
        server_id = self._server(display_name='web', project_id='here')
        rows = [mock.Mock(spec_set=['uuid', 'display_name', 'project_id'],
                          uuid=server_id, display_name='web',
                          project_id='here')]
        with mock.patch.multiple(
                nova_queries, autospec=True,
                servers_named=mock.DEFAULT, projects_like=mock.DEFAULT
                ) as queries:
            for query in queries.values():
                query.return_value = rows
            for text in ('WEB', 'web ', server_id.upper()):
                self.assertEqual(({}, []), self.reader.servers_named(text))
            self.assertEqual({server_id: 'web'},
                             self.reader.servers_named('web')[0])
            self.assertFalse(self.reader.has_project('HERE'))
            self.assertTrue(self.reader.has_project('here'))

    def test_a_cell_that_cannot_be_read(self):
        with mock.patch.object(nova_queries, 'servers_named',
                               autospec=True, side_effect=DOWN):
            found, problems = self.reader.servers_named('web')
        self.assertEqual(({}, 2), (found, len(problems)))

    def test_projects(self):
        self._server(1, project_id='here')
        self.assertTrue(self.reader.has_project('here'))
        self.assertFalse(self.reader.has_project('nowhere'))

    def test_host_groups(self):
        self._hosts('a', 'b', 'c', 'd')
        racks = self._aggregate('racks', 'a', 'b')
        zone = self._aggregate('first', 'b', 'c', availability_zone='az1')
        self.assertEqual(
            model.HostGroups(
                frozenset('abcd'),
                (model.Aggregate(racks, 'racks', frozenset('ab')),
                 model.Aggregate(zone, 'first', frozenset('bc'))),
                {'az1': frozenset('bc'), 'nova': frozenset('ad')}),
            self.reader.host_groups())

    def test_the_default_zone_by_its_name(self):
        self.flags(default_availability_zone='az1')
        self._hosts('a', 'b')
        self._aggregate('first', 'a', availability_zone='az1')
        self.assertEqual({'az1': frozenset('ab')},
                         self.reader.host_groups().zones)

    def test_an_api_database_that_cannot_be_read(self):
        with mock.patch.object(objects.AggregateList, 'get_all',
                               autospec=True, side_effect=DOWN):
            error = self.assertRaises(exception.DatabaseUnavailable,
                                      self.reader.host_groups)
        self.assertIn('API database: no way', str(error))

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

"""What is meant by a name, in the whole cloud."""

from unittest import mock

import ddt
import testtools

from nova_failover_ext.api import cell_problem
from nova_failover_ext.api import exclusions
from nova_failover_ext.cli import errors
from nova_failover_ext.cli import project_names
from nova_failover_ext.cli import targets
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine import model
from nova_failover_ext import exception

Kind = exclusions.Kind
GROUPS = model.HostGroups(
    frozenset({'h1', 'h2', 'h3'}),
    (model.Aggregate('1', '2', frozenset({'h1'})),
     model.Aggregate('2', 'racks', frozenset({'h2', 'h3'}))),
    {'az1': frozenset({'h1', 'h2'}), 'nova': frozenset({'h3'})})
SILENT = cell_problem.CellProblem('cell2', 'it says nothing')


@ddt.ddt
class FindTest(testtools.TestCase):
    """Over fake records."""

    def setUp(self):
        super().setUp()
        self.nova = mock.create_autospec(nova_reader.NovaReader,
                                         instance=True)
        self.nova.host_groups.return_value = GROUPS
        self.nova.has_project.return_value = False
        patcher = mock.patch.object(project_names, 'find', autospec=True)
        self.keystone = patcher.start()
        self.addCleanup(patcher.stop)

    def _server(self, text, found, *problems):
        self.nova.servers_named.return_value = found, list(problems)
        return targets.find(self.nova, Kind.SERVER, text)

    @ddt.data(({'s1': 'web'}, 'web', ('s1', 'web')),
              ({'s1': ''}, 's1', ('s1', 's1')),
              # An id counts before a name.
              ({'s1': 'web', 's2': 's1'}, 's1', ('s1', 'web')))
    @ddt.unpack
    def test_server(self, found, text, expected):
        self.assertEqual(expected, self._server(text, found))

    def test_the_id_of_a_server_while_a_cell_is_silent(self):
        self.assertEqual(('s1', 'web'),
                         self._server('s1', {'s1': 'web'}, SILENT))

    @ddt.data({}, {'s1': 'web'})
    def test_a_name_while_a_cell_is_silent(self, found):
        error = self.assertRaises(exception.DatabaseUnavailable,
                                  self._server, 'web', found, SILENT)
        self.assertIn('cell2', str(error))

    def test_a_name_of_several_servers(self):
        error = self.assertRaises(errors.UsageError, self._server, 'web',
                                  {'s2': 'web', 's1': 'web'})
        self.assertEqual('Several servers have the name web; use one of the '
                         'ids s1, s2.', str(error))

    def test_a_project_that_has_servers(self):
        self.nova.has_project.return_value = True
        self.assertEqual(('p', 'p'),
                         targets.find(self.nova, Kind.PROJECT, 'p'))
        self.keystone.assert_not_called()

    def test_a_project_that_keystone_knows(self):
        self.keystone.return_value = ('p', 'demo')
        self.assertEqual(('p', 'demo'),
                         targets.find(self.nova, Kind.PROJECT, 'demo'))

    def test_the_id_of_an_aggregate_counts_before_a_name(self):
        self.assertEqual(('2', 'racks'),
                         targets.find(self.nova, Kind.AGGREGATE, '2'))

    @ddt.data(((), (), {'h1', 'h2', 'h3'}), (('racks',), (), {'h2', 'h3'}),
              (('1', '2'), (), {'h1', 'h2', 'h3'}),
              ((), ('az1',), {'h1', 'h2'}), (('2',), ('az1',), {'h2'}),
              (('1',), ('nova',), set()))
    @ddt.unpack
    def test_hosts_within(self, aggregates, zones, expected):
        self.assertEqual(expected, targets.hosts_within(
            GROUPS, aggregates, zones))

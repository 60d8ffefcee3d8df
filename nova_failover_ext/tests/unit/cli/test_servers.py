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

"""Finding where a server's volumes are."""

import contextlib
import types
from unittest import mock

from cinderclient import exceptions as cinder_exception
import ddt
import nova.context
from nova import exception as nova_exception
from nova import objects
from oslo_db import exception as db_exception
import testtools

from nova_failover_ext.cli import errors
from nova_failover_ext.cli import servers
from nova_failover_ext import exception

HOST = 'os-vol-host-attr:host'


@ddt.ddt
class HostsTest(testtools.TestCase):
    """With fake records of Nova and Cinder."""

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.mapping = self._patch(objects.InstanceMapping,
                                   'get_by_instance_uuid')
        self.bdms = self._patch(objects.BlockDeviceMappingList,
                                'get_by_instance_uuid')
        self.bdms.return_value = [
            types.SimpleNamespace(is_volume=True, volume_id='vol-1'),
            types.SimpleNamespace(is_volume=False, volume_id=None),
            types.SimpleNamespace(is_volume=True, volume_id='vol-2')]
        self._patch(nova.context, 'target_cell').return_value = (
            contextlib.nullcontext())
        self.client = mock.Mock(spec_set=['volumes'])
        self.hosts = {'vol-1': 'node@a#pool', 'vol-2': 'node@b'}
        self.client.volumes.get.side_effect = lambda volume: (
            types.SimpleNamespace(**{HOST: self.hosts[volume]}))

    def _patch(self, owner, name):
        patcher = mock.patch.object(owner, name, autospec=True)
        self.addCleanup(patcher.stop)
        return patcher.start()

    def test_hosts(self):
        self.assertEqual({'server': {'node@a', 'node@b'}},
                         servers.hosts_of(['server'], self.client))

    def test_volumes_without_a_host(self):
        self.hosts['vol-1'] = None
        self.assertEqual({'server': {'node@b'}},
                         servers.hosts_of(['server'], self.client))

    def test_a_server_without_a_cell(self):
        self.mapping.return_value.cell_mapping = None
        self.assertEqual({'server': set()},
                         servers.hosts_of(['server'], self.client))

    def test_a_volume_that_is_gone(self):
        self.client.volumes.get.side_effect = cinder_exception.NotFound(404)
        self.assertEqual({'server': set()},
                         servers.hosts_of(['server'], self.client))

    @ddt.data(
        (nova_exception.InstanceMappingNotFound(uuid='server'),
         errors.NotFound, 'There is no server with the id server; '),
        (db_exception.DBConnectionError('CANARY'),
         exception.DatabaseUnavailable, 'DBConnectionError'))
    @ddt.unpack
    def test_no_such_server(self, raised, kind, text):
        self.mapping.side_effect = raised
        error = self.assertRaises(kind, servers.hosts_of, ['server'],
                                  self.client)
        self.assertIn(text, str(error))
        self.assertNotIn('CANARY', str(error))

    def test_cinder_is_down(self):
        self.client.volumes.get.side_effect = (
            cinder_exception.ClientException(503, 'CANARY'))
        error = self.assertRaises(exception.CinderUnavailable,
                                  servers.hosts_of, ['server'], self.client)
        self.assertNotIn('CANARY', str(error))

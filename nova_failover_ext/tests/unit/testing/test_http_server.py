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

"""The fake Cinder over HTTP, asked by a real cinderclient."""

from cinderclient import client as cinder_client
from cinderclient import exceptions as client_exceptions
from keystoneauth1 import noauth
from keystoneauth1 import session
from oslotest import base
import requests

from nova_failover_ext.testing import fake_cinder
from nova_failover_ext.testing import http_server
from nova_failover_ext.testing import kinds
from nova_failover_ext.testing import rest
from nova_failover_ext.testing import routes


class ServerTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.cinder = fake_cinder.Cinder({}, 'primary')
        self.server = http_server.Server(
            rest.Api(self.cinder, routes.ROUTES))
        running = self.server.running()
        running.__enter__()
        self.addCleanup(running.__exit__, None, None, None)
        self.client = cinder_client.Client('3.44', session=session.Session(
            noauth.NoAuth(endpoint=self.server.url)))

    def volumes(self, **values):
        return [volume.id for volume in self.client.volumes.list(**values)]

    def test_versions(self):
        root = self.server.url.removesuffix('/v3')
        self.assertEqual('3.71', requests.get(root, timeout=9).json()[
            'versions'][0]['version'])

    def test_a_failover(self):
        self.cinder.add('v1', kinds.Kind())
        self.client.services.failover_host('cinder@repl', 'secondary')
        repl, plain = self.client.services.list(binary='cinder-volume')
        self.assertEqual(('secondary', None), (
            repl.active_backend_id, plain.active_backend_id))
        self.assertEqual('failed-over', self.client.volumes.get(
            'v1').replication_status)

    def test_an_attachment(self):
        self.cinder.add('v1', kinds.Kind(connection='iscsi'))
        made = self.client.attachments.create('v1', {}, 's1')
        self.client.attachments.update(made['id'], {'host': 'compute1'})
        self.client.attachments.complete(made['id'])
        self.assertEqual('in-use', self.client.volumes.get('v1').status)
        # Only Nova, with its service token, may do that to a server's.
        self.cinder.used_by_nova = lambda server, volume: made['id']
        self.assertRaises(client_exceptions.ClientException,
                          self.client.attachments.delete, made['id'])

    def test_pages_of_a_host(self):
        for number in range(5):
            self.cinder.add(f'v{number}', kinds.Kind())
            self.cinder.add(f'p{number}', kinds.Kind(backend='plain'))
        asked = {'all_tenants': 1, 'host': 'cinder@repl'}
        self.assertEqual(['v4', 'v3'], self.volumes(
            search_opts=asked, limit=2))
        self.assertEqual(['v2', 'v1'], self.volumes(
            search_opts=asked, limit=2, marker='v3'))
        self.assertEqual([], self.volumes(
            search_opts=asked, limit=2, marker='v0'))
        self.assertRaises(client_exceptions.NotFound, self.volumes,
                          search_opts=asked, marker='gone')

    def test_capabilities(self):
        found = self.client.capabilities.get('cinder@repl')
        self.assertEqual('repl', found.volume_backend_name)
        self.assertRaises(client_exceptions.NotFound,
                          self.client.capabilities.get, 'cinder@none')

    def test_what_is_not_known_is_not_found(self):
        self.assertRaises(client_exceptions.NotFound,
                          self.client.backups.list)

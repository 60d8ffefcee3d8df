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

"""Stock Nova with volumes of every kind."""

from unittest import mock

from nova.tests.functional.api import client
from nova.virt.libvirt import host
from nova.volume import cinder as nova_cinder

from nova_failover_ext.testing import kinds
from nova_failover_ext.tests.functional.testing import base

KEYS = {'backend': 'nova.keymgr.conf_key_mgr.ConfKeyManager',
        'fixed_key': '0' * 64}


class Kinds(base.FixtureTestBase):

    def question(self, volume_id):
        """Ask Cinder where a volume is."""
        return nova_cinder.cinderclient(
            self.context).volumes.initialize_connection(
                volume_id, {'host': 'compute1'})

    def test_several_volumes_of_one_server(self):
        server = self.boot()
        volumes = [self.cinder.volume() for _ in range(2)]
        volumes += [self.cinder.volume(replicated=False)]
        for volume_id in volumes:
            self.attach(server, volume_id)
        self.assertEqual(sorted(volumes), sorted(
            self.cinder.volume_ids_for_instance(server['id'])))
        self.assertEqual(['in-use'] * 3, [
            self.cinder.status(volume_id) for volume_id in volumes])
        self.cinder.site = 'secondary'
        self.assertEqual(['in-use', 'in-use', 'error'], [
            self.cinder.status(volume_id) for volume_id in volumes])

    def test_stock_nova_stays_where_it_was(self):
        server = self.boot()
        volume_id = self.cinder.volume()
        self.attach(server, volume_id)
        before = self.info(server, volume_id)['data']
        self.cinder.site = 'secondary'
        self._reboot_server(server, hard=True)
        self.assertEqual(before, self.info(server, volume_id)['data'])
        self.assertEqual(self.cinder.path(volume_id, 'primary'),
                         before['device_path'])
        record = self.cinder.records[self.bdm(server, volume_id)
                                     .attachment_id]
        self.assertEqual(before['device_path'],
                         record['connection_info']['data']['device_path'])
        self.assertEqual(self.cinder.path(volume_id, 'secondary'),
                         self.question(volume_id)['data']['device_path'])

    def test_rbd(self):
        server = self.boot()
        volume_id = self.cinder.volume(connection='rbd')
        disk = self.attach_to_guest(server, volume_id)
        data = self.info(server, volume_id)['data']
        self.assertEqual(data['hosts'], [
            host.get('name') for host in disk.findall('source/host')])
        self.cinder.site = 'secondary'
        fresh = self.question(volume_id)
        self.assertEqual(('rbd', data['name']), (
            fresh['driver_volume_type'], fresh['data']['name']))
        self.assertEqual([], sorted(
            set(data['hosts']) & set(fresh['data']['hosts'])))
        self.assertNotEqual(data['secret_uuid'],
                            fresh['data']['secret_uuid'])

    def test_read_only(self):
        server = self.boot()
        volume_id = self.cinder.volume(read_only=True)
        disk = self.attach_to_guest(server, volume_id)
        self.assertEqual('ro', self.info(server, volume_id)['data'][
            'access_mode'])
        self.assertIsNotNone(disk.find('readonly'))

    def test_luks(self):
        self.flags(group='key_manager', **KEYS)
        server = self.boot()
        volume_id = self.cinder.volume(
            connection='rbd', encryption=kinds.Encryption(kinds.LUKS))
        with mock.patch.object(host.Host, 'create_secret',
                               autospec=True) as created:
            self.attach(server, volume_id)
        created.assert_called_once_with(
            'volume', volume_id, password=KEYS['fixed_key'])
        self.assertIs(True, self.info(server, volume_id)['data'][
            'encrypted'])

    def test_plain_is_for_os_brick(self):
        volume_id = self.cinder.volume(
            encryption=kinds.Encryption(kinds.PLAIN))
        found = nova_cinder.API().get_volume_encryption_metadata(
            self.context, volume_id)
        self.assertEqual('plain', found['provider'])
        driver = self.computes['compute1'].driver
        self.assertFalse(driver._allow_native_luksv1(encryption=found))

    def test_multiattach(self):
        servers = [self.boot() for _ in range(2)]
        volume_id = self.cinder.volume(multiattach=True)
        for server in servers:
            self.attach(server, volume_id)
            self.assertTrue(self.info(server, volume_id)['multiattach'])
        self.detach(servers[0], volume_id)
        self.assertEqual('in-use', self.cinder.status(volume_id))

    def test_a_volume_for_one_server_is_refused_to_another(self):
        servers = [self.boot() for _ in range(2)]
        volume_id = self.cinder.volume()
        self.attach(servers[0], volume_id)
        error = self.assertRaises(client.OpenStackApiException,
                                  self._attach_volume, servers[1], volume_id)
        self.assertEqual(400, error.response.status_code)

    def test_a_volume_in_error_is_not_detached(self):
        server = self.boot()
        volume_id = self.cinder.volume(replicated=False)
        self.attach(server, volume_id)
        self.cinder.site = 'secondary'
        error = self.assertRaises(client.OpenStackApiException,
                                  self.detach, server, volume_id)
        self.assertEqual(400, error.response.status_code)

    def test_legacy_attachment(self):
        server = self.boot()
        volume_id = self.cinder.volume()
        self.attach(server, volume_id)
        bdm = self.bdm(server, volume_id)
        bdm.attachment_id = None
        bdm.save()
        self.detach(server, volume_id)
        self.assertEqual('available', self.cinder.status(volume_id))
        self.assertEqual({}, self.cinder.records)

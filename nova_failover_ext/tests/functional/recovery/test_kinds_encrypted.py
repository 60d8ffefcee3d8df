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

"""Recoveries of encrypted volumes."""

import ddt
import fixtures
from nova.virt.libvirt import driver as libvirt_driver
from os_brick.encryptors import cryptsetup

from nova_failover_ext.recovery import results
from nova_failover_ext.testing import kinds as volume_kinds
from nova_failover_ext.tests.functional.recovery import kinds

Outcome = results.Outcome


@ddt.ddt
class Encrypted(kinds.KindsBase):

    def setUp(self):
        super().setUp()
        self.flags(fixed_key='0' * 64, group='key_manager')
        self.patch(libvirt_driver.luks_encryptor, 'is_luks',
                   return_value=True)
        # The devices that os-brick has laid dm-crypt over, and taken it from.
        self.opened, self.closed = [], []
        for name, devices in (('attach_volume', self.opened),
                              ('detach_volume', self.closed)):
            self.useFixture(fixtures.MockPatchObject(
                cryptsetup.CryptsetupEncryptor, name,
                new=self.noting(devices)))

    def noting(self, devices):
        def note(encryptor, *args, **kwargs):
            devices.append(encryptor.symlink_path)
        return note

    def secret(self):
        """Return the uuid of the one secret that libvirt has."""
        secret, = self.computes['compute1'].driver._host.get_connection() \
            .listAllSecrets(0)
        return secret.UUIDString()

    @ddt.data('root', 'data')
    def test_luks_of_a_running_server(self, kind):
        volume_id = self.cinder.volume(
            encryption=volume_kinds.Encryption(volume_kinds.LUKS))
        server = self.boot(getattr(self, kind)(volume_id))
        secret = self.secret()
        self.cinder.site = 'secondary'
        self.heal(server, volume_id, cycled=kind == 'root')
        self.assertEqual(secret, self.secret())
        self.assertEqual(
            secret, self.disk(server, volume_id).find(
                './/encryption/secret').get('uuid'))
        self.assert_healthy(server)
        self.assert_no_old_connection()

    def test_luks_of_a_stopped_server(self):
        volume_id = self.cinder.volume(
            encryption=volume_kinds.Encryption(volume_kinds.LUKS))
        server = self.boot(self.root(volume_id))
        self._stop_server(server)
        self.cinder.site = 'secondary'
        self.heal(server, volume_id)
        self._start_server(server)
        self.secret()
        self.assert_healthy(server)
        self.assert_no_old_connection()

    def test_luks_without_its_secret_waits_for_the_owner(self):
        volume_id = self.cinder.volume(
            encryption=volume_kinds.Encryption(volume_kinds.LUKS))
        server = self.boot(self.data(volume_id))
        connection = self.computes['compute1'].driver._host.get_connection()
        connection.listAllSecrets(0)[0].undefine()
        self.cinder.site = 'secondary'
        result = self.recover(server, volume_id)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('libvirt has no secret', result.reason)

    def test_dm_crypt_of_a_running_server_waits(self):
        volume_id = self.cinder.volume(
            encryption=volume_kinds.Encryption(volume_kinds.PLAIN))
        server = self.boot(self.data(volume_id))
        before = (self.disks(server), self.info(server, volume_id),
                  self.cinder.records)
        self.cinder.site = 'secondary'
        result = self.recover(server, volume_id)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('dm-crypt needs its key', result.reason)
        self.assertEqual(
            before, (self.disks(server), self.info(server, volume_id),
                     self.cinder.records))
        self.assertEqual([], self.closed)

    def test_dm_crypt_of_a_stopped_server(self):
        volume_id = self.cinder.volume(
            encryption=volume_kinds.Encryption(volume_kinds.PLAIN))
        server = self.boot(self.data(volume_id))
        old = self.cinder.path(volume_id)
        self.assertEqual([old], self.opened)
        self._stop_server(server)
        self.cinder.site = 'secondary'
        self.closed.clear()
        self.heal(server, volume_id)
        # Before its device goes.
        self.assertEqual([old], self.closed)
        self.opened.clear()
        self._start_server(server)
        self.assertEqual([self.cinder.path(volume_id)], self.opened)
        self.assert_no_old_connection()

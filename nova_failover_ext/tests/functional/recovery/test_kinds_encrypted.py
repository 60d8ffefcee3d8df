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

from unittest import mock

from castellan.common.objects import symmetric_key
import ddt
import fixtures
from nova import exception as nova_exception
from nova.keymgr import conf_key_mgr
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest
from os_brick.encryptors import cryptsetup
from os_brick.encryptors import luks

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
        # Where libvirt has no secret, os-brick may have opened the device.
        self.patch(luks.LuksEncryptor, 'detach_volume')
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

    def refuse(self):
        """Have the key manager give nothing to Nova, only to owners."""
        get = self.patch(conf_key_mgr.ConfKeyManager, 'get')
        get.side_effect = nova_exception.Forbidden('canary')
        return get

    def lose_secret(self):
        """Delete the one secret, as Nova does after a start that failed."""
        connection = self.computes['compute1'].driver._host.get_connection()
        connection.listAllSecrets(0)[0].undefine()

    def assert_deferred(self, server, *volumes, text):
        before = (self.disks(server), [
            self.unstamped(server, volume_id) for volume_id in volumes])
        result = self.recover(server, *volumes)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn(text, result.reason)
        self.assertIn('the key manager does not give to Nova', result.reason)
        self.assertEqual(before, (self.disks(server), [
            self.unstamped(server, volume_id) for volume_id in volumes]))
        self.assertEqual(1, self.hypervisor.power_ons[server['id']])
        self.assertEqual([], self.closed)

    @ddt.data('root', 'data')
    def test_luks_without_its_secret(self, kind):
        volume_id = self.cinder.volume(
            encryption=volume_kinds.Encryption(volume_kinds.LUKS))
        server = self.boot(getattr(self, kind)(volume_id))
        self.lose_secret()
        self.cinder.site = 'secondary'
        self.heal(server, volume_id, cycled=kind == 'root')
        self.secret()

    def test_luks_without_its_secret_waits_for_the_owner(self):
        volume_id = self.cinder.volume(
            encryption=volume_kinds.Encryption(volume_kinds.LUKS))
        server = self.boot(self.data(volume_id))
        self.lose_secret()
        self.refuse()
        self.cinder.site = 'secondary'
        self.assert_deferred(server, volume_id, text='libvirt has no secret')

    def test_dm_crypt_of_a_running_server(self):
        volume_id = self.cinder.volume(
            encryption=volume_kinds.Encryption(volume_kinds.PLAIN))
        server = self.boot(self.data(volume_id))
        self.cinder.site = 'secondary'
        self.heal(server, volume_id)
        self.assertEqual(self.cinder.path(volume_id), self.opened[-1])

    def test_dm_crypt_of_a_running_server_waits_for_the_owner(self):
        volume_id = self.cinder.volume(
            encryption=volume_kinds.Encryption(volume_kinds.PLAIN))
        server = self.boot(self.data(volume_id))
        self.refuse()
        self.cinder.site = 'secondary'
        self.assert_deferred(server, volume_id, text='dm-crypt needs its key')

    @ddt.data(volume_kinds.PLAIN, volume_kinds.LUKS)
    def test_key_of_a_volume_that_has_not_moved(self, provider):
        other = self.cinder.volume(
            backend='plain', replicated=False,
            encryption=volume_kinds.Encryption(provider))
        server = self.boot(self.root(), self.data(other))
        if provider == volume_kinds.LUKS:
            self.lose_secret()
        get = self.refuse()
        self.cinder.site = 'secondary'
        self.assert_deferred(server, self.ROOT,
                             text=f'could not start it: volume {other}')
        get.side_effect = None
        get.return_value = symmetric_key.SymmetricKey('AES', 256, b'0' * 32)
        self.heal(server, self.ROOT, cycled=True)

    def test_vtpm_of_the_owner(self):
        server = self.boot(self.root())
        self.flags(swtpm_enabled=True, group='libvirt')
        instance = self.instance(server)
        instance.flavor.extra_specs = {
            'hw:tpm_version': '2.0', 'hw:tpm_model': 'tpm-crb'}
        instance.system_metadata['vtpm_secret_uuid'] = (
            volume_kinds.Encryption().key_id)
        instance.save()
        self.refuse()
        self.cinder.site = 'secondary'
        self.assert_deferred(server, self.ROOT,
                             text='could not start it: its vTPM')

    def test_secret_is_kept_if_the_start_fails(self):
        volume_id = self.cinder.volume(
            encryption=volume_kinds.Encryption(volume_kinds.LUKS))
        server = self.boot(self.root(volume_id))
        secret = self.secret()
        self.refuse()
        self.cinder.site = 'secondary'
        with mock.patch.object(
                libvirt_guest.Guest, 'launch', autospec=True,
                side_effect=fakelibvirt.make_libvirtError(
                    fakelibvirt.libvirtError, 'no memory')):
            result = self.recover(server, volume_id)
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('power_on', result.reason)
        self.assertEqual(secret, self.secret())
        self.heal(server, volume_id, cycled=True)
        self.assertEqual(secret, self.secret())

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

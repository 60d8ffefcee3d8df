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


"""Keys and secrets of guests, against Nova's own driver class."""

from unittest import mock

from barbicanclient import exceptions as barbican_exceptions
from castellan.common import exception as castellan_exceptions
from castellan import key_manager
from castellan.key_manager import key_manager as manager_base
from cinderclient import exceptions as client_exceptions
import ddt
from keystoneauth1 import exceptions as keystone_exceptions
from nova import context as nova_context
from nova import exception as nova_exception
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import host as libvirt_host
from os_brick import encryptors
from oslo_serialization import jsonutils
import requests

from nova_failover_ext import exception
from nova_failover_ext.recovery.virt import libvirt_keys
from nova_failover_ext.tests.unit.recovery.virt import test_libvirt

VOLUME = test_libvirt.VOLUME
LUKS = {'provider': 'luks', 'control_location': 'front-end',
        'encryption_key_id': 'key'}


class KeysTestBase(test_libvirt.LibvirtHostTestBase):

    def setUp(self):
        super().setUp()
        self.host = self.driver._host = mock.create_autospec(
            libvirt_host.Host, instance=True)
        self.host.find_secret.return_value = None
        patched = mock.patch.object(key_manager, 'API', autospec=True)
        self.addCleanup(patched.stop)
        self.manager = mock.create_autospec(
            manager_base.KeyManager, instance=True)
        patched.start().return_value = self.manager
        self.keys = libvirt_keys.Keys(self.driver, self.virt.volume_api)
        self.context = nova_context.get_admin_context()


@ddt.ddt
class OfVolume(KeysTestBase):

    def setUp(self):
        super().setUp()
        self.volume.bdm.connection_info = jsonutils.dumps(
            {'data': {'encrypted': True}})
        self.volume.reload(self.volume.bdm)
        patched = mock.patch.object(
            encryptors, 'get_encryption_metadata', autospec=True)
        self.addCleanup(patched.stop)
        self.metadata = patched.start()
        self.metadata.return_value = LUKS
        self.driver._allow_native_luksv1.side_effect = (
            lambda encryption=None:
            libvirt_driver.LibvirtDriver._allow_native_luksv1(
                self.driver, encryption))

    def of_volume(self):
        return self.keys.of_volume(self.context, self.volume)

    def test_key_that_is_given(self):
        self.assertEqual('', self.of_volume())
        self.manager.get.assert_called_once_with(self.context, 'key')

    @ddt.data(('luks', 'libvirt has no secret'),
              ('nova.volume.encryptors.luks.LuksEncryptor',
               'libvirt has no secret'),
              ('luks2', 'dm-crypt'), ('plain', 'dm-crypt'),
              ('CryptsetupEncryptor', 'dm-crypt'))
    @ddt.unpack
    def test_key_that_is_refused(self, provider, text):
        self.metadata.return_value = dict(LUKS, provider=provider)
        self.manager.get.side_effect = KeyError('password=canary')
        problem = self.of_volume()
        self.assertIn(text, problem)
        self.assertIn('does not give to Nova (KeyError', problem)
        self.assertIn('have its owner stop the server', problem)
        self.assertNotIn('canary', problem)

    @ddt.data(keystone_exceptions.ConnectFailure('canary'),
              requests.exceptions.ReadTimeout('canary'),
              ConnectionRefusedError('canary'),
              barbican_exceptions.HTTPServerError('canary', 503))
    def test_key_manager_that_is_down(self, cause):
        def get(context, key_id):
            try:
                raise cause
            except type(cause) as error:
                # As castellan's key managers do, without "from".
                raise castellan_exceptions.KeyManagerError(  # noqa: B904
                    reason=error)

        self.manager.get.side_effect = get
        deferred = self.assertRaises(
            exception.RecoveryDeferred, self.of_volume)
        self.assertIn('the key manager cannot be asked', str(deferred))
        self.assertNotIn('canary', str(deferred))
        self.assertNotIn('its owner', str(deferred))

    @ddt.data(castellan_exceptions.Forbidden(),
              castellan_exceptions.ManagedObjectNotFoundError(uuid='key'),
              barbican_exceptions.HTTPClientError('forbidden', 403))
    def test_key_manager_that_refuses(self, error):
        self.manager.get.side_effect = error
        self.assertIn('does not give to Nova', self.of_volume())

    def test_nobody_is_asked_for_what_the_host_has(self):
        self.host.find_secret.return_value = 'secret'
        self.assertEqual('', self.of_volume())
        self.metadata.assert_not_called()
        self.manager.get.assert_not_called()

    def test_volume_that_is_not_encrypted(self):
        self.volume.connection_info['data'].clear()
        self.assertEqual('', self.of_volume())
        self.metadata.assert_not_called()

    @ddt.data(('plain', 'back-end'), ('NoOpEncryptor', 'front-end'),
              (None, 'front-end'), ('plain', None))
    @ddt.unpack
    def test_nothing_is_decrypted_on_this_host(self, provider, location):
        self.metadata.return_value = dict(
            LUKS, provider=provider, control_location=location)
        self.assertEqual('', self.of_volume())
        self.manager.get.assert_not_called()

    @ddt.data(nova_exception.CinderConnectionFailed(reason='down'),
              client_exceptions.NotFound(404))
    def test_cinder_that_does_not_answer(self, error):
        self.metadata.side_effect = error
        deferred = self.assertRaises(
            exception.RecoveryDeferred, self.of_volume)
        self.assertIn('encryption metadata', str(deferred))


@ddt.ddt
class OfVtpm(KeysTestBase):

    def setUp(self):
        super().setUp()
        libvirt_keys.nova.conf.CONF.set_override(
            'swtpm_enabled', True, group='libvirt')
        self.addCleanup(libvirt_keys.nova.conf.CONF.clear_override,
                        'swtpm_enabled', group='libvirt')
        self.instance.system_metadata['vtpm_secret_uuid'] = 'key'
        self.instance.flavor.extra_specs.update({
            'hw:tpm_version': '2.0', 'hw:tpm_model': 'tpm-crb'})
        self.manager.get.side_effect = KeyError('no')

    def of_vtpm(self):
        return self.keys.of_vtpm(self.context, self.instance)

    def test_secret_of_the_owner(self):
        self.assertIn('its vTPM needs its secret', self.of_vtpm())

    def test_secret_that_is_given(self):
        self.manager.get.side_effect = None
        self.assertEqual('', self.of_vtpm())

    @ddt.data(True, False)
    def test_secret_of_the_host(self, there):
        self.instance.flavor.extra_specs['hw:tpm_secret_security'] = 'host'
        self.host.find_secret.return_value = 'secret' if there else None
        self.assertEqual(there, not self.of_vtpm())

    def test_secret_of_the_deployment(self):
        self.instance.flavor.extra_specs[
            'hw:tpm_secret_security'] = 'deployment'
        self.manager.get.side_effect = None
        with mock.patch.object(nova_context, 'get_nova_service_user_context',
                               autospec=True) as user:
            self.assertEqual('', self.of_vtpm())
        self.manager.get.assert_called_once_with(user.return_value, 'key')

    def test_no_context_of_the_deployment(self):
        self.instance.flavor.extra_specs[
            'hw:tpm_secret_security'] = 'deployment'
        with mock.patch.object(
                nova_context, 'get_nova_service_user_context', autospec=True,
                side_effect=nova_exception.InvalidConfiguration('no user')):
            self.assertIn('its vTPM needs its secret', self.of_vtpm())

    def test_server_without_a_vtpm(self):
        self.instance.flavor.extra_specs.clear()
        self.assertEqual('', self.of_vtpm())
        self.manager.get.assert_not_called()


class Kept(KeysTestBase):

    def setUp(self):
        super().setUp()
        self.secret = mock.Mock(spec_set=('UUIDString', 'value'))
        self.secret.UUIDString.return_value = 'uuid'
        self.secret.value.return_value = b'canary'
        self.found = {('volume', VOLUME): self.secret}
        self.host.find_secret.side_effect = (
            lambda *usage: self.found.get(usage))

    def start(self, error=None):
        with self.keys.kept(self.instance, [VOLUME]):
            self.found.clear()
            if error:
                raise error

    def test_start_that_fails(self):
        self.assertRaises(ValueError, self.start, ValueError())
        self.host.create_secret.assert_called_once_with(
            'volume', VOLUME, password=b'canary', uuid='uuid')

    def test_vtpm_that_others_may_read(self):
        self.found = {('vtpm', self.instance.uuid): self.secret}
        # Host.create_secret of Nova 31 and 32 has no such parameters.
        self.host.create_secret = mock.Mock(spec=())
        self.assertRaises(ValueError, self.start, ValueError())
        self.host.create_secret.assert_called_once_with(
            'vtpm', self.instance.uuid, password=b'canary', uuid='uuid',
            ephemeral=False, private=False)

    def test_start(self):
        self.start()
        self.host.create_secret.assert_not_called()

    def test_secret_that_nobody_may_read(self):
        self.secret.value.side_effect = test_libvirt.LibvirtError(83)
        self.assertRaises(ValueError, self.start, ValueError())
        self.host.create_secret.assert_not_called()

    def test_libvirt_that_is_gone(self):
        self.host.create_secret.side_effect = test_libvirt.LibvirtError(38)
        self.assertRaises(ValueError, self.start, ValueError())

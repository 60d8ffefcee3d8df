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

"""The libvirt side, against Nova's own driver class."""

from unittest import mock

import ddt
import nova.conf
from nova.virt.libvirt import driver as libvirt_driver

from nova_failover_ext.recovery.host_devices import multipath_maps
from nova_failover_ext.recovery.host_devices import scsi_devices
from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery.virt import interface as virt_base
from nova_failover_ext.tests.unit.recovery.virt import test_libvirt


@ddt.ddt
class Storage(test_libvirt.LibvirtHostTestBase):

    def setUp(self):
        super().setUp()
        self.driver._host.find_secret.return_value = None
        self.driver._allow_native_luksv1.side_effect = (
            lambda encryption=None:
            libvirt_driver.LibvirtDriver._allow_native_luksv1(
                self.driver, encryption))
        self.metadata = (
            self.virt.volume_api.get_volume_encryption_metadata)
        self.metadata.return_value = {}

    def encrypt(self, provider, location='front-end'):
        self.volume.connection_info['data']['encrypted'] = True
        self.metadata.return_value = {
            'provider': provider, 'control_location': location,
            'encryption_key_id': 'key'}

    def test_disconnect_is_forced(self):
        old = {'data': {'device_path': '/old'}, 'serial': test_libvirt.VOLUME}
        self.virt.disconnect(None, self.instance, self.volume, old)
        self.driver._disconnect_volume.assert_called_once_with(
            None, old, self.instance, force=True,
            destroy_secrets=False, encryption={})

    def test_map_that_os_brick_has_left_is_removed(self):
        old = {'driver_volume_type': 'iscsi', staleness.WWID: 'w',
               'data': {'device_path': '/old'}}
        for problem in ('', 'mpath-w is still there: busy'):
            with mock.patch.object(multipath_maps, 'remove', autospec=True,
                                   return_value=problem) as remove:
                ask = (None, self.instance, self.volume, old)
                if problem:
                    error = self.assertRaises(virt_base.ConnectionStays,
                                              self.virt.disconnect, *ask)
                    self.assertIn(problem, str(error))
                else:
                    self.virt.disconnect(*ask)
            remove.assert_called_once_with('w', 10)
            given = self.driver._disconnect_volume.call_args.args[1]
            self.assertNotIn(staleness.WWID, given)

    def stranger(self, noted, **found):
        old = {'driver_volume_type': 'iscsi', 'data': {
            'target_portal': 'p', 'target_iqn': 'i', 'target_lun': 1}, **noted}
        with mock.patch.object(scsi_devices, 'at', autospec=True,
                               return_value=found) as at:
            said = self.virt.stranger(old)
        at.assert_called_once_with(frozenset([('p', 'i', '1')]))
        return said

    def test_device_of_another_volume(self):
        noted = {staleness.WWID: 'w'}
        self.assertEqual('sdb, which is v and not w',
                         self.stranger(noted, sda='w', sdb='v'))
        self.assertEqual('', self.stranger(noted, sda='w', sdb='w'))
        # A dead one may not say what it is.
        self.assertEqual('', self.stranger(noted, sda=''))
        self.assertEqual('', self.stranger({}, sda='v'))

    def test_device_that_nova_has_noted(self):
        old = {'driver_volume_type': 'fibre_channel', 'data': {
            'target_wwn': 'A', 'target_lun': 1, 'multipath_id': 'w'}}
        with mock.patch.object(scsi_devices, 'at', autospec=True,
                               return_value={'sda': 'v'}):
            self.assertIn('v and not w', self.virt.stranger(old))

    def remove_known(self, problem='', left=(), noted='w'):
        with (mock.patch.object(multipath_maps, 'remove', autospec=True,
                                return_value=problem),
              mock.patch.object(scsi_devices, 'having', autospec=True,
                                return_value=list(left))):
            return self.virt.remove_known({staleness.WWID: noted})

    def test_removal_without_numbers(self):
        self.assertEqual('', self.remove_known())
        self.assertEqual('busy', self.remove_known('busy'))
        self.assertEqual('w still has sda, sdb',
                         self.remove_known(left=('sda', 'sdb')))
        self.assertIn('nobody knows', self.remove_known(noted=''))
        self.driver._disconnect_volume.assert_not_called()

    def test_map_that_the_replica_shares_stays(self):
        old = {'driver_volume_type': 'iscsi', staleness.WWID: 'w',
               'data': {'device_path': '/old'}}
        with (mock.patch.object(multipath_maps, 'remove',
                                autospec=True) as remove,
              mock.patch.object(multipath_maps, 'wwid_of', autospec=True,
                                return_value='w')):
            self.virt.disconnect(None, self.instance, self.volume, old)
        remove.assert_not_called()

    def test_disconnect_leaves_the_count_of_multiattach_to_the_caller(self):
        old = {'data': {'device_path': '/old'}, 'multiattach': True}
        self.virt.disconnect(None, self.instance, self.volume, old)
        given = self.driver._disconnect_volume.call_args.args[1]
        self.assertEqual({'data': {'device_path': '/old'}}, given)
        self.assertIs(True, old['multiattach'])

    def test_disconnect_leaves_the_old_connection_as_it_was(self):
        # os-brick's nvmeof connector, with the original format.
        old = {'data': {'nqn': 'n', 'target_portal': 'p'}}
        self.driver._disconnect_volume.side_effect = (
            lambda context, info, instance, **kwargs:
            info['data'].pop('nqn'))
        self.virt.disconnect(None, self.instance, self.volume, old)
        self.assertEqual({'data': {'nqn': 'n', 'target_portal': 'p'}}, old)

    def test_disconnect_an_encrypted_volume(self):
        self.encrypt('plain')
        self.virt.disconnect(None, self.instance, self.volume,
                             self.volume.connection_info)
        self.assertEqual(
            self.metadata.return_value,
            self.driver._disconnect_volume.call_args.kwargs['encryption'])

    def test_connect(self):
        self.encrypt('luks')
        self.virt.connect(None, self.instance, self.volume)
        self.driver._connect_volume.assert_called_once_with(
            None, self.volume.connection_info, self.instance,
            encryption=self.metadata.return_value)

    def test_forget(self):
        self.virt.forget(self.volume)
        self.driver._host.delete_secret.assert_called_once_with(
            'volume', test_libvirt.VOLUME)

    def lacks(self, **data):
        return self.virt.lacks({'driver_volume_type': 'rbd', 'data': data})

    @property
    def look_up(self):
        connection = self.driver._host.get_connection.return_value
        return connection.secretLookupByUUIDString

    def test_ceph_secret_is_there(self):
        self.assertEqual('', self.lacks(auth_enabled=True, secret_uuid='s'))
        self.look_up.assert_called_once_with('s')

    def test_ceph_secret_is_missing(self):
        self.look_up.side_effect = test_libvirt.LibvirtError(
            test_libvirt.BINDING.VIR_ERR_NO_SECRET)
        self.assertIn('no secret s', self.lacks(
            auth_enabled=True, secret_uuid='s'))

    def test_libvirt_does_not_answer(self):
        self.look_up.side_effect = test_libvirt.LibvirtError(38)
        self.assertRaises(test_libvirt.LibvirtError, self.lacks,
                          auth_enabled=True, secret_uuid='s')

    def test_ceph_secret_of_this_host(self):
        conf = mock.Mock(spec_set=('libvirt',))
        conf.libvirt.rbd_secret_uuid = 'ours'
        with mock.patch.object(nova.conf, 'CONF', conf):
            self.lacks(auth_enabled=True, secret_uuid=None)
        self.look_up.assert_called_once_with('ours')

    def test_no_ceph_secret_needed(self):
        self.assertEqual('', self.lacks(auth_enabled=False))
        self.assertEqual('', self.virt.lacks({
            'driver_volume_type': 'iscsi', 'data': {'auth_enabled': True}}))
        self.look_up.assert_not_called()

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

from nova import exception as nova_exception
from nova import objects
from nova.objects import block_device
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest
from nova.volume import cinder as nova_cinder
from oslo_serialization import jsonutils
from oslotest import base

from nova_failover_ext.compute import mapping
from nova_failover_ext.compute.virt import base as virt_base
from nova_failover_ext.compute.virt import libvirt

VOLUME = '8e1d1d6c-7a2b-4f0e-8c36-0d2f3a1b4c5d'
ADDRESS = ('<address type="pci" domain="0x0000" bus="0x00" slot="0x07" '
           'function="0x0"/>\n')
DISK = f'''<disk type="block" device="disk">
  <source dev="%s"/><target dev="vdb" bus="virtio"/>
  <alias name="ua-{VOLUME}"/>{ADDRESS}</disk>'''


def disk(path):
    conf = vconfig.LibvirtConfigGuestDisk()
    conf.parse_str(DISK % path)
    return conf


def fresh_disk(path):
    # As the driver makes it: libvirt gives it an address later.
    conf = disk(path)
    conf.device_addr = None
    return conf


class LibvirtHost(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.driver = mock.create_autospec(
            libvirt_driver.LibvirtDriver, instance=True)
        self.guest = mock.create_autospec(libvirt_guest.Guest, instance=True)
        self.driver._host = mock.Mock(spec_set=('get_guest', 'find_secret'))
        self.driver._host.get_guest.return_value = self.guest
        self.driver._build_device_metadata.return_value = None
        self.driver._get_volume_config.side_effect = (
            lambda info, disk_info: fresh_disk(info['data']['device_path']))
        self.virt = libvirt.LibvirtHost(
            self.driver, mock.create_autospec(nova_cinder.API, instance=True))
        self.instance = objects.Instance(
            uuid=VOLUME, image_ref='', system_metadata={},
            flavor=objects.Flavor(extra_specs={}, root_gb=0, memory_mb=64))
        self.instance.save = mock.create_autospec(self.instance.save)
        self.volume = mapping.Mapping(mock.create_autospec(
            block_device.BlockDeviceMapping, instance=True,
            volume_id=VOLUME, device_name='/dev/vdb', disk_bus='virtio',
            device_type='disk', connection_info=jsonutils.dumps(
                {'data': {'device_path': '/new'}})))

    def in_guest(self, *found):
        self.driver._get_guest_disk_device.side_effect = found

    def test_guest_runs(self):
        # Whatever its state, as long as there is a QEMU.
        for active in (True, False):
            self.guest.is_active.return_value = active
            self.assertEqual(active, self.virt.guest_runs(self.instance))

    def test_no_guest(self):
        self.driver._host.get_guest.side_effect = (
            nova_exception.InstanceNotFound(instance_id=VOLUME))
        self.assertFalse(self.virt.guest_runs(self.instance))

    def test_place(self):
        self.in_guest(disk('/old'))
        self.assertIn('slot="0x07"',
                      self.virt.place(self.instance, self.volume))

    def test_no_place(self):
        self.in_guest(None)
        self.assertIsNone(self.virt.place(self.instance, self.volume))

    def test_shows(self):
        self.in_guest(disk('/new'), disk('/old'), None)
        self.assertEqual(
            [True, False, False],
            [self.virt.shows(self.instance, self.volume) for _ in range(3)])

    def test_never_connected_is_not_shown(self):
        self.volume.connection_info = {'data': {}}
        self.in_guest(disk('/new'))
        self.assertFalse(self.virt.shows(self.instance, self.volume))

    def test_release(self):
        self.in_guest(None)
        self.virt.release(self.instance, self.volume)
        self.driver._detach_with_retry.assert_called_once_with(
            self.guest, VOLUME, mock.ANY, device_name='vdb')

    def test_release_again(self):
        self.in_guest(None)
        self.driver._detach_with_retry.side_effect = (
            nova_exception.DeviceNotFound(device='vdb'))
        self.virt.release(self.instance, self.volume)

    def test_guest_holds_on(self):
        self.driver._detach_with_retry.side_effect = (
            nova_exception.DeviceDetachFailed(device='vdb', reason='no'))
        self.assertRaises(virt_base.GuestHoldsDevice, self.virt.release,
                          self.instance, self.volume)

    def test_release_that_lied(self):
        self.in_guest(disk('/old'))
        self.assertRaises(virt_base.GuestHoldsDevice, self.virt.release,
                          self.instance, self.volume)

    def test_plug_at_the_same_address(self):
        self.volume.begin(ADDRESS)
        self.virt.plug(None, self.instance, self.volume)
        conf = self.guest.attach_device.call_args.args[0]
        self.assertIn('slot="0x07"', conf.to_xml())
        self.assertIn('dev="/new"', conf.to_xml())
        self.guest.attach_device.assert_called_once_with(
            conf, persistent=True, live=True)

    def test_nova_33_wants_the_instance_first(self):
        def make(instance, connection_info, disk_info):
            return disk(connection_info['data']['device_path'])

        self.driver._get_volume_config = make
        self.in_guest(disk('/new'))
        self.assertTrue(self.virt.shows(self.instance, self.volume))

    @mock.patch('os_brick.encryptors.get_encryption_metadata',
                autospec=True, return_value={})
    def test_disconnect_is_forced(self, encryption):
        self.virt.disconnect(None, self.instance, self.volume)
        self.driver._disconnect_volume.assert_called_once_with(
            None, self.volume.connection_info, self.instance, force=True,
            destroy_secrets=False, encryption={})

    def test_luks_secret_has_to_be_there(self):
        self.assertEqual('', self.virt.obstacle(self.volume))
        self.volume.connection_info['data']['encrypted'] = True
        self.driver._host.find_secret.return_value = None
        self.assertIn('secret', self.virt.obstacle(self.volume))
        self.driver._host.find_secret.return_value = object()
        self.assertEqual('', self.virt.obstacle(self.volume))

    @mock.patch('os_brick.encryptors.get_encryption_metadata',
                autospec=True, return_value={'provider': 'luks'})
    def test_connect(self, encryption):
        self.virt.connect(None, self.instance, self.volume)
        self.driver._connect_volume.assert_called_once_with(
            None, self.volume.connection_info, self.instance,
            encryption={'provider': 'luks'})

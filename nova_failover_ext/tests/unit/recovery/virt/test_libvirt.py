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

import types
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

from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery.virt import interface as virt_base
from nova_failover_ext.recovery.virt import libvirt

VOLUME = '8e1d1d6c-7a2b-4f0e-8c36-0d2f3a1b4c5d'
ADDRESS = ('<address type="pci" domain="0x0000" bus="0x00" slot="0x07" '
           'function="0x0"/>\n')
DISK = f'''<disk type="block" device="disk">
  <source dev="%s"/><target dev="vdb" bus="virtio"/>
  <alias name="ua-{VOLUME}"/>{ADDRESS}</disk>'''


class LibvirtError(Exception):
    """Whether or not libvirt's binding is installed."""

    def get_error_code(self):
        return self.args[0]


BINDING = types.SimpleNamespace(
    libvirtError=LibvirtError, VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK=-2,
    VIR_ERR_NO_SECRET=66, VIR_ERR_OPERATION_UNSUPPORTED=84)


def disk(path):
    conf = vconfig.LibvirtConfigGuestDisk()
    conf.parse_str(DISK % path)
    return conf


def fresh_disk(path):
    # As the driver makes it: libvirt gives it an address later.
    conf = disk(path)
    conf.device_addr = None
    return conf


class LibvirtHostTestBase(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        objects.register_all()
        patched = mock.patch.object(libvirt_guest, 'libvirt', BINDING)
        patched.start()
        self.addCleanup(patched.stop)
        self.driver = mock.create_autospec(
            libvirt_driver.LibvirtDriver, instance=True)
        self.guest = mock.create_autospec(libvirt_guest.Guest, instance=True)
        self.driver._host = mock.Mock(
            spec_set=('get_guest', 'get_connection', 'find_secret',
                      'delete_secret'))
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


class Guest(LibvirtHostTestBase):

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

    def release(self, timeout=5):
        self.virt.release(self.instance, self.volume, timeout)

    def held(self, **kwargs):
        return str(self.assertRaises(
            virt_base.GuestHoldsDevice, self.release, **kwargs))

    def test_release(self):
        live, lasting = disk('/old'), disk('/old')
        self.in_guest(live, lasting, None)
        self.release()
        self.driver._detach_from_persistent.assert_called_once_with(
            self.guest, VOLUME, lasting, mock.ANY, 'vdb')
        self.driver._detach_from_live_and_wait_for_event \
            .assert_called_once_with(live, self.guest, VOLUME, 'vdb')

    def test_release_again(self):
        self.in_guest(None, None, None)
        self.release()
        self.driver._detach_from_persistent.assert_not_called()
        self.driver._detach_from_live_and_wait_for_event.assert_not_called()

    def test_guest_without_a_persistent_domain(self):
        self.guest.has_persistent_configuration.return_value = False
        self.in_guest(disk('/old'), None)
        self.release()
        self.driver._detach_from_persistent.assert_not_called()

    def test_gone_when_it_is_detached(self):
        self.in_guest(disk('/old'), disk('/old'), None)
        self.driver._detach_from_live_and_wait_for_event.side_effect = (
            nova_exception.DeviceNotFound(device='vdb'))
        self.release()

    def test_guest_holds_on(self):
        self.in_guest(disk('/old'), disk('/old'))
        self.driver._detach_from_live_and_wait_for_event.side_effect = (
            nova_exception.DeviceDetachFailed(device='vdb', reason='no'))
        self.held()

    def test_release_that_lied(self):
        self.in_guest(*[disk('/old')] * 3)
        self.assertIn('libvirt still has it', self.held())
        # Another try could come after the caller has given up.
        self.driver._detach_from_live_and_wait_for_event \
            .assert_called_once()

    def test_release_that_comes_late(self):
        # The guest is off and on again by now, with the disk's new source.
        self.in_guest(disk('/new'), disk('/new'))
        self.assertIn('too long', self.held(timeout=0))
        self.driver._detach_from_persistent.assert_not_called()
        self.driver._detach_from_live_and_wait_for_event.assert_not_called()

    def test_disk_that_cannot_be_unplugged(self):
        for bus, kind in (('sata', 'disk'), ('ide', 'disk'), ('fdc', 'disk'),
                          ('scsi', 'cdrom')):
            conf = disk('/old')
            conf.target_bus, conf.source_device = bus, kind
            self.in_guest(conf)
            self.assertIn('cannot be unplugged', self.held())
        # It stays in the definition as well.
        self.driver._detach_from_persistent.assert_not_called()

    def test_libvirt_cannot_unplug_it(self):
        self.in_guest(disk('/old'), disk('/old'))
        self.driver._detach_from_live_and_wait_for_event.side_effect = (
            LibvirtError(84))
        self.assertIn('cannot be unplugged', self.held())

    def test_release_fails(self):
        self.in_guest(disk('/old'), disk('/old'))
        self.driver._detach_from_live_and_wait_for_event.side_effect = (
            LibvirtError(1))
        self.assertRaises(LibvirtError, self.release)

    def plugged(self):
        """Plug the disk in; return what libvirt was told, in order."""
        self.in_guest(None)
        self.virt.plug(None, self.instance, self.volume)
        for call in self.guest.attach_device.call_args_list:
            self.assertEqual({'persistent': True, 'live': True}, call.kwargs)
        return [call.args[0].to_xml()
                for call in self.guest.attach_device.call_args_list]

    def test_plug_at_the_same_address(self):
        self.volume.begin(ADDRESS)
        xml, = self.plugged()
        self.assertIn('slot="0x07"', xml)
        self.assertIn('dev="/new"', xml)

    def test_plug_elsewhere_if_the_address_is_taken(self):
        self.volume.begin(ADDRESS)
        self.guest.attach_device.side_effect = (
            LibvirtError('in use'), None)
        first, second = self.plugged()
        self.assertIn('slot="0x07"', first)
        self.assertNotIn('<address', second)

    def test_plug_fails(self):
        self.guest.attach_device.side_effect = LibvirtError('no')
        self.assertRaises(LibvirtError, self.plugged)
        self.guest.attach_device.assert_called_once()

    def test_plug_again(self):
        self.in_guest(disk('/new'))
        self.driver._build_device_metadata.return_value = (
            objects.InstanceDeviceMetadata(devices=[]))
        self.virt.plug(None, self.instance, self.volume)
        self.guest.attach_device.assert_not_called()
        # A crash may have come before this.
        self.assertEqual([], self.instance.device_metadata.devices)
        self.instance.save.assert_called_once_with()

    def scsi_disk(self, info, disk_info):
        conf = fresh_disk(info['data']['device_path'])
        conf.target_bus = disk_info['bus']
        if 'unit' in disk_info:
            conf.device_addr = vconfig.LibvirtConfigGuestDeviceAddressDrive()
            conf.device_addr.unit = disk_info['unit']
        return conf

    def test_plug_at_the_same_scsi_unit(self):
        self.volume.bdm.disk_bus = 'scsi'
        self.driver._get_volume_config.side_effect = self.scsi_disk
        self.volume.begin('<address type="drive" controller="0" bus="0" '
                          'target="0" unit="3"/>')
        xml, = self.plugged()
        self.assertIn('unit="3"', xml)

    def test_plug_at_the_next_scsi_unit(self):
        self.volume.bdm.disk_bus = 'scsi'
        self.driver._get_volume_config.side_effect = self.scsi_disk
        self.driver._get_scsi_controller_next_unit.return_value = 5
        xml, = self.plugged()
        self.assertIn('unit="5"', xml)
        self.driver._get_scsi_controller_next_unit.assert_called_once_with(
            self.guest)

    def test_nova_33_wants_the_instance_first(self):
        def make(instance, connection_info, disk_info):
            return disk(connection_info['data']['device_path'])

        self.driver._get_volume_config = make
        self.in_guest(disk('/new'))
        self.assertTrue(self.virt.shows(self.instance, self.volume))


class Mounted(LibvirtHostTestBase):

    def setUp(self):
        super().setUp()
        self.guest._domain = mock.Mock(
            spec_set=('fsInfo', 'agentSetResponseTimeout'))
        self.limit = self.guest._domain.agentSetResponseTimeout
        self.instance.system_metadata = {'image_hw_qemu_guest_agent': 'yes'}

    def mounted(self, found=(), *file_systems):
        self.in_guest(*found)
        self.guest._domain.fsInfo.return_value = list(file_systems)
        return self.virt.mounted(self.instance, self.volume)

    def test_mounted(self):
        self.assertIs(True, self.mounted(
            [disk('/old')], ['/', 'vda1', 'ext4', ['vda']],
            ['/data', 'dm-0', 'xfs', ['vdb', 'vdc']]))

    def test_not_mounted(self):
        self.assertIs(False, self.mounted(
            [disk('/old')], ['/', 'vda1', 'ext4', ['vda']],
            ['/snap', 'loop0', 'squashfs', []]))

    def test_disk_has_gone(self):
        self.assertIs(False, self.mounted(
            [None], ['/data', 'vdb', 'ext4', ['vdb']]))

    def test_agent_cannot_hang(self):
        self.mounted([None])
        self.assertEqual([mock.call(5), mock.call(-2)],
                         self.limit.call_args_list)

    def test_agent_does_not_answer(self):
        self.guest._domain.fsInfo.side_effect = (
            LibvirtError('not connected'))
        self.assertIsNone(self.mounted([disk('/old')]))
        self.assertEqual(mock.call(-2), self.limit.call_args)

    def test_binding_without_a_limit(self):
        self.guest._domain = mock.Mock(spec_set=('fsInfo',))
        self.assertIs(False, self.mounted([disk('/old')]))

    def test_image_without_an_agent(self):
        self.instance.system_metadata = {}
        self.assertIsNone(self.mounted())
        self.guest._domain.fsInfo.assert_not_called()

    def test_no_guest(self):
        self.driver._host.get_guest.side_effect = (
            nova_exception.InstanceNotFound(instance_id=VOLUME))
        self.assertIsNone(self.mounted())

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


"""Nova's fake driver, by which the generic part is held to be right.

It stands for a hypervisor that keeps the disks of a guest that is off.
"""

from unittest import mock

from nova.compute import power_state
from nova import exception as nova_exception
from nova import objects
from nova.objects import block_device
from nova.virt import fake
from nova.volume import cinder as nova_cinder
from oslo_serialization import jsonutils
from oslotest import base

from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery.virt import generic
from nova_failover_ext.recovery.virt import interface as virt_base

VOLUME = '8e1d1d6c-7a2b-4f0e-8c36-0d2f3a1b4c5d'
OLD = {'data': {'device_path': '/old'}, 'serial': VOLUME}
NEW = {'data': {'device_path': '/new'}, 'serial': VOLUME}


class GenericHost(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.driver = fake.FakeDriver(None)
        self.virt = generic.GenericHost(
            self.driver, mock.create_autospec(nova_cinder.API, instance=True))
        self.instance = objects.Instance(
            id=1, uuid=VOLUME, display_name='one',
            image_ref='', system_metadata={}, flavor=objects.Flavor(
                vcpus=1, memory_mb=64, root_gb=0))
        self.driver.spawn(None, self.instance, None, None, None, None)
        self.volume = mapping.Mapping(mock.create_autospec(
            block_device.BlockDeviceMapping, instance=True,
            volume_id=VOLUME, device_name='/dev/vdb', disk_bus='virtio',
            device_type='disk', connection_info=jsonutils.dumps(OLD)))
        self.driver.attach_volume(None, OLD, self.instance, '/dev/vdb')
        # The fake driver takes any connection_info for any other.
        self.detached = []
        detach = self.driver.detach_volume
        patched = mock.patch.object(
            self.driver, 'detach_volume', autospec=True,
            side_effect=lambda context, info, *args, **kwargs: (
                self.detached.append(info['data']['device_path']),
                detach(context, info, *args, **kwargs)))
        self.detach_volume = patched.start()
        self.addCleanup(patched.stop)

    def path(self):
        """Return the path of the guest's disk, None if it has none."""
        mounts = self.driver._mounts[self.instance.name]
        info = mounts.get('/dev/vdb')
        return info and info['data']['device_path']

    def power_off(self):
        self.driver.power_off(self.instance)

    def test_guest_runs(self):
        self.assertTrue(self.virt.guest_runs(self.instance))
        self.power_off()
        self.assertFalse(self.virt.guest_runs(self.instance))

    def test_paused_guest_runs(self):
        guest = self.driver.instances[self.instance.uuid]
        for state in (power_state.PAUSED, power_state.NOSTATE):
            guest.state = state
            self.assertTrue(self.virt.guest_runs(self.instance))

    def test_no_guest(self):
        self.driver.destroy(None, self.instance, None)
        self.assertFalse(self.virt.guest_runs(self.instance))

    def test_nothing_is_known(self):
        self.assertEqual([None] * 3, [
            ask(self.instance, self.volume) for ask in (
                self.virt.place, self.virt.shows, self.virt.mounted)])

    def test_connector(self):
        self.assertEqual(self.driver.get_volume_connector(self.instance),
                         self.virt.connector(self.instance))

    def exchange(self):
        """Do as a recovery does, first with the old, then with the new."""
        self.virt.disconnect(None, self.instance, self.volume, OLD)
        self.volume.connection_info = NEW
        self.virt.connect(None, self.instance, self.volume)

    def test_running_guest(self):
        self.virt.release(self.instance, self.volume, 5)
        self.assertIsNone(self.path())
        self.exchange()
        self.assertIsNone(self.path())
        self.virt.plug(None, self.instance, self.volume)
        self.assertEqual('/new', self.path())
        # Before it is plugged in it is made sure that it is not there.
        self.assertEqual(['/old', '/new'], self.detached)

    def test_guest_that_is_off(self):
        self.power_off()
        self.virt.disconnect(None, self.instance, self.volume, OLD)
        self.assertIsNone(self.path())
        self.exchange()
        self.assertEqual('/new', self.path())
        self.assertEqual(['/old', '/old', '/new'], self.detached)

    def test_attach_again_after_a_crash(self):
        self.power_off()
        self.exchange()
        attach = mock.create_autospec(self.driver.attach_volume)
        with mock.patch.object(self.driver, 'attach_volume', attach):
            self.virt.connect(None, self.instance, self.volume)
        attach.assert_called_once_with(
            None, NEW, self.instance, '/dev/vdb', disk_bus='virtio',
            device_type='disk', encryption={})
        # No driver would take a second one at the same place.
        self.assertEqual('/new', self.detached[-1])
        self.assertIsNone(self.path())

    def test_no_guest_has_nothing_to_exchange(self):
        missing = nova_exception.InstanceNotFound(instance_id=VOLUME)
        self.driver.destroy(None, self.instance, None)
        self.detach_volume.side_effect = missing
        with mock.patch.object(self.driver, 'attach_volume', autospec=True,
                               side_effect=missing) as attach:
            self.exchange()
        attach.assert_called_once()

    def test_release_again(self):
        self.detach_volume.side_effect = (
            nova_exception.DiskNotFound(location='vdb'))
        self.virt.release(self.instance, self.volume, 5)

    def test_guest_holds_on(self):
        self.detach_volume.side_effect = (
            nova_exception.DeviceDetachFailed(device='vdb', reason='no'))
        self.assertRaises(virt_base.GuestHoldsDevice, self.virt.release,
                          self.instance, self.volume, 5)

    def test_disconnect_fails(self):
        self.power_off()
        self.detach_volume.side_effect = OSError('hung')
        self.assertRaises(OSError, self.exchange)

    def test_encrypted_volume_needs_its_owner(self):
        ask = (None, self.instance, self.volume)
        self.assertEqual('', self.virt.obstacle(*ask))
        self.volume.connection_info['data']['encrypted'] = True
        self.assertIn('stop the server', self.virt.obstacle(*ask))

    def test_nothing_to_forget(self):
        self.virt.forget(self.volume)
        self.assertEqual('/old', self.path())

    def test_disks_of_a_guest_that_is_off_stay(self):
        self.assertTrue(self.virt.connects_when_off)

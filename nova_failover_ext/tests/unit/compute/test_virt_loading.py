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


"""The right part is loaded for each virt driver."""

from unittest import mock

import ddt
from nova.virt.libvirt import driver as libvirt_driver
from nova.volume import cinder as nova_cinder
from oslotest import base
import stevedore

from nova_failover_ext.compute import virt_loading
from nova_failover_ext.recovery.virt import generic
from nova_failover_ext.recovery.virt import libvirt


@ddt.ddt
class LoadVirtHost(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.driver = mock.create_autospec(
            libvirt_driver.LibvirtDriver, instance=True)
        self.volume_api = mock.create_autospec(
            nova_cinder.API, instance=True)
        patched = mock.patch.object(virt_loading, 'LOG', autospec=True)
        self.log = patched.start()
        self.addCleanup(patched.stop)

    def load(self, name):
        found = virt_loading.load_virt_host(name, self.driver, self.volume_api)
        self.assertEqual((self.driver, self.volume_api),
                         (found.driver, found.volume_api))
        return type(found)

    def test_libvirt(self):
        self.assertIs(libvirt.LibvirtHost, self.load('libvirt.LibvirtDriver'))
        self.log.warning.assert_not_called()

    @ddt.data('fake.FakeDriver', 'vmwareapi.VMwareVCDriver', 'out_of_tree')
    def test_any_other(self, name):
        self.assertIs(generic.GenericHost, self.load(name))
        self.log.warning.assert_called_once()
        self.assertIn(name, self.log.warning.call_args.args)

    @mock.patch.object(stevedore, 'DriverManager', autospec=True,
                       side_effect=ImportError('broken'))
    def test_broken_one_is_not_replaced(self, manager):
        self.assertRaises(ImportError, self.load, 'theirs.Driver')
        manager.assert_called_once()

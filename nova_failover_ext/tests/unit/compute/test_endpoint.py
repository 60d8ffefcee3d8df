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

"""The thin edge: context in, plain data out, loading by virt driver."""

from unittest import mock

from nova.compute import manager as nova_manager
from nova import context as nova_context
from nova import exception as nova_exception
from nova.objects import instance as instance_object
from nova.virt.libvirt import driver as libvirt_driver
from nova.volume import cinder as nova_cinder
from oslotest import base

from nova_failover_ext.compute import endpoint
from nova_failover_ext.compute import manager
from nova_failover_ext.compute import recovery
from nova_failover_ext.compute.virt import libvirt
from nova_failover_ext import results
from nova_failover_ext import rpcapi
from nova_failover_ext import truth


class Endpoint(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.work = mock.create_autospec(recovery.Recovery, instance=True)
        self.endpoint = endpoint.FailoverEndpoint('here', self.work)
        self.context = nova_context.get_admin_context()

    def test_ping(self):
        self.assertEqual({'host': 'here', 'version': '1.0'},
                         self.endpoint.ping(self.context))

    def test_recover_server(self):
        result = results.ServerResult('s', results.Outcome.UNCHANGED)
        self.work.recover.return_value = result
        self.assertEqual(
            result.to_primitive(), self.endpoint.recover_server(
                self.context, server_id='s', failover_id='req-f',
                volumes={'v': 'b'}))
        self.work.recover.assert_called_once_with(
            self.context, 's', {'v': 'b'})
        self.assertEqual('req-f', self.context.request_id)

    def test_target_is_that_of_the_client(self):
        target = rpcapi.ComputeFailoverAPI.target()
        self.assertEqual(target.namespace, self.endpoint.target.namespace)
        self.assertEqual(target.version, self.endpoint.target.version)


class ResumeGuests(base.BaseTestCase):
    """Nova's resume_guests_state_on_host_boot, at the start of the service."""

    def setUp(self):
        super().setUp()
        patch = mock.patch.object(
            nova_manager.ComputeManager, '_resume_guests_state',
            autospec=True)
        self.addCleanup(patch.stop)
        self.resumed = patch.start()
        self.manager = manager.FailoverComputeManager.__new__(
            manager.FailoverComputeManager)

    def resume(self, task_state):
        instance = mock.create_autospec(
            instance_object.Instance, instance=True, task_state=task_state)
        self.manager._resume_guests_state('context', instance, 'network')
        return self.resumed.called

    def test_interrupted_recovery_is_not_resumed_on_the_old_site(self):
        self.assertFalse(self.resume(truth.TASK_STATE))

    def test_any_other_server_is(self):
        self.assertTrue(self.resume(None))


class LoadVirtHost(base.BaseTestCase):

    def test_libvirt(self):
        found = manager.load_virt_host(
            'libvirt.LibvirtDriver',
            mock.create_autospec(libvirt_driver.LibvirtDriver, instance=True),
            mock.create_autospec(nova_cinder.API, instance=True))
        self.assertIsInstance(found, libvirt.LibvirtHost)

    def test_unknown(self):
        error = self.assertRaises(
            nova_exception.InvalidConfiguration, manager.load_virt_host,
            'ironic.IronicDriver', None, None)
        self.assertIn('ironic.IronicDriver', str(error))

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

"""Nova's functional harness with the failover manager and Cinder."""

from unittest import mock

from lxml import etree
from nova import context as nova_context
from nova import objects
from nova import rpc
from nova import service
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional.api import client
from nova.tests.functional.libvirt import base
from os_brick.initiator.connectors import local
from oslo_serialization import jsonutils
from oslo_utils import uuidutils

from nova_failover_ext.compute import cmd
from nova_failover_ext import fixture
from nova_failover_ext import rpcapi


__all__ = ("FailoverTestBase", "client")


class FailoverTestBase(base.ServersTestBase):
    """Real API, conductor, scheduler, compute and database."""

    api_major_version = 'v2.1'
    microversion = 'latest'
    ROOT = nova_fixtures.CinderFixture.IMAGE_BACKED_VOL
    DATA = '0d5c3a9e-6f0e-4b6f-8f64-0a5e0a4b7c11'

    def setUp(self):
        super().setUp()
        self.cinder = self.useFixture(fixture.CinderFailoverFixture(self))
        self.useFixture(nova_fixtures.NeutronFixture(self))
        self.read = self.patch(local.LocalConnector, 'check_valid_device',
                               return_value=True)
        # The harness's libvirt sends no event when a device has gone.
        self.flags(device_detach_timeout=1, group='libvirt')
        self.manager = cmd.MANAGER
        patched = mock.patch.dict(service.SERVICE_MANAGERS,
                                  {'nova-compute': self.manager})
        patched.start()
        self.addCleanup(patched.stop)
        self.start_compute()
        self.context = nova_context.get_admin_context()
        self.failover_id = 'req-' + uuidutils.generate_uuid()

    def patch(self, target, name, **kwargs):
        patched = mock.patch.object(target, name, autospec=True, **kwargs)
        self.addCleanup(patched.stop)
        return patched.start()

    def boot(self, *bdms, **kwargs):
        """Create a server with volumes and wait for it."""
        server = self._build_server(networks='none', **kwargs)
        server['block_device_mapping_v2'] = list(bdms)
        if any(bdm['boot_index'] == 0 for bdm in bdms):
            server['imageRef'] = ''
        created = self.api.post_server({'server': server})
        return self._wait_for_state_change(created, 'ACTIVE')

    def root(self):
        return {'boot_index': 0, 'uuid': self.ROOT,
                'source_type': 'volume', 'destination_type': 'volume'}

    def attach(self, server, volume_id):
        """Attach a data volume to a running server."""
        self._attach_volume(server, volume_id)
        self._wait_for_volume_attach(server['id'], volume_id)

    def recover(self, server, *volumes):
        """Ask the compute host by RPC, as the engine does."""
        context = nova_context.RequestContext(
            is_admin=True, request_id=self.failover_id, overwrite=False)
        cell = objects.InstanceMapping.get_by_instance_uuid(
            context, server['id']).cell_mapping
        router = rpc.ClientRouter(
            rpc.get_client(rpcapi.ComputeFailoverAPI.target()))
        with nova_context.target_cell(context, cell) as targeted:
            api = rpcapi.ComputeFailoverAPI(router.client(targeted))
            return api.recover_server(
                targeted, 'compute1', server['id'], self.failover_id,
                dict.fromkeys(volumes, self.cinder.site), 60, 30)

    def bdm(self, server, volume_id):
        return objects.BlockDeviceMapping.get_by_volume_and_instance(
            self.context, volume_id, server['id'])

    def info(self, server, volume_id):
        return jsonutils.loads(self.bdm(server, volume_id).connection_info)

    def disks(self, server):
        """Return target device name to source path in the domain."""
        driver = self.computes['compute1'].driver
        domain = driver._host._get_domain(
            objects.Instance.get_by_uuid(self.context, server['id']))
        xml = etree.fromstring(domain.XMLDesc(0))
        return {disk.find('target').get('dev'): disk.find('source').get('dev')
                for disk in xml.findall('.//disk')}

    def actions(self, server):
        """Return the recoveries as the server's owner sees them."""
        found = self.api.api_get(
            '/servers/%s/os-instance-actions' % server['id'])
        return [action for action in found.body['instanceActions']
                if action['action'] == 'failover_recover']

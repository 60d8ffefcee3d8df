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

import sys
from unittest import mock

from lxml import etree
from nova import context as nova_context
from nova import objects
from nova import rpc
from nova import service
from nova.tests import fixtures as nova_fixtures
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.functional.api import client
from nova.tests.functional.libvirt import base
from os_brick.initiator.connectors import local
from oslo_serialization import jsonutils
from oslo_utils import uuidutils
import tenacity
from testtools import content

from nova_failover_ext.compute import cmd
from nova_failover_ext import fixture
from nova_failover_ext import rpcapi
from nova_failover_ext.tests.functional.compute import hypervisor
from nova_failover_ext import truth


__all__ = ("FailoverTestBase", "client")

#: Seconds until a wait has failed; nothing here takes long.
PATIENCE = 60


class FailoverTestBase(base.ServersTestBase):
    """Real API, conductor, scheduler, compute and database.

    :cvar HOSTS: the compute hosts that every test starts with
    :ivar cinder: the CinderFailoverFixture; set its ``site`` to fail over
    :ivar hypervisor: what guests and hosts really have
    :ivar read: the mocked try whether a device can be read on the host
    """

    api_major_version = 'v2.1'
    microversion = 'latest'
    ROOT = nova_fixtures.CinderFixture.IMAGE_BACKED_VOL
    DATA = '0d5c3a9e-6f0e-4b6f-8f64-0a5e0a4b7c11'
    HOSTS: tuple[str, ...] = ('compute1',)

    def setUp(self):
        super().setUp()
        self.cinder = self.useFixture(fixture.CinderFailoverFixture(self))
        self.useFixture(nova_fixtures.NeutronFixture(self))
        self.hypervisor = self.useFixture(
            hypervisor.Hypervisor(self.computes))
        self.read = self.patch(local.LocalConnector, 'check_valid_device',
                               return_value=True)
        self.flags(device_detach_timeout=1, device_detach_attempts=1,
                   group='libvirt')
        self.flags(max_concurrent_live_migrations=10)
        self.flags(instances=-1, cores=-1, ram=-1, group='quota')
        self.manager = cmd.MANAGER
        patched = mock.patch.dict(service.SERVICE_MANAGERS,
                                  {'nova-compute': self.manager})
        patched.start()
        self.addCleanup(patched.stop)
        for host in self.HOSTS:
            self.start_compute(host, host_info=self.host_info())
        self.context = nova_context.get_admin_context()
        self.failover_id = 'req-' + uuidutils.generate_uuid()

    def host_info(self):
        """Return a host that is large enough for many servers."""
        return fakelibvirt.HostInfo(
            cpu_nodes=2, cpu_sockets=1, cpu_cores=3, cpu_threads=2,
            kB_mem=64 * 1024 ** 2)

    def patch(self, target, name, **kwargs):
        patched = mock.patch.object(target, name, autospec=True, **kwargs)
        self.addCleanup(patched.stop)
        return patched.start()

    # Waiting

    def wait_for(self, condition, what='what was waited for'):
        """Wait until something is true, and return it.

        :param condition: a callable
        :param what: for the message, if it does not come true
        """
        try:
            return tenacity.Retrying(
                wait=tenacity.wait_fixed(0.05),
                stop=tenacity.stop_after_delay(PATIENCE),
                retry=tenacity.retry_if_result(lambda result: not result),
            )(condition)
        except tenacity.RetryError:
            self.fail(f'{what} did not come within {PATIENCE} seconds')

    def _wait_for_server_parameter(self, server, expected_params,
                                   max_retries=10, api=None,
                                   wait_for_fault_key=True):
        # As Nova's harness does, but without its half seconds.
        api = api or self.api

        def reached():
            found = api.get_server(server['id'])
            if all(found[key] == value
                   for key, value in expected_params.items()):
                return found
            if found['status'] == 'ERROR' and 'fault' in found and (
                    expected_params.get('status')):
                self.fail(found['fault'])
            return None

        return self.wait_for(reached, f'{expected_params} of {server["id"]}')

    def wait_for_all(self, servers, status):
        """Wait until servers have a status and no task.

        :param servers: as the API shows them
        :returns: them as they are then, in that order
        """
        wanted = [server['id'] for server in servers]

        def reached():
            found = {server['id']: server for server in self.api.get_servers()}
            return all(
                server_id in found
                and found[server_id]['status'] == status
                and not found[server_id]['OS-EXT-STS:task_state']
                for server_id in wanted) and found

        found = self.wait_for(reached, f'{status} of {wanted}')
        return [found[server_id] for server_id in wanted]

    # Servers and their volumes

    def boot(self, *bdms, **kwargs):
        """Create a server with volumes and wait for it."""
        return self._wait_for_state_change(
            self.create(*bdms, **kwargs), 'ACTIVE')

    def create(self, *bdms, metadata=None, **kwargs):
        """Begin to create a server with volumes."""
        server = self._build_server(networks='none', **kwargs)
        server['block_device_mapping_v2'] = list(bdms)
        if metadata:
            server['metadata'] = metadata
        if any(bdm['boot_index'] == 0 for bdm in bdms):
            server['imageRef'] = ''
        elif bdms:
            server['block_device_mapping_v2'].insert(0, {
                'boot_index': 0, 'uuid': server['imageRef'],
                'source_type': 'image', 'destination_type': 'local',
                'delete_on_termination': True})
        return self.api.post_server({'server': server})

    def root(self, volume_id=ROOT, **kwargs):
        return dict({'boot_index': 0, 'uuid': volume_id,
                     'source_type': 'volume', 'destination_type': 'volume'},
                    **kwargs)

    def data(self, volume_id=DATA, **kwargs):
        return dict(self.root(volume_id), boot_index=-1, **kwargs)

    def attach(self, server, volume_id, **kwargs):
        """Attach a data volume to a server, and wait for it."""
        self.api.post_server_volume(server['id'], {
            'volumeAttachment': dict(kwargs, volumeId=volume_id)})

        def attached():
            found = [record for record in self.attachments(server)
                     if record['volume_id'] == volume_id]
            return found and found[0]['status'] == 'attached'

        self.wait_for(attached, f'attachment of {volume_id}')
        # The last thing that Nova does under the server's lock.
        self.wait_for(lambda: [
            action for action in self.api.get_instance_actions(server['id'])
            if action['action'] == 'attach_volume'], 'attach_volume')

    def attachments(self, server):
        """Return the server's attachments as Cinder has them."""
        return [
            {'id': attachment_id, 'volume_id': volume_id,
             'status': self.cinder.records.get(attachment_id, {}).get(
                 'status', 'reserved')}
            for volume_id, found in list(
                self.cinder.volume_to_attachment.items())
            for attachment_id, attachment in list(found.items())
            if attachment['instance_uuid'] == server['id']]

    def volume_status(self, volume_id):
        """Return a volume's status in Cinder."""
        manager = self.computes['compute1'].manager
        return manager.volume_api.get(self.context, volume_id)['status']

    # Recoveries

    def recover(self, server, *volumes, host='compute1', **kwargs):
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
                targeted, host, server['id'], self.failover_id,
                dict.fromkeys(volumes, self.cinder.site), 60, 30, **kwargs)

    # What there is

    def instance(self, server):
        return objects.Instance.get_by_uuid(
            self.context.elevated(read_deleted='yes'), server['id'])

    def bdms(self, server):
        """Return the server's volumes as Nova has them, by volume id."""
        return {bdm.volume_id: bdm for bdm in
                objects.BlockDeviceMappingList.get_by_instance_uuid(
                    self.context, server['id']) if bdm.is_volume}

    def bdm(self, server, volume_id):
        return objects.BlockDeviceMapping.get_by_volume_and_instance(
            self.context, volume_id, server['id'])

    def info(self, server, volume_id):
        return jsonutils.loads(
            self.bdm(server, volume_id).connection_info or '{}')

    def domain(self, server, host='compute1'):
        """Return the server's fake domain, or None."""
        connection = self.computes[host].driver._host.get_connection()
        for domain in connection._vms.values():
            if domain.UUIDString() == server['id']:
                return domain
        return None

    def disk(self, server, volume_id, host='compute1'):
        """Return the <disk> element of a volume in the domain, or None."""
        domain = self.domain(server, host)
        if domain is None:
            return None
        return etree.fromstring(domain.XMLDesc(0)).find(
            f'.//disk/alias[@name="{hypervisor.ALIAS}{volume_id}"]/..')

    def disks(self, server, host='compute1'):
        """Return target device name to source path in the domain."""
        xml = etree.fromstring(self.domain(server, host).XMLDesc(0))
        return {disk.find('target').get('dev'): disk.find('source').get('dev')
                for disk in xml.findall('.//disk')}

    def actions(self, server):
        """Return the recoveries as the server's owner sees them."""
        found = self.api.api_get(
            '/servers/%s/os-instance-actions' % server['id'])
        return [action for action in found.body['instanceActions']
                if action['action'] == 'failover_recover']

    def assert_healthy(self, server, host='compute1'):
        """Nova, Cinder, guest and host agree, and nothing is left open.

        Whether a recovery was needed or not.
        """
        bdms = self.bdms(server)
        self.assertEqual(
            sorted((bdm.attachment_id, bdm.volume_id, 'attached')
                   for bdm in bdms.values()),
            sorted((found['id'], found['volume_id'], found['status'])
                   for found in self.attachments(server)))
        for volume_id, bdm in bdms.items():
            self._assert_volume(server, bdm, volume_id, host)
        shown = self.api.get_server(server['id'])
        self.assertIsNone(shown['OS-EXT-STS:task_state'])
        self.assertNotEqual('ERROR', shown['status'], shown.get('fault'))

    def _assert_volume(self, server, bdm, volume_id, host):
        path = self.cinder.path(volume_id)
        info = jsonutils.loads(bdm.connection_info)
        self.assertEqual(path, info['data']['device_path'])
        self.assertNotIn(truth.MARK, info)
        record = self.cinder.records[bdm.attachment_id]
        self.assertEqual(
            path, record['connection_info']['data']['device_path'])
        domain = self.domain(server, host)
        if domain is not None and domain.isActive():
            source = self.disk(server, volume_id, host).find('./source')
            self.assertEqual(path, source.get('dev'))
            self.assertIn(path, self.hypervisor.connected[host])

    def assert_no_old_connection(self):
        """No host is connected to what no server there uses any more."""
        for host, paths in self.hypervisor.connected.items():
            used = {
                jsonutils.loads(bdm.connection_info)['data']['device_path']
                for instance in objects.InstanceList.get_by_host(
                    self.context, host)
                for bdm in self.bdms({'id': instance.uuid}).values()
                if bdm.connection_info}
            self.assertEqual(set(), paths - used, host)

    # What the operator reads

    def publish(self, title, table):
        """Show a table in the output of the run, passed or not.

        A worker's standard output is the runner's own stream of results.

        :param title: what it shows
        :param table: something with rows, as text
        """
        text = f'\n{title}\n{table}\n'
        self.addDetail(title, content.text_content(text))
        sys.__stderr__.write(text)
        sys.__stderr__.flush()

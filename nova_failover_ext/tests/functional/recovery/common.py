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

"""What tests of recoveries share, whatever the virt driver."""

import sys
from unittest import mock

from nova import context as nova_context
from nova import objects
from nova import rpc
from nova.tests import fixtures as nova_fixtures
from oslo_serialization import jsonutils
import tenacity
from testtools import content

from nova_failover_ext.api import rpcapi

#: Seconds until a wait has failed; nothing here takes long.
PATIENCE = 180


class RecoveryMixin:
    """Servers, their volumes and their recoveries, on Nova's harness.

    A test class sets:

    :ivar cinder: the CinderFailoverFixture; set its ``site`` to fail over
    :ivar context: an administrator's
    :ivar failover_id: the request id of the recoveries
    """

    ROOT = nova_fixtures.CinderFixture.IMAGE_BACKED_VOL
    DATA = '0d5c3a9e-6f0e-4b6f-8f64-0a5e0a4b7c11'

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
                server_id in found and
                found[server_id]['status'] == status and
                not found[server_id]['OS-EXT-STS:task_state']
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
        return self.cinder.status(volume_id)

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
            result, _load = api.recover_server(
                targeted, host, server['id'], self.failover_id,
                dict.fromkeys(volumes, self.cinder.site), 60, 30, **kwargs)
            return result

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

    def actions(self, server):
        """Return the recoveries as the server's owner sees them."""
        found = self.api.api_get(
            '/servers/%s/os-instance-actions' % server['id'])
        return [action for action in found.body['instanceActions']
                if action['action'] == 'failover_recover']

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

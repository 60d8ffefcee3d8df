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

"""Nova's services on the libvirt fake, with the Cinder that can fail over."""

from unittest import mock

from lxml import etree
from nova import context as nova_context
from nova import objects
from nova.tests import fixtures as nova_fixtures
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.functional.libvirt import base
from oslo_serialization import jsonutils

from nova_failover_ext.testing import fixture


class FixtureTestBase(base.ServersTestBase):
    """Stock Nova: nothing of this project runs but the fixture."""

    api_major_version = 'v2.1'
    microversion = 'latest'
    ADMIN_API = True

    def setUp(self):
        super().setUp()
        self.cinder = self.useFixture(fixture.CinderFailoverFixture(self))
        self.useFixture(nova_fixtures.NeutronFixture(self))
        self.flags(device_detach_timeout=1, group='libvirt')
        self.start_compute(host_info=fakelibvirt.HostInfo(
            cpu_nodes=2, cpu_sockets=1, cpu_cores=2, cpu_threads=2))
        self.context = nova_context.get_admin_context()

    def boot(self):
        """Create a server that boots from an image."""
        server = self._build_server(networks='none')
        return self._wait_for_state_change(
            self.api.post_server({'server': server}), 'ACTIVE')

    def attach(self, server, volume_id):
        """Attach a volume to a server, and wait for it."""
        self._attach_volume(server, volume_id)
        self._wait_for_volume_attach(server['id'], volume_id)

    def bdm(self, server, volume_id):
        return objects.BlockDeviceMapping.get_by_volume_and_instance(
            self.context, volume_id, server['id'])

    def info(self, server, volume_id):
        """Return Nova's copy of a connection_info."""
        return jsonutils.loads(self.bdm(server, volume_id).connection_info)

    def attach_to_guest(self, server, volume_id):
        """Attach a volume, and return the disk that libvirt is given."""
        with mock.patch.object(
                fakelibvirt.Domain, 'attachDeviceFlags',
                autospec=True) as attached:
            self.attach(server, volume_id)
        return etree.fromstring(attached.call_args.args[-1])

    def detach(self, server, volume_id):
        """Detach a volume from a server, and wait for it."""
        self.api.delete_server_volume(server['id'], volume_id)
        self._wait_for_volume_detach(server['id'], volume_id)

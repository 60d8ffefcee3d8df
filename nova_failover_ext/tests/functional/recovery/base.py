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
from nova import service
from nova.tests import fixtures as nova_fixtures
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.functional.api import client
from nova.tests.functional.libvirt import base
from os_brick.initiator.connectors import local
from oslo_serialization import jsonutils
from oslo_utils import uuidutils

from nova_failover_ext.compute import cmd
from nova_failover_ext.recovery import staleness
from nova_failover_ext.testing import fixture
from nova_failover_ext.tests.functional.recovery import common
from nova_failover_ext.tests.functional.recovery import hypervisor


__all__ = ('PATIENCE', 'FailoverTestBase', 'client')

PATIENCE = common.PATIENCE


class FailoverTestBase(common.RecoveryMixin, base.ServersTestBase):
    """Real API, conductor, scheduler, compute and database, and libvirt.

    :cvar HOSTS: the compute hosts that every test starts with
    :ivar cinder: the CinderFailoverFixture; set its ``site`` to fail over
    :ivar hypervisor: what guests and hosts really have
    :ivar read: the mocked try whether a device can be read on the host
    """

    api_major_version = 'v2.1'
    microversion = 'latest'
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

    # What there is

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

    def unstamped(self, server, volume_id):
        """Return a mapping's connection_info but for its stamp."""
        info = self.info(server, volume_id)
        info.pop(staleness.STAMP, None)
        return info

    def all_attachments(self):
        """Return Cinder's attachments but for what every question changes."""
        return {attachment_id: {
            key: value for key, value in record.items()
            if key not in ('attach_time', 'connection_info', 'connector')}
            for attachment_id, record in self.cinder.records.items()}

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
        self.assertNotIn(staleness.IN_PROGRESS_MARKER, info)
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

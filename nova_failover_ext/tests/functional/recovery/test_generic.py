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


"""Recoveries on a hypervisor of which nothing more is known.

Nova's fake driver is one: it keeps the disks of a guest that is off, and has
the public methods of a virt driver only.
"""

from unittest import mock

from nova import context as nova_context
from nova import service
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional import integrated_helpers
from os_brick.initiator.connectors import local
from oslo_utils import uuidutils

from nova_failover_ext.compute import cmd
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery.virt import generic
from nova_failover_ext.testing import fixture
from nova_failover_ext.tests.functional.recovery import base

Outcome = results.Outcome


class Generic(integrated_helpers._IntegratedTestBase):

    api_major_version = 'v2.1'
    microversion = 'latest'
    ADMIN_API = True
    ROOT = nova_fixtures.CinderFixture.IMAGE_BACKED_VOL
    DATA = '0d5c3a9e-6f0e-4b6f-8f64-0a5e0a4b7c11'

    recover = base.FailoverTestBase.recover

    def setUp(self):
        patched = mock.patch.dict(service.SERVICE_MANAGERS,
                                  {'nova-compute': cmd.MANAGER})
        patched.start()
        self.addCleanup(patched.stop)
        super().setUp()
        self.cinder = self.useFixture(fixture.CinderFailoverFixture(self))
        patched = mock.patch.object(
            local.LocalConnector, 'check_valid_device', autospec=True,
            return_value=True)
        patched.start()
        self.addCleanup(patched.stop)
        self.context = nova_context.get_admin_context()
        self.failover_id = 'req-' + uuidutils.generate_uuid()
        wanted = dict(
            self._build_server(networks='none'), imageRef='',
            block_device_mapping_v2=[{
                'boot_index': 0, 'uuid': self.ROOT, 'source_type': 'volume',
                'destination_type': 'volume'}])
        self.server = self._wait_for_state_change(
            self.api.post_server({'server': wanted}), 'ACTIVE')
        self.api.post_server_volume(self.server['id'], {
            'volumeAttachment': {'volumeId': self.DATA}})
        self._wait_for_volume_attach(self.server['id'], self.DATA)

    def disks(self):
        """Return what the hypervisor was told to attach, by device name."""
        mounts, = self.compute.driver._mounts.values()
        return {name: info['data']['device_path']
                for name, info in mounts.items()}

    def healed(self, *volumes, power_cycled=False):
        """Fail over and recover; return the disks."""
        self.cinder.site = 'secondary'
        result = self.recover(self.server, *volumes, host=self.compute.host)
        self.assertEqual(
            (Outcome.RECOVERED, power_cycled),
            (result.outcome, result.power_cycled), result.reason)
        for record in self.cinder.records.values():
            self.assertEqual('attached', record['status'])
        return self.disks()

    def test_the_part_is_the_generic_one(self):
        self.assertIsInstance(self.compute.manager._recovery._components.virt,
                              generic.GenericHost)

    def test_data_volume_of_a_running_server(self):
        self.assertEqual({'/dev/sdb': self.cinder.path(self.DATA)},
                         self.disks())
        self.assertEqual(
            {'/dev/sdb': self.cinder.path(self.DATA, 'secondary')},
            self.healed(self.DATA))

    def test_root_volume_of_a_running_server(self):
        self.assertEqual(
            {'/dev/sda': self.cinder.path(self.ROOT, 'secondary'),
             '/dev/sdb': self.cinder.path(self.DATA, 'secondary')},
            self.healed(self.ROOT, self.DATA, power_cycled=True))
        self.assertEqual('ACTIVE',
                         self.api.get_server(self.server['id'])['status'])

    def test_stopped_server(self):
        self._stop_server(self.server)
        self.assertEqual(
            {'/dev/sdb': self.cinder.path(self.DATA, 'secondary')},
            self.healed(self.DATA))
        self._start_server(self.server)

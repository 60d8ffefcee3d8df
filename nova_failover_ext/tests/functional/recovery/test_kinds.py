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

"""Recoveries of several volumes, disks and attachments of all kinds."""

import ddt
from nova import objects
from oslo_utils import uuidutils

from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.recovery import kinds

Outcome = results.Outcome


class Mixed(kinds.KindsBase):

    def setUp(self):
        super().setUp()
        self.other = self.cinder.volume(backend='plain', replicated=False)
        self.second = self.cinder.volume()
        self.kept = self.cinder.path(self.other)

    def test_data_volumes_of_a_running_server(self):
        server = self.boot(self.data(), self.data(self.other),
                           self.data(self.second))
        before = self.disks(server)
        other = self.info(server, self.other)
        self.cinder.site = 'secondary'
        self.heal(server, self.DATA, self.second)
        after = dict(before, vdb=self.cinder.path(self.DATA),
                     vdd=self.cinder.path(self.second))
        self.assertEqual(after, self.disks(server))
        self.assertEqual(other, self.info(server, self.other))
        self.assert_healthy(server)
        self.assert_no_old_connection()
        self.assertNotIn(self.kept, [
            touch.path for touch in self.hypervisor.touches
            if touch.what == 'disconnect'])

    def test_root_and_data_volumes_in_one_power_cycle(self):
        server = self.boot(self.root(), self.data(), self.data(self.other),
                           self.data(self.second))
        self.cinder.site = 'secondary'
        self.heal(server, self.ROOT, self.DATA, self.second, cycled=True)
        self.assertEqual(
            {'vda': self.cinder.path(self.ROOT),
             'vdb': self.cinder.path(self.DATA), 'vdc': self.kept,
             'vdd': self.cinder.path(self.second)}, self.disks(server))
        self.assertEqual(2, self.hypervisor.power_ons[server['id']])
        self.assert_healthy(server)
        self.assert_no_old_connection()

    def test_not_replicated_volume_of_the_failed_over_backend(self):
        lost = self.cinder.volume(replicated=False)
        server = self.boot(self.data(), self.data(lost))
        before = self.info(server, lost)
        self.cinder.site = 'secondary'
        result = self.recover(server, self.DATA, lost)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('replication_status is not-capable', result.reason)
        self.assertEqual(
            {self.DATA: Outcome.RECOVERED, lost: Outcome.DEFERRED},
            {found.volume_id: found.outcome for found in result.volumes})
        self.assertEqual(before, self.info(server, lost))
        self.assertEqual(
            self.cinder.path(self.DATA), self.disks(server)['vdb'])

    def test_lost_volume_keeps_a_server_from_its_power_cycle(self):
        lost = self.cinder.volume(replicated=False)
        server = self.boot(self.root(), self.data(lost))
        before = (self.disks(server), self.unstamped(server, self.ROOT),
                  self.all_attachments())
        self.cinder.site = 'secondary'
        gone = self.cinder.path(lost)
        self.read.side_effect = lambda *args: gone not in args
        result = self.recover(server, self.ROOT, lost)
        self.assertEqual(Outcome.DEFERRED, result.outcome, result.reason)
        self.assertIn(lost, result.reason)
        self.assertEqual(
            before, (self.disks(server), self.unstamped(server, self.ROOT),
                     self.all_attachments()))
        self.assertEqual(1, self.hypervisor.power_ons[server['id']])

    def test_flags_of_the_mappings_survive(self):
        server = self.boot(
            self.root(delete_on_termination=True, tag='boot'),
            self.data(delete_on_termination=True),
            self.data(self.second, delete_on_termination=False))
        self.cinder.site = 'secondary'
        # It compares the mappings before and after.
        self.heal(server, self.ROOT, self.DATA, self.second, cycled=True)
        self.assertEqual(
            {self.ROOT: True, self.DATA: True, self.second: False},
            {volume_id: bdm.delete_on_termination
             for volume_id, bdm in self.bdms(server).items()})


@ddt.ddt
class Disks(kinds.KindsBase):

    def image(self, bus):
        """Return an image whose servers have their disks on a bus."""
        properties = {'hw_disk_bus': bus}
        if bus == 'scsi':
            properties['hw_scsi_model'] = 'virtio-scsi'
        return self._create_image(properties)['id']

    @ddt.data('virtio', 'scsi')
    def test_place_of_the_disks(self, bus):
        volumes = [uuidutils.generate_uuid() for _number in range(3)]
        server = self.boot(*map(self.data, volumes),
                           image_uuid=self.image(bus))
        before = [self.written(server, each) for each in volumes]
        self.assertIn({'virtio': 'slot="0x07"', 'scsi': 'unit="2"'}[bus],
                      before[1])
        self.cinder.site = 'secondary'
        # Not in order, and not all.
        self.heal(server, volumes[2], volumes[1])
        self.assertEqual(before,
                         [self.written(server, each) for each in volumes])
        self.heal(server, volumes[0])
        self.assertEqual(before,
                         [self.written(server, each) for each in volumes])
        self.assert_healthy(server)

    @ddt.data('reattach', 'power-cycle')
    def test_device_tags(self, policy):
        server = self.boot(self.root(tag='boot'), self.data(tag='logs'))
        wanted = {'boot': self.ROOT, 'logs': self.DATA}
        before = self.tags(server, wanted)
        self.cinder.site = 'secondary'
        self.heal(server, self.DATA, policy=policy,
                  cycled=policy == 'power-cycle')
        after = self.tags(server, wanted)
        if policy == 'reattach':
            self.assertEqual(before, after)
        self.heal(server, self.ROOT, cycled=True)
        self.tags(server, wanted)

    def tags(self, server, wanted):
        """Return tag to address, as the guest can read it.

        :param wanted: tag to volume id
        """
        instance = objects.Instance.get_by_uuid(
            self.context, server['id'], expected_attrs=['device_metadata'])
        devices = {device.tags[0]: device
                   for device in instance.device_metadata.devices}
        self.assertEqual(wanted, {tag: device.serial
                                  for tag, device in devices.items()})
        found = {tag: device.bus.address for tag, device in devices.items()}
        slots = {tag: self.disk(server, volume_id).find('./address').get(
            'slot') for tag, volume_id in wanted.items()}
        # Where the disks are in the domain.
        self.assertEqual({tag: f'0000:00:{slot[2:]}.0'
                          for tag, slot in slots.items()}, found)
        return found

    @ddt.data('reattach', 'power-cycle')
    def test_read_only_attachment(self, policy):
        volume_id = self.cinder.volume(read_only=True)
        server = self.boot(self.data(volume_id))
        before = self.written(server, volume_id)
        self.assertIn('<readonly>', before)
        self.cinder.site = 'secondary'
        self.heal(server, volume_id, policy=policy,
                  cycled=policy == 'power-cycle')
        self.assertEqual(before, self.written(server, volume_id))
        self.assert_healthy(server)

    def test_guest_that_does_not_let_go_is_power_cycled(self):
        server = self.boot(self.data(), self.data(self.second()))
        self.hypervisor.held.add(self.DATA)
        self.cinder.site = 'secondary'
        self.heal(server, self.DATA, *self.others, cycled=True)
        self.assertEqual(2, self.hypervisor.power_ons[server['id']])
        self.assert_healthy(server)
        self.assert_no_old_connection()

    def second(self):
        self.others = [uuidutils.generate_uuid()]
        return self.others[0]


@ddt.ddt
class Legacy(kinds.KindsBase):

    def server(self, bdm):
        """Boot a server with a volume as Nova attached it before Queens."""
        server = self.boot(bdm)
        mapping = self.bdm(server, bdm['uuid'])
        mapping.attachment_id = None
        mapping.save()
        self.cinder.faults.log.clear()
        return server

    def assert_healed(self, server, volume_id):
        info = self.info(server, volume_id)
        self.assertEqual(self.cinder.path(volume_id),
                         info['data']['device_path'])
        self.assertEqual('secondary', info[staleness.STAMP])
        self.assertEqual('in-use', self.cinder.status(volume_id))
        for call in (faults.Call.ATTACHMENT_UPDATE,
                     faults.Call.ATTACHMENT_COMPLETE,
                     faults.Call.ATTACHMENT_CREATE,
                     faults.Call.ATTACHMENT_DELETE):
            self.assertEqual([], self.cinder.faults.made(call))
        self.assert_no_old_connection()

    @ddt.data('root', 'data')
    def test_running_server(self, kind):
        server = self.server(getattr(self, kind)(self.DATA))
        self.cinder.site = 'secondary'
        self.heal(server, self.DATA, cycled=kind == 'root')
        self.assert_healed(server, self.DATA)
        self.assertIn(self.cinder.path(self.DATA),
                      self.disks(server).values())

    def test_stopped_server(self):
        server = self.server(self.root(self.DATA))
        self._stop_server(server)
        self.cinder.site = 'secondary'
        self.heal(server, self.DATA)
        self.assert_healed(server, self.DATA)

    def test_owner_has_to_detach_it(self):
        server = self.server(self.data())
        self.cinder.site = 'secondary'
        result = self.recover(server, self.DATA, policy='detach')
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('legacy attachment', result.reason)

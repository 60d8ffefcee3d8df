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


"""A root volume that has moved, beside a volume whose records are bad."""

import ddt
from nova.virt import block_device

from nova_failover_ext.recovery import results
from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.recovery import kinds

Outcome = results.Outcome


@ddt.ddt
class BadVolume(kinds.KindsBase):

    def setUp(self):
        super().setUp()
        self.bad = self.cinder.volume()
        self.server = self.boot(self.root(), self.data(self.bad))
        self.disk_of_bad = self.disks(self.server)['vdb']
        self.row = self.bdm(self.server, self.bad).connection_info

    def attachment_gone(self):
        """Have Cinder forget the attachment, and say so."""
        attachment_id = self.bdm(self.server, self.bad).attachment_id
        del self.cinder.volume_to_attachment[self.bad][attachment_id]
        return f'Cinder has no attachment {attachment_id}; if it is'

    def driver_error(self):
        self.cinder.faults.fail(faults.Call.DRIVER, '500',
                                volume_id=self.bad)
        return 'Cinder failed to answer attachment_update'

    def leftover_attachment(self):
        left = self.cinder.cinder.records.reserve(self.bad, self.server['id'])
        return f'its attachment {left["id"]} in Cinder; if it is still so'

    @ddt.data('attachment_gone', 'driver_error', 'leftover_attachment')
    def test_root_is_healed(self, kind):
        text = getattr(self, kind)()
        self.cinder.site = 'secondary'
        result = self.recover(self.server, self.ROOT, self.bad)
        found = {one.volume_id: one for one in result.volumes}
        self.assertEqual((Outcome.DEFERRED, True),
                         (result.outcome, result.power_cycled), result.reason)
        self.assertEqual(Outcome.RECOVERED, found[self.ROOT].outcome)
        self.assertEqual(Outcome.DEFERRED, found[self.bad].outcome)
        self.assertIn(text, found[self.bad].reason)
        self.assert_recorded(f'volume {self.bad}: ')
        self.assertEqual({'vda': self.cinder.path(self.ROOT),
                          'vdb': self.disk_of_bad}, self.disks(self.server))
        self.assertEqual(2, self.hypervisor.power_ons[self.server['id']])

    def test_volume_that_could_not_be_connected_again(self):
        self.attachment_gone()
        self.cinder.site = 'secondary'
        self.read.side_effect = lambda *args: self.disk_of_bad not in args
        result = self.recover(self.server, self.ROOT, self.bad)
        self.assertEqual((Outcome.DEFERRED, False),
                         (result.outcome, result.power_cycled))
        self.assert_recorded(
            f'could not start it: volume {self.bad}: its storage cannot be '
            'reached')
        self.assertEqual(1, self.hypervisor.power_ons[self.server['id']])

    @ddt.data(True, False)
    def test_connection_info_that_nova_cannot_read(self, asked):
        data = self.cinder.volume()
        self.attach(self.server, data)
        bdm = self.bdm(self.server, self.bad)
        bdm.connection_info = 'no JSON'
        bdm.save()
        # It could not start the server, and fails to detach the volume.
        self.assertRaises(ValueError, block_device.convert_volume, bdm)
        self.cinder.site = 'secondary'
        volumes = [self.bad] if asked else []
        result = self.recover(self.server, self.ROOT, *volumes)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assert_recorded(f'could not start it: volume {self.bad}: the '
                             'connection_info')
        self.assertEqual(1, self.hypervisor.power_ons[self.server['id']])
        # What needs no start is healed beside it.
        result = self.recover(self.server, data, *volumes)
        found = {one.volume_id: one.outcome for one in result.volumes}
        self.assertEqual(Outcome.RECOVERED, found.pop(data), result.reason)
        self.assertEqual(dict.fromkeys(volumes, Outcome.DEFERRED), found)
        self.assertEqual('no JSON', self.bdm(
            self.server, self.bad).connection_info)

    def assert_recorded(self, text):
        """See that an administrator reads it in the events."""
        action, = self.actions(self.server)
        events = self.api.api_get('/servers/%s/os-instance-actions/%s' % (
            self.server['id'], action['request_id']))
        self.assertIn(text, str(events.body['instanceAction']['events']))


class BadPeer(kinds.KindsBase):

    def test_its_mapping_of_a_shared_volume_takes_nothing_away(self):
        shared = self.cinder.volume(multiattach=True)
        first = self.boot(self.root())
        peer = self.boot()
        for server in (first, peer):
            self.attach(server, shared)
        bdm = self.bdm(peer, shared)
        bdm.connection_info = 'no JSON'
        bdm.save()
        old, disks = self.cinder.path(shared), self.disks(peer)
        self.cinder.site = 'secondary'
        result = self.recover(first, self.ROOT, shared)
        self.assertEqual((Outcome.RECOVERED, True),
                         (result.outcome, result.power_cycled), result.reason)
        # The peer may be using it.
        self.assertIn(old, self.hypervisor.connected['compute1'])
        self.assertEqual(disks, self.disks(peer))
        result = self.recover(peer, shared)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('cannot be read', result.reason)
        self.assertEqual(disks, self.disks(peer))

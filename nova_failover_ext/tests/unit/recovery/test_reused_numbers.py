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

"""An old connection whose portal and LUN number another volume has now."""

from unittest import mock

from nova.objects import block_device
from oslo_serialization import jsonutils

from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world

Outcome = results.Outcome
WWID = '3600140500000000000000000000000aa'


def iscsi(lun, **more):
    return {'driver_volume_type': 'iscsi', 'data': {
        'target_portal': '192.0.2.1:3260', 'target_iqn': 'iqn.old',
        'target_lun': lun, 'device_path': world.OLD % 'b',
        'auth_password': 'canary'}, **more}


class ReusedNumbers(base.Case):

    def setUp(self):
        super().setUp()
        self.around = self.world(world.Volume('b'))
        self.around.virt.wwid.return_value = WWID
        bdm = self.around.bdms[0]
        bdm.connection_info = jsonutils.dumps(iscsi(1, serial='b'))
        self.other = mock.create_autospec(
            block_device.BlockDeviceMapping, instance=True, is_volume=True,
            volume_id='c', instance_uuid='another-server', id='c',
            connection_info=jsonutils.dumps(iscsi(2, serial='c')))
        self.around.host.all_mappings.side_effect = lambda context: [
            *self.around.bdms, self.other]
        self.around.virt.remove_known.return_value = ''

    def left(self):
        info = jsonutils.loads(self.around.bdms[0].connection_info)
        return info.get(staleness.STALE_CONNECTIONS, [])

    def removed(self):
        return [call for call in self.around.calls
                if call.startswith('disconnect')]

    def test_own_numbers(self):
        result = self.recover(self.around)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual(['disconnect b /primary/b'], self.removed())
        self.around.virt.remove_known.assert_not_called()

    def test_they_belong_to_another_server(self):
        self.other.connection_info = jsonutils.dumps(iscsi(1, serial='c'))
        result = self.recover(self.around)
        self.assertEqual([], self.removed())
        # Nothing of the old volume was seen on the host any more.
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual([], self.left())
        given, = self.around.virt.remove_known.call_args.args
        self.assertEqual(WWID, given[staleness.WWID])

    def test_something_of_the_old_volume_is_left(self):
        self.other.connection_info = jsonutils.dumps(iscsi(1, serial='c'))
        self.around.virt.remove_known.return_value = 'w still has sdb'
        result = self.recover(self.around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('now belong to volume c of server another-server: '
                      'w still has sdb', result.reason)
        self.assertEqual([], self.removed())
        self.assertEqual(WWID, self.left()[0][staleness.WWID])
        # The other server has gone.
        self.other.connection_info = jsonutils.dumps(iscsi(2, serial='c'))
        result = self.recover(self.around)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual(['disconnect b /primary/b'], self.removed())

    def test_the_device_says_so(self):
        self.around.virt.stranger.return_value = 'sdb, which is w2 and not w'
        result = self.recover(self.around)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual([], self.removed())

    def test_nobody_says_whose_they_are(self):
        self.around.host.all_mappings.side_effect = OSError('no conductor')
        result = self.recover(self.around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('OSError', result.reason)
        self.assertEqual([], self.removed())

    def test_mapping_that_cannot_be_read(self):
        self.other.connection_info = 'no JSON'
        result = self.recover(self.around)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)

    def test_driver_that_keeps_the_disks(self):
        self.other.connection_info = jsonutils.dumps(iscsi(1, serial='c'))
        self.around.virt.connects_when_off = True
        self.recover(self.around)
        self.assertEqual(['disconnect b /primary/b'], self.removed())

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

"""What is kept inside a block device mapping's connection_info."""

from unittest import mock

from nova.objects import block_device
from oslo_serialization import jsonutils
from oslotest import base

from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import staleness

OLD = {'driver_volume_type': 'iscsi', 'serial': 'v', 'multiattach': True,
       'data': {'target_iqn': 'old', 'multipath_id': 'wwid',
                'device_path': '/dev/dm-1'}, staleness.STAMP: 'before'}
FRESH = {'driver_volume_type': 'iscsi', 'data': {'target_iqn': 'new'}}


class Mapping(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.bdm = mock.create_autospec(
            block_device.BlockDeviceMapping, instance=True, volume_id='v',
            boot_index=0, connection_info=jsonutils.dumps(OLD))
        self.volume = mapping.Mapping(self.bdm)

    def saved(self):
        self.bdm.save.assert_called_once_with()
        self.bdm.save.reset_mock()
        return jsonutils.loads(self.bdm.connection_info)

    def test_replace_keeps_what_nova_stashes(self):
        self.volume.replace(FRESH, connected=False)
        self.assertEqual(
            {'driver_volume_type': 'iscsi', 'serial': 'v',
             'multiattach': True,
             'data': {'target_iqn': 'new'}},
            self.saved())

    def test_old_connection_that_is_still_there_is_kept(self):
        self.volume.begin('place')
        self.volume.replace(FRESH, connected=True)
        self.volume.replace(dict(FRESH), connected=False)
        left, = self.volume.stale_connections
        self.assertEqual(OLD['data'], left['data'])
        self.assertNotIn(staleness.IN_PROGRESS_MARKER, left)
        self.volume.keep_leftovers([])
        self.assertNotIn(staleness.STALE_CONNECTIONS,
                         self.volume.connection_info)

    def test_replace_takes_the_stamp_away_until_all_is_well(self):
        self.volume.replace(FRESH, connected=False)
        self.assertNotIn(staleness.STAMP, self.saved())

    def test_replace_without_a_serial(self):
        self.volume.connection_info = {}
        self.volume.replace(FRESH, connected=False)
        self.assertEqual('v', self.saved()['serial'])

    def test_mark_keeps_the_first_place(self):
        self.volume.begin('<a/>')
        self.assertEqual('<a/>',
                         self.saved()[staleness.IN_PROGRESS_MARKER]['place'])
        self.volume.begin(None)
        self.bdm.save.assert_not_called()
        self.assertEqual('<a/>', self.volume.place)

    def test_mark_takes_the_place_of_the_stamp(self):
        self.volume.begin(None)
        self.assertNotIn(staleness.STAMP, self.saved())
        self.assertTrue(staleness.needs_question(
            self.volume.connection_info, 'before'))

    def test_mark_survives_replace_and_ends_with_the_stamp(self):
        self.volume.begin('<a/>')
        self.volume.replace(FRESH, connected=False)
        self.assertTrue(self.volume.begun)
        self.bdm.save.reset_mock()
        self.volume.stamp('after')
        saved = self.saved()
        self.assertNotIn(staleness.IN_PROGRESS_MARKER, saved)
        self.assertEqual('after', saved[staleness.STAMP])

    def test_same_stamp_is_not_written_again(self):
        self.volume.stamp('before')
        self.bdm.save.assert_not_called()

    def test_no_connection_info(self):
        self.bdm.connection_info = None
        self.assertEqual({}, mapping.Mapping(self.bdm).connection_info)

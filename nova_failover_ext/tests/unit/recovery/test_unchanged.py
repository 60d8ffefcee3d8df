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


"""What is not stale is left alone, and only its stamp and secret saved."""

import ddt
from oslo_serialization import jsonutils

from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world

Outcome = results.Outcome


class Unchanged(base.Case):

    def test_healthy_server_is_left_alone(self):
        around = self.world(world.Volume('a', 0))
        volume = around.volumes['a']
        volume.path = volume.attachment_path = world.OLD % 'a'
        result = self.recover(around)
        self.assertEqual(Outcome.UNCHANGED, result.outcome)
        self.assertEqual([*world.asked('a'), 'save a'], around.calls)
        self.assertEqual({'a': 'secondary'}, around.stamps())
        self.assertIsNone(around.instance.task_state)
        self.assertEqual([], self.record.mock_calls)

    def test_new_secret_is_saved_and_nothing_else_done(self):
        around = self.world(world.Volume('a', 0))
        volume = around.volumes['a']
        volume.path = volume.attachment_path = world.OLD % 'a'
        volume.secret = 'canary-new'
        result = self.recover(around)
        self.assertEqual(Outcome.UNCHANGED, result.outcome)
        self.assertEqual([*world.asked('a'), 'save a', 'save a'], around.calls)
        self.assertEqual({'a': 'canary-new'}, around.secrets())

    def test_newest_secret_counts_after_a_pass_that_was_cut_off(self):
        around = self.world(world.Volume('a', 0))
        volume = around.volumes['a']
        # Cinder's record is of the new place, and older than the answer.
        volume.attachment_path = volume.path
        volume.secret = 'canary-new'
        self.assertEqual(Outcome.RECOVERED, self.recover(around).outcome)
        self.assertEqual({'a': 'canary-new'}, around.secrets())

    def test_nothing_is_asked_once_a_migration_has_ended(self):
        around = self.world(world.Volume('a', 0))

        def save(**expected):
            # It reads the row again.
            around.instance.host = 'there'

        around.instance.save.side_effect = save
        result = self.recover(around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('moved to another host', result.reason)
        self.assertEqual([], around.calls)
        self.assertIsNone(around.instance.task_state)

    def test_stamp_goes_to_what_is_saved_now(self):
        around = self.world(world.Volume('a', 0))
        volume = around.volumes['a']
        volume.path = volume.attachment_path = world.OLD % 'a'
        bdm, = around.bdms
        now = jsonutils.loads(bdm.connection_info)
        now['data']['device_path'] = '/elsewhere/a'

        def change(*args):
            bdm.connection_info = jsonutils.dumps(now)

        around.cinder.complete.side_effect = change
        self.recover(around)
        self.assertEqual({'a': '/elsewhere/a'}, around.paths())
        self.assertEqual({'a': 'secondary'}, around.stamps())

    def test_second_time_changes_nothing(self):
        around = self.world(world.Volume('a', 0))
        self.recover(around)
        del around.calls[:]
        result = self.recover(around)
        self.assertEqual(Outcome.UNCHANGED, result.outcome)
        self.assertEqual([*world.asked('a'), 'save a'], around.calls)

    def test_only_the_stale_volume_is_touched(self):
        around = self.world(world.Volume('b'), world.Volume('c'))
        healthy = around.volumes['c']
        healthy.path = healthy.attachment_path = world.OLD % 'c'
        result = self.recover(around)
        self.assertEqual([Outcome.RECOVERED, Outcome.UNCHANGED],
                         [volume.outcome for volume in result.volumes])
        self.assertEqual([], [call for call in around.calls if call.endswith(
            'c') and call.split()[0] not in (
                'attachment_update', 'attachment_complete', 'save')])


@ddt.ddt
class RecordsOnly(base.Case):
    """The guest has the right disk; what is written of it is old."""

    @ddt.data(0, None)
    def test_guest_is_left_alone(self, boot_index):
        around = self.world(world.Volume('a', boot_index))
        around.volumes['a'].in_guest = world.NEW % 'a'
        result = self.recover(around)
        self.assertEqual(Outcome.RECOVERED, result.outcome)
        self.assertFalse(result.power_cycled)
        self.assertEqual({'a': world.NEW % 'a'}, around.paths())
        self.assertEqual({'a': 'secondary'}, around.stamps())
        volume = around.volumes['a']
        self.assertEqual(
            (world.NEW % 'a', 'attached', set()),
            (volume.attachment_path, volume.attachment_status,
             volume.on_host))
        self.assertEqual([], [
            call for call in around.calls if call.split()[0] in (
                'power_off', 'power_on', 'release', 'plug')])

    def test_driver_that_cannot_tell(self):
        around = self.world(world.Volume('a', 0))
        around.virt.shows.side_effect = lambda instance, volume: None
        self.assertTrue(self.recover(around).power_cycled)

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


"""What is not ours is left alone, and one bad volume keeps no other back."""

import ddt
from oslo_serialization import jsonutils

from nova_failover_ext import exception
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world

Outcome = results.Outcome


def _of(result, volume_id):
    return next(volume for volume in result.volumes
                if volume.volume_id == volume_id)


class OwnershipCase(base.Case):

    def setUp(self):
        super().setUp()
        self.around = self.world(world.Volume('a', 0), world.Volume('b'))

    def touched(self, name):
        """Return what was done about a volume."""
        return [call for call in self.around.calls
                if f' {name}' in call or f'-{name}' in call]


@ddt.ddt
class NotOurs(OwnershipCase):

    @ddt.data(None, '', '{}', 'null', '[]')
    def test_row_that_nova_ignores(self, text):
        self.around.bdms[1].connection_info = text
        result = self.recover(self.around)
        self.assertEqual(Outcome.RECOVERED, result.outcome)
        self.assertEqual(['a'], [one.volume_id for one in result.volumes])
        self.assertEqual([], self.touched('b'))

    def test_attachment_of_another_server(self):
        self.around.volumes['b'].server = 'other'
        result = self.recover(self.around)
        self.assertEqual(Outcome.RECOVERED, _of(result, 'a').outcome)
        self.assertEqual(Outcome.DEFERRED, _of(result, 'b').outcome)
        self.assertIn('of server other', _of(result, 'b').reason)
        self.assertEqual([], self.touched('b'))

    def test_attachment_of_another_volume(self):
        self.around.bdms[1].attachment_id = 'attachment-a'
        result = self.recover(self.around)
        self.assertIn('of volume a', _of(result, 'b').reason)
        self.assertEqual([], self.touched('b'))

    def test_two_rows_of_one_volume(self):
        row = self.around._bdm(self.around.volumes['b'])
        row.id = 'second'
        self.around.bdms.append(row)
        result = self.recover(self.around)
        self.assertEqual(Outcome.RECOVERED, _of(result, 'a').outcome)
        self.assertIn('2 block device mappings', _of(result, 'b').reason)
        self.assertEqual([], self.touched('b'))


@ddt.ddt
class Unreadable(OwnershipCase):

    def setUp(self):
        super().setUp()
        self.around = self.world(world.Volume('b'), world.Volume('c'))

    @ddt.data('no JSON', '["a"]', '"text"')
    def test_stays_as_it_is(self, text):
        self.around.bdms[0].connection_info = text
        result = self.recover(self.around)
        self.assertEqual(Outcome.RECOVERED, _of(result, 'c').outcome)
        self.assertIn('cannot be read', _of(result, 'b').reason)
        self.assertEqual(text, self.around.bdms[0].connection_info)
        self.assertEqual([], self.touched('b'))

    def test_of_another_backend(self):
        self.around.bdms[0].connection_info = 'no JSON'
        result = self.recover(self.around, volumes=['c'])
        self.assertEqual(Outcome.RECOVERED, result.outcome)

    @ddt.data(['a', 'b'], ['a'])
    def test_guest_that_nova_could_not_start_is_left_running(self, volumes):
        around = self.world(world.Volume('a', 0), world.Volume('b'))
        around.bdms[1].connection_info = 'no JSON'
        result = self.recover(around, volumes=volumes)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('Nova could not start it: volume b', result.reason)
        self.assertTrue(around.guest_runs)
        self.assertEqual(world.asked('a'), around.calls)


class OneBadVolume(OwnershipCase):

    def test_driver_error(self):
        self.around.errors[world.asked('b')[1]] = exception.RecoveryDeferred(
            reason='Cinder failed to answer attachment_update: canary')
        result = self.recover(self.around)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertEqual(Outcome.RECOVERED, _of(result, 'a').outcome)
        self.assertIn('attachment_update', _of(result, 'b').reason)
        self.assertNotIn('canary', result.reason)

    def test_attachment_that_is_gone(self):
        self.around.volumes['b'].attachment_status = 'attaching'

        self.around.volumes['b'].status = 'available'
        self.around.cinder.attachment.side_effect = (
            lambda context, attachment_id: None)
        result = self.recover(self.around)
        self.assertEqual(Outcome.RECOVERED, _of(result, 'a').outcome)
        self.assertIn('Cinder has no attachment attachment-b; if it is still',
                      _of(result, 'b').reason)

    def test_leftover_attachment(self):
        self.around.errors[world.asked('b')[1]] = exception.AttachmentConflict(
            reason='duplicate connectors')
        self.around.attachments['b'] = ['blank', 'attachment-b']
        result = self.recover(self.around)
        self.assertEqual(Outcome.RECOVERED, _of(result, 'a').outcome)
        self.assertIn('its attachment blank in Cinder; if it is still',
                      _of(result, 'b').reason)

    def test_conflict_without_a_leftover(self):
        self.around.errors[world.asked('b')[1]] = exception.AttachmentConflict(
            reason='the volume is in an error state')
        result = self.recover(self.around)
        self.assertEqual('the volume is in an error state',
                         _of(result, 'b').reason)

    def test_place_that_cannot_be_reached(self):
        around = self.world(world.Volume('b'), world.Volume('c'))

        def probe(volume_id, info, timeout):
            if volume_id == 'b':
                raise exception.StorageUnreachable(volume_id='b',
                                                   reason='dead')

        self.probe.side_effect = probe
        result = self.recover(around)
        self.assertEqual(Outcome.RECOVERED, _of(result, 'c').outcome)
        self.assertEqual('the storage it moved to cannot be reached from this '
                         'host: dead', _of(result, 'b').reason)
        self.assertEqual(world.OLD % 'b', around.volumes['b'].in_guest)

    def test_nothing_is_taken_before_all_are_asked(self):
        around = self.world(world.Volume('b'), world.Volume('c'))
        self.recover(around)
        self.assertEqual(world.asked('b', 'c'), around.calls[:6])

    def test_history_says_what_is_open(self):
        self.around.errors[world.asked('b')[1]] = exception.RecoveryDeferred(
            reason='no')
        self.recover(self.around)
        self.record.succeeded.assert_not_called()
        self.record.deferred.assert_called_once_with('volume b: no',
                                                     done=True)


class SharedVolume(base.Case):

    def test_peer_that_cannot_be_read_keeps_its_disk(self):
        around = self.world(world.Volume('b'))
        bdm, = around.bdms
        bdm.connection_info = jsonutils.dumps(dict(
            jsonutils.loads(bdm.connection_info), multiattach=True))
        peer = around._bdm(around.volumes['b'])
        peer.id = 'peer'
        peer.connection_info = 'no JSON'
        around.virt.connects_when_off = False
        around.host.mappings_of.return_value = [bdm, peer]
        self.recover(around)
        self.assertEqual([], [call for call in around.calls
                              if call.startswith('disconnect')])

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


"""What ``check`` lists of rows and attachments that are not in order."""

from unittest import mock

import ddt
import testtools

from nova_failover_ext.cli.checks import mapping_rows
from nova_failover_ext.engine.inventory import cinder_reader
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine import model
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.cli import test_commands
from nova_failover_ext.tests.unit.engine import fakes

EMPTY = model.InfoState.EMPTY


def row(volume_id='vol', attachment_id='att', info=model.InfoState.PRESENT,
        **server):
    return model.MappingRow(
        fakes.server(**server), volume_id, attachment_id, info)


def attachment(attachment_id='att', volume_id='vol', server_id='server'):
    return model.CinderAttachment(attachment_id, volume_id, server_id)


@ddt.ddt
class MappingsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.nova = mock.create_autospec(nova_reader.NovaReader, instance=True)
        self.cinder = mock.create_autospec(
            cinder_reader.CinderReader, instance=True)

        self.nova.migrating.return_value = set()
        #: what is there at the second look, None for the same
        self.later = None

    def inspect(self, rows=(), attachments=()):
        later_rows, later = self.later or (rows, attachments)
        self.nova.mappings.side_effect = [
            (list(rows), []), (list(later_rows), [])]
        self.cinder.attachments.return_value = list(attachments)
        self.cinder.attachments_of.return_value = list(later)
        return [found.row for found in mapping_rows.inspect(
            [test_commands.records()], self.cinder, self.nova)]

    def test_all_is_in_order(self):
        self.assertEqual([], self.inspect([row()], [attachment()]))
        self.nova.mappings.assert_called_once_with({'vol'})

    @ddt.data(
        (row(info=EMPTY), 'warn', 'no connection_info'),
        (row(deleted=True), 'warn', 'its server is deleted'),
        (row(info=model.InfoState.UNREADABLE), 'fail', 'cannot be read'),
        (row(attachment_id='gone'), 'fail', 'no attachment gone'),
        (row(attachment_id='moved'), 'fail', 'is of volume other in Cinder'),
        (row(attachment_id='peer'), 'fail', 'is of server peer in Cinder'))
    @ddt.unpack
    def test_row(self, one, result, text):
        (found,) = self.inspect([one], [
            attachment('moved', volume_id='other'),
            attachment('peer', server_id='peer')])
        self.assertEqual(
            ('mapping', 'volume vol of server server', result), found[:3])
        self.assertIn(text, found[3])

    @ddt.data({'vm_state': 'building'}, {'task_state': 'spawning'},
              {'vm_state': 'shelved_offloaded'})
    def test_what_is_not_connected_yet(self, server):
        self.assertEqual([], self.inspect(
            [row(info=EMPTY, **server)], [attachment()]))

    def test_attachments_of_a_migration(self):
        self.assertEqual([], self.inspect(
            [row(task_state='migrating')],
            [attachment(), attachment('destination')]))

    def test_a_detachment_while_all_is_read(self):
        self.later = [], []
        self.assertEqual([], self.inspect([row()], []))
        self.cinder.attachments_of.assert_called_once_with(['vol'])

    def test_a_migration_that_begins_while_all_is_read(self):
        attachments = [attachment(), attachment('destination')]
        self.later = [row(task_state='migrating')], attachments
        self.assertEqual([], self.inspect([row()], attachments))

    def test_a_migration_that_ends_while_all_is_read(self):
        self.later = ([row(attachment_id='destination')],
                      [attachment('destination')])
        self.assertEqual([], self.inspect(
            [row()], [attachment(), attachment('destination')]))

    def test_another_attachment_is_suspected_the_second_time(self):
        self.later = [row(attachment_id='new')], []
        self.assertEqual([], self.inspect([row()], []))

    @ddt.data([], [attachment(), attachment('destination')])
    def test_a_server_that_migrates(self, attachments):
        self.nova.migrating.return_value = {'server'}
        self.assertEqual([], self.inspect([row()], attachments))
        self.nova.migrating.assert_called_once_with(
            {(fakes.CELL, 'server')})

    def test_a_task_is_about_to_detach_it(self):
        self.assertEqual([], self.inspect(
            [row(task_state='deleting')], []))

    def test_legacy_attachment(self):
        self.assertEqual([], self.inspect([row(attachment_id=None)]))

    def test_two_rows_of_one_volume(self):
        found = self.inspect([row(), row(), row(info=EMPTY)], [attachment()])
        self.assertEqual(['fail', 'fail', 'warn'], [one[2] for one in found])
        self.assertIn('2 block device mappings', found[0][3])

    def test_leftover_attachment(self):
        (found,) = self.inspect(
            [row()], [attachment(), attachment('blank'),
                      attachment('shared', server_id='peer'),
                      attachment('elsewhere', volume_id='other')])
        self.assertEqual('fail', found[2])
        self.assertIn('its attachment blank in Cinder', found[3])

    @ddt.data((exception.CinderUnavailable, 'cinder', 'attachments'),
              (exception.DatabaseUnavailable, 'nova', 'mappings'))
    @ddt.unpack
    def test_what_cannot_be_read(self, error, reader, name):
        self.nova.mappings.return_value = ([], [])
        getattr(getattr(self, reader), name).side_effect = error(
            reason='down')
        (found,) = mapping_rows.inspect([test_commands.records()], self.cinder,
                                    self.nova)
        self.assertEqual('fail', found.result.value)
        self.assertIn('down', found.detail)

    def test_no_backend_could_be_read(self):
        self.assertEqual([], mapping_rows.inspect([], self.cinder, self.nova))
        self.nova.mappings.assert_not_called()

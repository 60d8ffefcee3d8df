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

"""What is asked of Cinder, and how its failures are told apart."""

from unittest import mock

from cinderclient import exceptions as client_exceptions
from cinderclient.v3 import client
import ddt
from keystoneauth1 import exceptions as keystone_exceptions
from nova import context as nova_context
from nova import exception as nova_exception
from nova.volume import cinder as nova_cinder
from oslotest import base

from nova_failover_ext import exception
from nova_failover_ext.recovery import cinder_api

CONNECTOR = {'host': 'here'}


@ddt.ddt
class CinderAPI(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.client = mock.create_autospec(
            client.Client(session=mock.Mock()), instance=True)
        patch = mock.patch.object(nova_cinder, 'cinderclient', autospec=True,
                                  return_value=self.client)
        self.addCleanup(patch.stop)
        self.made = patch.start()
        self.volume_api = mock.create_autospec(nova_cinder.API, instance=True)
        self.api = cinder_api.CinderAPI(self.volume_api)
        self.context = nova_context.get_admin_context()

    def test_volume(self):
        self.client.volumes.get.return_value = mock.Mock(
            spec_set=('status', 'replication_status', 'group_id',
                      'attachments'),
            status='in-use', replication_status='failed-over',
            group_id='alpha',
            attachments=[{'attachment_id': 'a', 'server_id': 's'}])
        self.assertEqual(cinder_api.Volume('in-use', 'failed-over', '',
                                           'alpha', {'a': 's'}),
                         self.api.volume(self.context, 'v'))
        self.made.assert_called_once_with(self.context, '3.13',
                                          skip_version_check=True)

    def test_backends(self):
        self.client.services.list.return_value = [
            mock.Mock(spec_set=('host', 'active_backend_id',
                                'replication_status'),
                      host='a@repl', active_backend_id=None,
                      replication_status='enabled'),
            mock.Mock(spec_set=('host',), host='a@plain')]
        self.assertEqual({'a@repl': cinder_api.Backend('', 'enabled'),
                          'a@plain': cinder_api.Backend()},
                         self.api.backends(self.context))

    def test_volume_of_a_cloud_without_replication(self):
        self.client.volumes.get.return_value = mock.Mock(
            spec_set=('status', 'attachments'), status='in-use',
            attachments=[])
        self.assertEqual(cinder_api.Volume('in-use', None),
                         self.api.volume(self.context, 'v'))

    def test_question_that_fails_terminates_nothing(self):
        self.client.volumes.initialize_connection.side_effect = (
            client_exceptions.ClientException(500))
        error = self.assertRaises(
            exception.RecoveryDeferred, self.api.ask, self.context, 'v',
            CONNECTOR)
        self.assertIn('initialize_connection', str(error))
        self.client.volumes.terminate_connection.assert_not_called()
        self.volume_api.terminate_connection.assert_not_called()

    def test_question(self):
        self.client.volumes.initialize_connection.return_value = {'data': {}}
        self.assertEqual(
            {'data': {}}, self.api.ask(self.context, 'v', CONNECTOR))

    def test_attachment(self):
        shown = self.client.attachments.show.return_value
        shown.to_dict.return_value = {
            'status': 'attaching', 'volume_id': 'v', 'instance': 's'}
        self.assertEqual(cinder_api.Attachment('v', 's'),
                         self.api.attachment(self.context, 'a'))
        self.made.assert_called_once_with(
            self.context, '3.44', skip_version_check=True)

    def test_attachment_that_is_gone(self):
        self.client.attachments.show.side_effect = (
            client_exceptions.NotFound(404))
        self.assertIsNone(self.api.attachment(self.context, 'a'))

    def test_attachments_of_a_server(self):
        self.client.attachments.list.return_value = [
            mock.Mock(spec_set=('id',), id='a')]
        self.assertEqual(['a'], self.api.attachments(self.context, 'v', 's'))
        # The server is of another project than the credentials.
        self.client.attachments.list.assert_called_once_with(search_opts={
            'all_tenants': 1, 'volume_id': 'v', 'instance_id': 's'})

    def test_conflict(self):
        self.volume_api.attachment_update.side_effect = (
            client_exceptions.ClientException(409))
        self.assertRaises(exception.AttachmentConflict, self.api.update,
                          self.context, 'a', CONNECTOR, '/dev/vdb')

    @ddt.data(client_exceptions.BadRequest(400),
              keystone_exceptions.ConnectFailure('down'),
              nova_exception.CinderConnectionFailed(reason='down'))
    def test_questions_are_deferred(self, error):
        self.client.volumes.get.side_effect = error
        self.client.attachments.show.side_effect = error
        self.assertRaises(exception.RecoveryDeferred, self.api.volume,
                          self.context, 'v')
        self.assertRaises(exception.RecoveryDeferred, self.api.attachment,
                          self.context, 'a')

    @ddt.data(client_exceptions.BadRequest(400),
              keystone_exceptions.ConnectFailure('down'),
              nova_exception.VolumeAttachmentNotFound(attachment_id='a'))
    def test_commands_that_fail_are_named(self, error):
        self.volume_api.attachment_update.side_effect = error
        self.volume_api.attachment_complete.side_effect = error
        self.volume_api.attachment_delete.side_effect = error
        failure = self.assertRaises(
            exception.RecoveryDeferred, self.api.update, self.context, 'a',
            CONNECTOR, '/dev/vdb')
        self.assertIn('attachment_update', failure.reason)
        failure = self.assertRaises(
            exception.RecoveryDeferred, self.api.complete, self.context, 'a')
        self.assertIn('attachment_complete', failure.reason)
        failure = self.assertRaises(
            exception.RecoveryFailed, self.api.delete, self.context, 'a')
        self.assertEqual('attachment_delete', failure.kwargs['step'])

    def test_update_names_the_device(self):
        self.volume_api.attachment_update.return_value = {
            'connection_info': {'data': {}}}
        self.assertEqual({'data': {}}, self.api.update(
            self.context, 'a', CONNECTOR, '/dev/vdb'))
        self.volume_api.attachment_update.assert_called_once_with(
            self.context, 'a', CONNECTOR, '/dev/vdb')

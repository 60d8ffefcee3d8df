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

"""The engine's and the recovery's own readers find what they read."""

import functools

from cinderclient import exceptions as client_exceptions
import ddt
from nova import context as nova_context
from nova import test
from nova.volume import cinder as nova_cinder

from nova_failover_ext.engine.inventory import cinder_reader as engine_cinder
from nova_failover_ext.engine.planner import gate
from nova_failover_ext import exception
from nova_failover_ext.recovery import cinder_api as compute_cinder
from nova_failover_ext.recovery import volume_places
from nova_failover_ext.testing import backends
from nova_failover_ext.testing import faults
from nova_failover_ext.testing import fixture

Call = faults.Call
CONNECTOR = {'host': 'compute1'}


class ReaderTestBase(test.NoDBTestCase):

    def setUp(self):
        super().setUp()
        self.cinder = self.useFixture(fixture.CinderFailoverFixture(self))
        self.context = nova_context.get_admin_context()
        self.api = nova_cinder.API()

    def attached(self, volume_id, server='s1'):
        """Attach a volume as Nova does, and return the attachment's id."""
        attachment_id = self.api.attachment_create(
            self.context, volume_id, server)['id']
        self.api.attachment_update(self.context, attachment_id, CONNECTOR,
                                   '/dev/vdb')
        self.api.attachment_complete(self.context, attachment_id)
        return attachment_id


class Engine(ReaderTestBase):
    """nova_failover_ext.engine.inventory.cinder_reader and gate."""

    def setUp(self):
        super().setUp()
        self.reader = engine_cinder.CinderReader(2)

    def test_backends(self):
        self.assertEqual(
            ['cinder@repl', 'cinder@plain'],
            [backend.name for backend in self.reader.backends()])
        self.assertEqual([True, False], [
            gate.is_replicated(backend)
            for backend in self.reader.backends()])

    def test_failover(self):
        volumes = [self.cinder.volume() for _ in range(5)]
        other = self.cinder.volume(backend='plain', replicated=False)
        self.cinder.site = 'secondary'
        backend = self.reader.backend('cinder@repl')
        self.assertEqual('secondary', backend.active_backend_id)
        found = self.reader.volumes(backend)
        self.assertEqual(set(volumes), set(found))
        self.assertEqual({'failed-over'}, {
            volume.replication_status for volume in found.values()})
        self.assertTrue(gate.decide(backend, found.values()).open)
        self.assertEqual({other}, set(self.reader.volumes(
            self.reader.backend('cinder@plain'))))
        self.assertEqual(volumes[:2], list(self.reader.volumes_named(
            backend, [other, *volumes[:2]])))

    def test_cluster(self):
        members = [backends.Service(f'{host}@repl', cluster='mine@repl')
                   for host in ('one', 'two')]
        self.cinder.services.extend(members)
        found = self.reader.backend('mine@repl')
        self.assertEqual(['one@repl', 'two@repl'],
                         [member.host for member in found.members])
        members[0].state = 'down'
        self.assertEqual([False, True], [
            member.up for member in
            self.reader.backend('one@repl').members])

    def test_half_written(self):
        self.cinder.volume()
        service = self.cinder.services[0]
        service.replication_status = 'failing-over'
        backend = self.reader.backend('cinder@repl')
        self.assertFalse(gate.decide(
            backend, self.reader.volumes(backend).values()).open)

    def test_cinder_fails(self):
        self.cinder.faults.fail(Call.LIST_SERVICES, 'connection')
        self.assertRaises(exception.CinderUnavailable, self.reader.backends)


@ddt.ddt
class Compute(ReaderTestBase):
    """nova_failover_ext.recovery.cinder_api."""

    def setUp(self):
        super().setUp()
        self.asked = compute_cinder.CinderAPI(self.api)
        self.volume_id = self.cinder.volume(connection='iscsi')
        self.attachment_id = self.attached(self.volume_id)

    def test_recovery(self):
        before = self.asked.update(self.context, self.attachment_id,
                                   CONNECTOR, '/dev/vdb')
        self.cinder.site = 'secondary'
        fresh = self.asked.update(self.context, self.attachment_id,
                                  CONNECTOR, '/dev/vdb')
        self.assertFalse(volume_places.same_place(before, fresh))
        self.assertTrue(volume_places.same_place(fresh, self.asked.ask(
            self.context, self.volume_id, CONNECTOR)))
        found = self.asked.volume(self.context, self.volume_id)
        self.assertEqual(('attaching', {}), (found.status, found.attachments))
        shown = self.asked.attachment(self.context, self.attachment_id)
        self.assertEqual(self.volume_id, shown.volume_id)
        self.asked.complete(self.context, self.attachment_id)
        found = self.asked.volume(self.context, self.volume_id)
        self.assertEqual(
            ('in-use', 'failed-over', {self.attachment_id: shown.server_id}),
            (found.status, found.replication_status, found.attachments))

    @ddt.data(*sorted(faults.ERRORS))
    def test_every_error_is_understood(self, name):
        for call in (Call.SHOW_VOLUME, Call.INITIALIZE_CONNECTION,
                     Call.SHOW_ATTACHMENT, Call.ATTACHMENT_UPDATE,
                     Call.ATTACHMENT_COMPLETE):
            self.cinder.faults.fail(call, name)
        for ask in (
                lambda: self.asked.volume(self.context, self.volume_id),
                lambda: self.asked.ask(self.context, self.volume_id,
                                       CONNECTOR),
                lambda: self.asked.update(self.context, self.attachment_id,
                                          CONNECTOR, 'vdb'),
                lambda: self.asked.complete(self.context,
                                            self.attachment_id)):
            self.assertRaises(exception.RecoveryDeferred, ask)
        self._look_up(name)

    def _look_up(self, error):
        look_up = functools.partial(
            self.asked.attachment, self.context, self.attachment_id)
        if error == '404':
            # The record of a mapping may name one that is gone.
            self.assertIsNone(look_up())
        else:
            self.assertRaises(exception.RecoveryDeferred, look_up)

    def test_secret_is_there_to_be_looked_for(self):
        fresh = self.asked.update(self.context, self.attachment_id,
                                  CONNECTOR, 'vdb')
        self.assertEqual(self.cinder.secret, fresh['data']['auth_password'])


class Client(ReaderTestBase):
    """What reaches Nova's code is what cinderclient makes of an answer."""

    def test_attachments_need_their_microversion(self):
        client = nova_cinder.cinderclient(self.context)
        self.assertRaises(client_exceptions.VersionNotFoundForAPIMethod,
                          client.attachments.show, 'a1')

    def test_the_clients_are_those_that_nova_gets(self):
        for name, microversion in (('volumes', None), ('services', '3.7'),
                                   ('attachments', '3.44')):
            self.assertIs(getattr(self.cinder.client, name), getattr(
                nova_cinder.cinderclient(self.context, microversion), name))

    def test_answers_are_copies(self):
        volume_id = self.cinder.volume()
        attachment_id = self.attached(volume_id)
        kept = self.cinder.records[attachment_id]
        found = self.api.attachment_get(self.context, attachment_id)
        found['connection_info']['data']['device_path'] = 'elsewhere'
        self.assertEqual(
            self.cinder.path(volume_id),
            self.cinder.records[attachment_id]['connection_info']['data'][
                'device_path'])
        self.cinder.site = 'secondary'
        self.api.attachment_update(self.context, attachment_id, CONNECTOR)
        self.assertEqual(self.cinder.path(volume_id, 'primary'),
                         kept['connection_info']['data']['device_path'])

    def test_what_a_test_takes_away_is_gone(self):
        volume_id = self.cinder.volume()
        attachment_id = self.attached(volume_id)
        del self.cinder.volume_to_attachment[volume_id]
        self.assertEqual({}, self.cinder.records)
        self.assertEqual('available', self.cinder.status(volume_id))
        self.assertRaises(
            nova_cinder.exception.VolumeAttachmentNotFound,
            self.api.attachment_get, self.context, attachment_id)

    def test_a_status_of_the_test_counts(self):
        volume_id = self.cinder.volume()
        attachment_id = self.attached(volume_id)
        self.cinder.volume_status[volume_id] = 'error'
        self.assertEqual('error', self.api.get(
            self.context, volume_id)['status'])
        self.assertRaises(client_exceptions.ClientException,
                          self.api.attachment_update, self.context,
                          attachment_id, CONNECTOR)
        del self.cinder.volume_status[volume_id]
        self.api.attachment_update(self.context, attachment_id, CONNECTOR)

    def test_what_is_not_known_is_told(self):
        self.assertRaises(NotImplementedError, self.cinder.api.request,
                          'POST', '/backups')

    def test_a_volume_that_novas_fixture_hides(self):
        self.cinder.multiattach_ro_migrated = True
        self.assertRaises(nova_cinder.exception.VolumeNotFound, self.api.get,
                          self.context,
                          self.cinder.MULTIATTACH_RO_MIGRATE_NEW_VOL)

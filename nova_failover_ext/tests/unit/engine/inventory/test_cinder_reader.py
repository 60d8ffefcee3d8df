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

"""What is read of Cinder, and what is told when it cannot be."""

import datetime
import threading
import types
from unittest import mock

from cinderclient import exceptions as cinder_exception
from cinderclient.v3 import client as cinder_client
import ddt
from keystoneauth1 import exceptions as ks_exception
from keystoneauth1 import noauth
from keystoneauth1 import session as ks_session
from nova import exception as nova_exception
from nova.volume import cinder as nova_cinder
from requests_mock.contrib import fixture as mock_fixture
import tenacity
import testtools

from nova_failover_ext.engine.inventory import cinder_reader
from nova_failover_ext.engine import model
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.engine import fakes


def _service(**values):
    return types.SimpleNamespace(**{
        'host': fakes.BACKEND, 'state': 'up', 'cluster': None,
        'replication_status': 'failed-over', 'active_backend_id': 'second',
        **values})


def _row(number):
    return types.SimpleNamespace(
        id='vol%d' % number, status='in-use',
        replication_status='failed-over',
        created_at='2026-11-23T04:00:00.000000', updated_at=None)


@ddt.ddt
class CinderReaderTest(testtools.TestCase):
    """The reader over a fake client."""

    def setUp(self):
        super().setUp()
        self.client = mock.create_autospec(
            cinder_client.Client('u', 'p'), instance=True)
        self.client.services.list.return_value = [_service()]
        self.reader = cinder_reader.CinderReader(2, lambda: self.client)

    def test_backend(self):
        self.assertEqual(fakes.backend(), self.reader.backend(fakes.BACKEND))
        self.client.services.list.assert_called_once_with(
            binary='cinder-volume')

    @ddt.data(('down', False), ('up', True))
    @ddt.unpack
    def test_up(self, state, expected):
        self.client.services.list.return_value = [_service(state=state)]
        self.assertEqual(expected, self.reader.backends()[0].present.up)

    @ddt.data(None, '')
    def test_primary(self, active):
        self.client.services.list.return_value = [
            _service(active_backend_id=active)]
        self.assertEqual('', self.reader.backends()[0].active_backend_id)

    @ddt.data('a@rbd', 'b@rbd', 'cluster@rbd')
    def test_cluster(self, name):
        self.client.services.list.return_value = [
            _service(host='a@rbd', cluster='cluster@rbd'),
            _service(host='b@rbd', cluster='cluster@rbd'), _service()]
        self.assertEqual(
            ['a@rbd', 'b@rbd'],
            [m.host for m in self.reader.backend(name).members])
        self.assertEqual(2, len(self.reader.backends()))

    def test_unknown_backend(self):
        error = self.assertRaises(
            exception.BackendNotFound, self.reader.backend, 'nope')
        self.assertEqual('Cinder has no volume backend named nope; known '
                         'backends: node@rbd.', str(error))

    def test_volumes_are_paged(self):
        self.client.volumes.list.side_effect = [
            [_row(1), _row(2)], [_row(3)], []]
        volumes = self.reader.volumes(fakes.backend())
        self.assertEqual(['vol1', 'vol2', 'vol3'], list(volumes))
        self.assertEqual(
            [mock.call(search_opts={'all_tenants': 1, 'host': fakes.BACKEND},
                       limit=2, marker=marker)
             for marker in (None, 'vol2', 'vol3')],
            self.client.volumes.list.call_args_list)

    def test_attachments(self):
        def listed(number, server_id):
            return types.SimpleNamespace(
                id='att%d' % number, volume_id='vol', instance=server_id)

        self.client.attachments.list.side_effect = [
            [listed(1, 'server'), listed(2, None)], []]
        self.assertEqual(
            [model.CinderAttachment('att1', 'vol', 'server')],
            self.reader.attachments())
        self.assertEqual(
            [mock.call(search_opts={'all_tenants': 1}, limit=2, marker=marker)
             for marker in (None, 'att2')],
            self.client.attachments.list.call_args_list)

    def test_pages_are_told_of_as_they_come(self):
        self.client.volumes.list.side_effect = [
            [_row(1), _row(2)], [_row(3)], []]
        pages = []
        self.reader.volumes(fakes.backend(), lambda found: pages.append(
            (list(found), self.client.volumes.list.call_count)))
        self.assertEqual([(['vol1', 'vol2'], 1),
                          (['vol1', 'vol2', 'vol3'], 2)], pages)

    def test_volumes_by_name(self):
        rows = {'vol%d' % number: _row(number) for number in (1, 2, 3)}
        for name, host in (('vol1', fakes.BACKEND), ('vol2', 'b@rbd#pool'),
                           ('vol3', fakes.BACKEND + '2#pool')):
            setattr(rows[name], 'os-vol-host-attr:host', host)

        def get(volume_id):
            if volume_id not in rows:
                raise cinder_exception.NotFound(404)
            return rows[volume_id]
        self.client.volumes.get.side_effect = get
        backend = fakes.backend(fakes.member(), fakes.member(host='b@rbd'))
        found = self.reader.volumes_named(backend, [*rows, 'gone'])
        self.assertEqual(['vol1', 'vol2'], list(found))
        self.assertEqual('failed-over', found['vol2'].replication_status)
        self.assertEqual({'cinder': 4}, self.reader.spent)
        self.client.volumes.get.side_effect = cinder_exception.Forbidden(403)
        self.assertRaises(exception.CinderUnavailable,
                          self.reader.volumes_named, backend, ['vol1'])

    def test_volume(self):
        self.client.volumes.list.side_effect = [[_row(1)], []]
        self.assertEqual(
            {'vol1': model.Volume(
                'vol1', 'in-use', 'failed-over',
                datetime.datetime(2026, 11, 23, 4, tzinfo=datetime.UTC))},
            self.reader.volumes(fakes.backend()))

    @ddt.data('2026-11-23T04:00:00.000000', '2026-11-23T04:00:00',
              '2026-11-23T04:00:00Z', '2026-11-23T06:00:00+02:00')
    def test_times(self, text):
        row = _row(1)
        row.updated_at = text
        self.client.volumes.list.side_effect = [[row], []]
        volume = self.reader.volumes(fakes.backend())['vol1']
        self.assertEqual(
            datetime.datetime(2026, 11, 23, 4, tzinfo=datetime.UTC),
            volume.updated_at)

    @ddt.data(
        (cinder_exception.Unauthorized(401), 'authentication failed'),
        (ks_exception.Unauthorized(), 'authentication failed'),
        (ks_exception.MissingRequiredOptions([]), 'authentication failed'),
        (cinder_exception.Forbidden(403), 'need the admin role'),
        (ks_exception.EndpointNotFound('no endpoint'), 'no endpoint'),
        (ks_exception.ConnectFailure(
            'Unable to establish connection to http://c: HTTPPool(...)'),
         'connection to http://c.'),
        (cinder_exception.ClientException(500, 'Boom\nmore'), 'Boom'),
        (nova_exception.CinderAPIVersionNotAvailable(version='3.7'), '3.7'),
        (ks_exception.ConnectFailure("{'password': 'CANARY'}"), '***'))
    @ddt.unpack
    def test_errors_become_one_sentence(self, raised, reason):
        self.client.services.list.side_effect = raised
        error = self.assertRaises(
            exception.CinderUnavailable, self.reader.backends)
        self.assertIn(reason, str(error))
        self.assertNotIn('\n', str(error))
        self.assertNotIn('CANARY', str(error))

    def test_errors_of_ours_stay_as_they_are(self):
        self.client.services.list.side_effect = RuntimeError
        self.assertRaises(RuntimeError, self.reader.backends)

    @mock.patch.object(tenacity.nap.time, 'sleep', autospec=True)
    def test_an_error_while_volumes_are_listed(self, _sleep):
        self.client.volumes.list.side_effect = [
            [_row(1)], *[cinder_exception.ClientException(503)] * 4]
        self.assertRaises(exception.CinderUnavailable, self.reader.volumes,
                          fakes.backend())

    def test_credentials_that_see_too_little(self):
        self.client.services.list.return_value = [
            types.SimpleNamespace(host=fakes.BACKEND, state='up')]
        error = self.assertRaises(
            exception.CinderUnavailable, self.reader.backends)
        self.assertIn('does not show replication', str(error))


@ddt.ddt
class AdminClientTest(testtools.TestCase):
    """A real client, whose requests are answered by the test."""

    def setUp(self):
        super().setUp()
        self.http = self.useFixture(mock_fixture.Fixture())
        session = ks_session.Session(noauth.NoAuth(endpoint='http://cinder'))
        patcher = mock.patch.object(nova_cinder, 'cinderclient',
                                    autospec=True)
        self.cinderclient = patcher.start()
        self.addCleanup(patcher.stop)
        self.cinderclient.side_effect = lambda *args, **values: (
            cinder_client.Client(session=session))
        self.reader = cinder_reader.CinderReader(2)
        patcher = mock.patch.object(tenacity.nap.time, 'sleep', autospec=True)
        self.sleep = patcher.start()
        self.addCleanup(patcher.stop)

    def _waits(self):
        return [call.args[0] for call in self.sleep.call_args_list]

    def _answers(self, *answers):
        return self.http.get('http://cinder/volumes/detail', list(answers))

    def test_context(self):
        cinder_reader.admin_client()
        context = self.cinderclient.call_args.args[0]
        self.assertTrue(context.is_admin)
        self.assertIsNone(context.auth_token)

    @ddt.data(*cinder_reader.PASSING)
    def test_what_passes(self, code):
        page = [{'id': 'vol', 'status': 'in-use', 'created_at': None}]
        asked = self._answers({'status_code': code},
                              {'json': {'volumes': page}},
                              {'status_code': code}, {'status_code': code},
                              {'json': {'volumes': []}})
        self.assertEqual(['vol'], list(self.reader.volumes(fakes.backend())))
        self.assertEqual(5, asked.call_count)
        self.assertEqual([0.5, 0.5, 1.0], self._waits())

    @ddt.data(('3', 3), ('3600', cinder_reader.LONGEST_WAIT), ('0', 0.5))
    @ddt.unpack
    def test_retry_after(self, text, seconds):
        self._answers(
            {'status_code': 413, 'headers': {'Retry-After': text},
             'json': {'overLimit': {'code': 413, 'message': 'slow'}}},
            {'json': {'volumes': []}})
        self.reader.volumes(fakes.backend())
        self.assertEqual([seconds], self._waits())

    @ddt.data((503, 4), (400, 1), (404, 1))
    @ddt.unpack
    def test_what_stays(self, code, requests):
        asked = self._answers({'status_code': code})
        self.assertRaises(exception.CinderUnavailable, self.reader.volumes,
                          fakes.backend())
        self.assertEqual(requests, asked.call_count)


@ddt.ddt
class ExpectationTest(testtools.TestCase):
    """What Cinder says of a backend's driver."""

    def setUp(self):
        super().setUp()
        self.client = mock.create_autospec(
            cinder_client.Client('u', 'p'), instance=True)
        self.get = self.client.capabilities.get
        self.get.return_value = types.SimpleNamespace(
            vendor_name='NetApp', storage_protocol='nfs')
        self.now = 0.0
        self.reader = cinder_reader.CinderReader(2, lambda: self.client,
                                                 clock=lambda: self.now)

    def _names(self, *members):
        found = self.reader.expectation(fakes.backend(*members))
        return [driver.name for driver in found.drivers]

    def _at(self, seconds):
        self.now = seconds

    def test_recognised(self):
        self.assertEqual(['netapp-nfs'], self._names())
        self.get.assert_called_once_with(host=fakes.BACKEND)

    def test_a_member_that_is_up_is_asked(self):
        self._names(fakes.member(host='a@rbd', up=False),
                    fakes.member(host='b@rbd'))
        self.get.assert_called_once_with(host='b@rbd')

    def test_nobody_is_asked_while_all_are_down(self):
        self.assertEqual([], self._names(fakes.member(up=False)))
        self.get.assert_not_called()

    def test_what_was_known_counts_while_all_are_down(self):
        self._names()
        self._at(cinder_reader.EXPECTED_FOR)
        self.assertEqual(['netapp-nfs'],
                         self._names(fakes.member(up=False)))

    def test_it_is_remembered(self):
        for seconds, calls in ((0.0, 1), (cinder_reader.EXPECTED_FOR - 1, 1),
                               (cinder_reader.EXPECTED_FOR, 2)):
            self._at(seconds)
            self._names()
            self.assertEqual(calls, self.get.call_count)

    @ddt.data(cinder_exception.ClientException(500, 'timed out'),
              cinder_exception.Forbidden(403),
              ks_exception.ConnectFailure('no'), NotImplementedError)
    def test_a_failure_is_the_same_as_not_to_know(self, error):
        self.get.side_effect = error
        self.assertEqual([], self._names())
        self.assertEqual([], self._names())
        self.assertEqual(1, self.get.call_count)
        self._at(cinder_reader.UNKNOWN_FOR)
        self.get.side_effect = None
        self.assertEqual(['netapp-nfs'], self._names())

    def test_what_was_known_outlives_a_failure(self):
        self._names()
        self._at(cinder_reader.EXPECTED_FOR)
        self.get.side_effect = cinder_exception.ClientException(500)
        self.assertEqual(['netapp-nfs'], self._names())

    def test_capabilities_without_a_word(self):
        self.get.return_value = types.SimpleNamespace()
        self.assertEqual([], self._names())

    def test_an_operator_has_named_it(self):
        self.reader = cinder_reader.CinderReader(
            2, lambda: self.client, {fakes.BACKEND: 'pure-sync'})
        self.assertEqual(['pure-sync'], self._names())
        self.get.assert_not_called()


class SpentTest(testtools.TestCase):
    """What a look has cost."""

    def test_requests_of_the_calling_thread(self):
        client = mock.create_autospec(
            cinder_client.Client('u', 'p'), instance=True)
        client.services.list.return_value = [_service()]
        client.volumes.list.side_effect = [[_row(1)], []]
        reader = cinder_reader.CinderReader(2, lambda: client)
        self.assertEqual({'cinder': 0}, reader.spent)
        reader.volumes(reader.backend(fakes.BACKEND))
        self.assertEqual({'cinder': 3}, reader.spent)
        self.assertGreaterEqual(reader.waited, 0.0)
        other = threading.Thread(
            target=lambda: seen.update(reader.spent))
        seen: dict[str, int] = {}
        other.start()
        other.join()
        self.assertEqual({'cinder': 0}, seen)

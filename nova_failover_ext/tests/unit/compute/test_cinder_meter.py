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

"""What is measured of the requests to Cinder, and whose it is."""

import threading
from unittest import mock

from cinderclient import exceptions as client_exceptions
from cinderclient.v3 import client
import ddt
from keystoneauth1 import exceptions as keystone_exceptions
from nova import exception as nova_exception
from nova.volume import cinder as nova_cinder
from oslotest import base

from nova_failover_ext.api import load as loads
from nova_failover_ext.compute import cinder_meter
from nova_failover_ext import exception
from nova_failover_ext.recovery import cinder_api

#: Every call of the compute side, with arguments.
CALLS: tuple[tuple, ...] = (
    ('volume', 'v'), ('ask', 'v', {}), ('attachment', 'a'),
    ('update', 'a', {}, '/dev/vdb'), ('complete', 'a'), ('delete', 'a'),
    ('attachments', 'v', 's'), ('backends',))


@ddt.ddt
class MeasuredCinder(base.BaseTestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # It takes long to make; each test sets what it answers.
        cls.client = mock.create_autospec(
            client.Client(session=mock.Mock()), instance=True)

    def setUp(self):
        super().setUp()
        self.now = 0.0
        patch = mock.patch.object(nova_cinder, 'cinderclient', autospec=True,
                                  return_value=self.client)
        self.addCleanup(patch.stop)
        patch.start()
        self.client.volumes.get.side_effect = self._answer
        self.client.volumes.initialize_connection.side_effect = self._answer
        self.client.attachments.show.side_effect = self._answer
        self.client.attachments.list.side_effect = self._answer
        self.client.services.list.side_effect = self._answer
        volume_api = mock.create_autospec(nova_cinder.API, instance=True)
        for name in ('update', 'complete', 'delete'):
            getattr(volume_api, 'attachment_' + name).side_effect = (
                self._answer)
        self.takes = 2.0
        self.error = None
        self.cinder = cinder_meter.MeasuredCinder(volume_api, lambda: self.now)

    def _answer(self, *_args, **_kwargs):
        self.now += self.takes
        if self.error:
            raise self.error
        return mock.MagicMock()

    def test_nothing_is_left_out(self):
        public = {name for name in vars(cinder_api.CinderAPI)
                  if not name.startswith('_')}
        self.assertEqual(public, {call[0] for call in CALLS})
        self.assertLessEqual(public, set(vars(cinder_meter.MeasuredCinder)))

    @ddt.data(*CALLS)
    def test_every_call(self, call):
        name, *args = call
        with self.cinder.measured() as meter:
            getattr(self.cinder, name)('context', *args)
        self.assertEqual(loads.Load(1, 2.0, 2.0), meter.load)

    @ddt.data(*CALLS)
    def test_every_call_refused(self, call):
        name, *args = call
        self.error = client_exceptions.ClientException(503)
        with self.cinder.measured() as meter:
            self.assertRaises(
                (exception.RecoveryDeferred, exception.RecoveryFailed),
                getattr(self.cinder, name), 'context', *args)
        self.assertEqual(loads.Load(1, 2.0, 2.0, 1), meter.load)

    def test_sum_and_slowest(self):
        with self.cinder.measured() as meter:
            for self.takes in (1.0, 5.0, 2.0):
                self.cinder.complete('context', 'a')
        self.assertEqual(loads.Load(3, 8.0, 5.0), meter.load)

    @ddt.data(client_exceptions.ClientException(500),
              client_exceptions.ClientException(429),
              client_exceptions.HTTPNotImplemented(501),
              keystone_exceptions.ConnectTimeout('x'),
              keystone_exceptions.ConnectFailure('x'),
              keystone_exceptions.ServiceUnavailable('x'),
              nova_exception.CinderConnectionFailed(reason='x'))
    def test_refusal(self, error):
        self.assertTrue(cinder_meter.is_refusal(error))

    @ddt.data(client_exceptions.NotFound(404),
              client_exceptions.BadRequest(400),
              client_exceptions.ClientException(409),
              keystone_exceptions.NotFound('x'),
              nova_exception.VolumeNotFound(volume_id='x'),
              nova_exception.InternalError('x'), KeyError('x'))
    def test_no_refusal(self, error):
        self.assertFalse(cinder_meter.is_refusal(error))

    def test_each_recovery_has_its_own(self):
        with self.cinder.measured():
            self.cinder.complete('context', 'a')
        with self.cinder.measured() as meter:
            self.cinder.complete('context', 'a')
        self.assertEqual(1, meter.load.calls)

    def test_another_thread_is_not_counted(self):
        with self.cinder.measured() as meter:
            worker = threading.Thread(
                target=self.cinder.complete, args=('context', 'a'))
            worker.start()
            worker.join(60)
        self.assertEqual(2.0, self.now)
        self.assertEqual(loads.Load(), meter.load)

    def test_without_a_meter(self):
        self.cinder.complete('context', 'a')
        self.assertEqual(2.0, self.now)

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

"""Asking an engine, and what can go wrong."""

from unittest import mock

import ddt
from kombu import exceptions as kombu_exception
from nova import rpc
import oslo_messaging as messaging
import testtools

from nova_failover_ext.api import requests
from nova_failover_ext.api import rpcapi
from nova_failover_ext.cli import engine_client
from nova_failover_ext.cli import errors
from nova_failover_ext import exception


@ddt.ddt
class EngineClientTest(testtools.TestCase):
    """The client over a fake bus."""

    def setUp(self):
        super().setUp()
        self._patch(rpc, 'get_client')
        self.reach = self._patch(rpcapi.EngineAPI, 'reach_bus')
        self.recover = self._patch(rpcapi.EngineAPI, 'recover')
        self.status = self._patch(rpcapi.EngineAPI, 'status')
        self.client = engine_client.EngineClient(7)
        self.request = requests.Request('b', limit=3)

    def _patch(self, owner, name):
        patcher = mock.patch.object(owner, name, autospec=True)
        self.addCleanup(patcher.stop)
        return patcher.start()

    def test_recover(self):
        self.recover.return_value = 'req-1'
        self.assertEqual('req-1', self.client.recover(self.request))
        _api, context, request, timeout = self.recover.call_args.args
        self.assertEqual((self.request.to_primitive(), 7),
                         (request, timeout))
        self.assertEqual(self.client.failover_id, context.request_id)

    def test_progress_and_health(self):
        progress = self._patch(rpcapi.EngineAPI, 'progress')
        progress.return_value = {'b': {}}
        self.assertEqual({'b': {}}, self.client.progress(['b']))
        self.assertEqual((['b'], 7), progress.call_args.args[2:])
        health = self._patch(rpcapi.EngineAPI, 'health')
        health.return_value = {'host': 'ctl'}
        self.assertEqual({'host': 'ctl'}, self.client.health())

    def test_status(self):
        self.status.return_value = {'reason': ''}
        self.assertEqual({'reason': ''}, self.client.status('b'))

    def test_pause_and_resume(self):
        pause = self._patch(rpcapi.EngineAPI, 'pause')
        pause.return_value = {'pauses': []}
        self.assertEqual({'pauses': []}, self.client.pause({'backend': 'b'}))
        self.assertEqual(({'backend': 'b'}, 7), pause.call_args.args[2:])
        resume = self._patch(rpcapi.EngineAPI, 'resume')
        resume.return_value = {'pauses': []}
        self.assertEqual({'pauses': []}, self.client.resume('b', 'jo@ctl1'))
        self.assertEqual(('b', 'jo@ctl1', 7), resume.call_args.args[2:])

    def test_exclude_and_include(self):
        exclude = self._patch(rpcapi.EngineAPI, 'exclude')
        exclude.return_value = {'exclusions': []}
        self.assertEqual({'exclusions': []}, self.client.exclude({'a': 'b'}))
        self.assertEqual(({'a': 'b'}, 7), exclude.call_args.args[2:])
        include = self._patch(rpcapi.EngineAPI, 'include')
        include.return_value = {'exclusions': []}
        self.assertEqual({'exclusions': []}, self.client.include(
            'host', 'h', 'jo@ctl1'))
        self.assertEqual(('host', 'h', 'jo@ctl1', 7),
                         include.call_args.args[2:])

    @ddt.data(('RecoveryPaused', errors.Paused), ('NotPaused',
                                                  errors.NotFound),
              ('AlreadyExcluded', errors.Excluded),
              ('NotExcluded', errors.NotFound),
              ('DecisionsUnavailable', exception.DecisionsUnavailable),
              ('DatabaseUnavailable', exception.DatabaseUnavailable))
    @ddt.unpack
    def test_what_an_engine_refuses(self, name, kind):
        self.recover.side_effect = messaging.RemoteError(name, 'Why.')
        error = self.assertRaises(kind, self.client.recover, self.request)
        self.assertEqual('Why.', str(error))

    @ddt.data(
        (messaging.MessagingTimeout(), exception.EngineUnavailable,
         'within 7 seconds'),
        (messaging.RemoteError('KeyError', 'CANARY'),
         exception.EngineUnavailable, 'RemoteError'))
    @ddt.unpack
    def test_no_answer(self, raised, kind, text):
        self.recover.side_effect = raised
        error = self.assertRaises(kind, self.client.recover, self.request)
        self.assertIn(text, str(error))
        self.assertNotIn('CANARY', str(error))

    @ddt.data(
        messaging.MessageDeliveryFailure('refused'),
        kombu_exception.OperationalError('refused'),
        ConnectionRefusedError('refused'))
    def test_no_bus(self, raised):
        self.reach.side_effect = raised
        error = self.assertRaises(
            exception.BrokerUnavailable, self.client.recover, self.request)
        self.assertIn('refused', str(error))
        self.recover.assert_not_called()

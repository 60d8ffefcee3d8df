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

"""What goes over the bus to a compute host."""

from unittest import mock

import oslo_messaging as messaging
from oslotest import base

from nova_failover_ext.api import load
from nova_failover_ext.api import rpcapi
from nova_failover_ext.recovery import results


class ComputeFailoverAPI(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.client = mock.create_autospec(
            messaging.get_rpc_client, spec_set=False).return_value
        self.call = self.client.prepare.return_value.call
        self.api = rpcapi.ComputeFailoverAPI(self.client)

    def test_recover_server(self):
        result = results.ServerResult('s', results.Outcome.DEFERRED, 'why')
        measured = load.Load(2, 3.0, 2.5, 1)
        self.call.return_value = {
            **result.to_primitive(),
            load.KEY: {**measured.to_primitive(), 'newer': 1}}
        self.assertEqual((result, measured), self.api.recover_server(
            'context', 'host', 's', 'req-f', {'v': 'b'}, 60, 5, 'detach'))
        self.client.prepare.assert_called_once_with(
            server='host', timeout=60, call_monitor_timeout=5)
        self.call.assert_called_once_with(
            'context', 'recover_server', server_id='s', failover_id='req-f',
            volumes={'v': 'b'}, policy='detach')

    def test_ping(self):
        self.call.return_value = {'host': 'host', 'version': '1.0'}
        self.assertEqual('host', self.api.ping('context', 'host', 3)['host'])
        self.client.prepare.assert_called_once_with(server='host', timeout=3)

    def test_target(self):
        target = self.api.target()
        self.assertEqual(('compute', 'failover', '1.0'), (
            target.topic, target.namespace, target.version))


class EngineAPI(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.client = mock.create_autospec(
            messaging.get_rpc_client, spec_set=False).return_value
        self.call = self.client.prepare.return_value.call
        self.api = rpcapi.EngineAPI(self.client)

    def test_recover(self):
        self.call.return_value = 'req-f'
        self.assertEqual('req-f', self.api.recover('context', {'a': 1}, 3))
        self.client.prepare.assert_called_once_with(
            timeout=3)
        self.call.assert_called_once_with(
            'context', 'recover', request={'a': 1})

    def test_pause_and_resume(self):
        self.call.return_value = {'pauses': []}
        self.assertEqual({'pauses': []}, self.api.pause(
            'context', {'backend': 'b'}, 3))
        self.client.prepare.assert_called_with(timeout=3, version='1.1')
        self.call.assert_called_with(
            'context', 'pause', pause={'backend': 'b'})
        self.assertEqual({'pauses': []}, self.api.resume(
            'context', 'b', 'jo@ctl1', 3))
        self.client.prepare.assert_called_with(timeout=3, version='1.1')
        self.call.assert_called_with(
            'context', 'resume', backend='b', who='jo@ctl1')

    def test_acts(self):
        self.call.return_value = [{'what': 'pause'}]
        self.assertEqual([{'what': 'pause'}], self.api.acts(
            'context', '2026-11-26T22:00:05', 3))
        self.client.prepare.assert_called_with(timeout=3, version='1.3')
        self.call.assert_called_with(
            'context', 'acts', since='2026-11-26T22:00:05')

    def test_exclude_and_include(self):
        self.call.return_value = {'exclusions': []}
        self.assertEqual({'exclusions': []}, self.api.exclude(
            'context', {'kind': 'host'}, 3))
        self.client.prepare.assert_called_with(timeout=3, version='1.2')
        self.call.assert_called_with(
            'context', 'exclude', exclusion={'kind': 'host'})
        self.assertEqual({'exclusions': []}, self.api.include(
            'context', 'host', 'h', 'jo@ctl1', 3))
        self.client.prepare.assert_called_with(timeout=3, version='1.2')
        self.call.assert_called_with(
            'context', 'include', kind='host', text='h', who='jo@ctl1')

    def test_an_older_engine_is_understood(self):
        self.assertEqual('1.0', self.api.target().version)

    def test_progress_and_health(self):
        self.call.return_value = {'node@rbd': {'limit': 4}}
        self.assertEqual(self.call.return_value, self.api.progress(
            'context', ['node@rbd'], 3))
        self.call.assert_called_with(
            'context', 'progress', backends=['node@rbd'])
        self.assertEqual(self.call.return_value,
                         self.api.health('context', 3))
        self.call.assert_called_with('context', 'health')

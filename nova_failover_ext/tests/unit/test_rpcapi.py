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

from nova_failover_ext import results
from nova_failover_ext import rpcapi


class ComputeFailoverAPI(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.client = mock.create_autospec(
            messaging.get_rpc_client, spec_set=False).return_value
        self.call = self.client.prepare.return_value.call
        self.api = rpcapi.ComputeFailoverAPI(self.client)

    def test_recover_server(self):
        result = results.ServerResult('s', results.Outcome.DEFERRED, 'why')
        self.call.return_value = result.to_primitive()
        self.assertEqual(result, self.api.recover_server(
            'context', 'host', 's', 'req-f', {'v': 'b'}, 60, 5))
        self.client.prepare.assert_called_once_with(
            server='host', timeout=60, call_monitor_timeout=5, version='1.0')
        self.call.assert_called_once_with(
            'context', 'recover_server', server_id='s', failover_id='req-f',
            volumes={'v': 'b'})

    def test_ping(self):
        self.call.return_value = {'host': 'host', 'version': '1.0'}
        self.assertEqual('host', self.api.ping('context', 'host', 3)['host'])
        self.client.prepare.assert_called_once_with(server='host', timeout=3)

    def test_target(self):
        target = self.api.target()
        self.assertEqual(('compute', 'failover', '1.1'), (
            target.topic, target.namespace, target.version))

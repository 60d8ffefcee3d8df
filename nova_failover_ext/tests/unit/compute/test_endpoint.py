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

"""The thin edge: context in, plain data out."""

from unittest import mock

from nova import context as nova_context
from oslotest import base

from nova_failover_ext.compute import endpoint
from nova_failover_ext.compute import recovery
from nova_failover_ext import policy
from nova_failover_ext import results
from nova_failover_ext import rpcapi


class Endpoint(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.work = mock.create_autospec(recovery.Recovery, instance=True)
        self.endpoint = endpoint.FailoverEndpoint('here', self.work)
        self.context = nova_context.get_admin_context()

    def test_ping(self):
        self.assertEqual({'host': 'here', 'version': '1.1'},
                         self.endpoint.ping(self.context))

    def test_recover_server(self):
        result = results.ServerResult('s', results.Outcome.UNCHANGED)
        self.work.recover.return_value = result
        self.assertEqual(
            result.to_primitive(), self.endpoint.recover_server(
                self.context, server_id='s', failover_id='req-f',
                volumes={'v': 'b'}))
        self.work.recover.assert_called_once_with(
            self.context, 's', {'v': 'b'}, None)
        self.assertEqual('req-f', self.context.request_id)

    def test_target_is_that_of_the_client(self):
        target = rpcapi.ComputeFailoverAPI.target()
        self.assertEqual(target.namespace, self.endpoint.target.namespace)
        self.assertEqual(target.version, self.endpoint.target.version)

    def test_policy_of_the_operator(self):
        self.work.recover.return_value = results.ServerResult(
            's', results.Outcome.UNCHANGED)
        self.endpoint.recover_server(
            self.context, server_id='s', failover_id='req-f',
            volumes={}, policy='power-cycle')
        self.work.recover.assert_called_once_with(
            self.context, 's', {}, policy.Policy.POWER_CYCLE)

    def test_unknown_policy(self):
        self.assertRaises(
            ValueError, self.endpoint.recover_server, self.context,
            server_id='s', failover_id='req-f', volumes={}, policy='x')
        self.work.recover.assert_not_called()

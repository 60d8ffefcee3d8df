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

"""From a piece of work to a call, and from its failure to a result."""

from unittest import mock

import ddt
import nova.context
from nova import exception as nova_exception
from nova import objects
from nova import rpc
from oslo_db import exception as db_exception
import oslo_messaging as messaging
import testtools

from nova_failover_ext.api import load
from nova_failover_ext.api import rpcapi
from nova_failover_ext.engine.dispatcher import compute_client
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes


@ddt.ddt
class ComputeClientTest(testtools.TestCase):
    """The client over a fake bus."""

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.router = self._patch(rpc, 'ClientRouter').return_value
        self._patch(rpc, 'get_client')
        self.cell = objects.CellMapping(uuid=fakes.CELL)
        self.by_uuid = self._patch(objects.CellMapping, 'get_by_uuid')
        self.by_uuid.return_value = self.cell
        self.set_target = self._patch(nova.context, 'set_target_cell')
        self.recover = self._patch(rpcapi.ComputeFailoverAPI,
                                   'recover_server')
        self.ping = self._patch(rpcapi.ComputeFailoverAPI, 'ping')
        self.hosts = host_health.HostHealth(10, lambda: 0.0)
        self.client = compute_client.ComputeClient(900, 30, self.hosts)

    def _silent(self):
        return not self.hosts.may_send(fakes.CELL, 'compute1')

    def _patch(self, owner, name):
        patcher = mock.patch.object(owner, name, autospec=True)
        self.addCleanup(patcher.stop)
        return patcher.start()

    def test_call(self):
        expected = (
            results.ServerResult('server', results.Outcome.RECOVERED),
            load.Load(calls=3))
        self.recover.return_value = expected
        self.assertEqual(expected, self.client.recover(fakes.work()))
        context = self.recover.call_args.args[1]
        self.assertEqual(
            ('compute1', 'server', fakes.FAILOVER_ID, {'vol': 'second'}, 900,
             30, None), self.recover.call_args.args[2:])
        self.assertEqual(fakes.FAILOVER_ID, context.request_id)
        self.assertTrue(context.is_admin)
        self.set_target.assert_called_once_with(context, self.cell)
        self.router.client.assert_called_once_with(context)

    def test_cell_is_read_once(self):
        self.recover.return_value = (
            results.ServerResult('server', results.Outcome.RECOVERED),
            load.Load())
        for _server in range(3):
            self.client.recover(fakes.work())
        self.assertEqual(1, self.by_uuid.call_count)
        self.assertEqual(3, self.set_target.call_count)

    @ddt.data(
        (messaging.MessagingTimeout(), 'did not respond'),
        (messaging.UnsupportedVersion('1.0'), 'nova-compute-failover'),
        (messaging.RemoteError('UnsupportedVersion', 'x'),
         'nova-compute-failover'),
        (messaging.RemoteError('NoSuchMethod', 'x'),
         'nova-compute-failover'),
        (messaging.RemoteError('KeyError', 'CANARY', ['CANARY']),
         'raised KeyError'),
        (messaging.MessageDeliveryFailure('CANARY'), 'cannot be asked'),
        (db_exception.DBConnectionError(Exception('CANARY')),
         'cannot be asked'),
        (nova_exception.CellMappingNotFound(uuid='x'), 'cannot be asked'),
        (ValueError('CANARY'), 'cannot be asked'))
    @ddt.unpack
    def test_errors_become_results(self, error, reason):
        self.recover.side_effect = error
        result, measured = self.client.recover(fakes.work())
        self.assertEqual(load.Load(), measured)
        self.assertEqual(results.Outcome.FAILED, result.outcome)
        self.assertEqual('server', result.server_id)
        self.assertIn(reason, result.reason)
        self.assertIn('compute1', result.reason)
        self.assertNotIn('CANARY', result.reason)

    def test_policy(self):
        self.client.recover(fakes.work(policy='hot-plug'))
        self.assertEqual('hot-plug', self.recover.call_args.args[-1])

    def test_all_backends_volumes_in_one_call(self):
        self.client.recover(fakes.work(parts=(
            fakes.part(failover_id='req-b'),
            fakes.part(backend='other', failover_id='req-a',
                       volumes=(('vol2', ''),)))))
        self.assertEqual(('req-a', {'vol': 'second', 'vol2': ''}),
                         self.recover.call_args.args[4:6])

    def test_a_host_without_a_sign_of_life_is_silent(self):
        self.recover.side_effect = messaging.MessagingTimeout()
        self.client.recover(fakes.work())
        self.assertTrue(self._silent())

    @ddt.data(None, messaging.UnsupportedVersion('1.0'),
              messaging.RemoteError('KeyError', 'x'))
    def test_a_host_that_answers_is_not_silent(self, error):
        self.hosts.note_silent(fakes.CELL, 'compute1')
        self.recover.side_effect = error
        self.client.recover(fakes.work())
        self.assertFalse(self._silent())

    def test_a_broken_bus_says_nothing_of_the_host(self):
        self.recover.side_effect = messaging.MessageDeliveryFailure()
        self.client.recover(fakes.work())
        self.assertFalse(self._silent())
        self.hosts.note_silent(fakes.CELL, 'compute1')
        self.client.recover(fakes.work())
        self.assertTrue(self._silent())

    def test_ping(self):
        self.hosts.note_silent(fakes.CELL, 'compute1')
        self.ping.return_value = {'host': 'compute1'}
        self.assertEqual({'host': 'compute1'},
                         self.client.ping(fakes.CELL, 'compute1', 7))
        self.assertEqual(('compute1', 7), self.ping.call_args.args[2:])
        self.assertEqual(self.cell, self.set_target.call_args.args[1])
        self.assertFalse(self._silent())

    def test_ping_without_an_answer(self):
        self.ping.side_effect = messaging.MessagingTimeout()
        self.assertRaises(messaging.MessagingTimeout, self.client.ping,
                          fakes.CELL, 'compute1', 7)
        self.assertTrue(self._silent())

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

import threading
from unittest import mock

from nova import context as nova_context
from nova.volume import cinder as nova_cinder
from oslotest import base

from nova_failover_ext.api import load as loads
from nova_failover_ext.api import rpcapi
from nova_failover_ext.compute import cinder_meter
from nova_failover_ext.compute import endpoint
from nova_failover_ext.recovery import policy
from nova_failover_ext.recovery import recovery
from nova_failover_ext.recovery import results


class Endpoint(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.work = mock.create_autospec(recovery.Recovery, instance=True)
        self.cinder = cinder_meter.MeasuredCinder(mock.create_autospec(
            nova_cinder.API, instance=True))
        self.endpoint = endpoint.FailoverEndpoint(
            'here', self.work, self.cinder)
        self.context = nova_context.get_admin_context()

    def test_ping(self):
        self.assertEqual({'host': 'here', 'version': '1.0'},
                         self.endpoint.ping(self.context))

    def test_recover_server(self):
        result = results.ServerResult('s', results.Outcome.UNCHANGED)
        self.work.recover.return_value = result
        answer = self.endpoint.recover_server(
            self.context, server_id='s', failover_id='req-f',
            volumes={'v': 'b'})
        self.assertEqual(result, results.ServerResult.from_primitive(answer))
        del answer[loads.KEY]
        self.assertEqual(result.to_primitive(), answer)
        self.work.recover.assert_called_once_with(
            self.context, 's', {'v': 'b'}, None)
        self.assertEqual('req-f', self.context.request_id)

    def test_the_log_tells_how_it_ended(self):
        self.work.recover.return_value = results.ServerResult(
            's', results.Outcome.DEFERRED, 'why', seconds=1.25)
        with self.assertLogs('nova_failover_ext.compute', 'INFO') as logs:
            self._recover()
        [record] = logs.records
        self.assertEqual('Recovery for failover req-f ended: deferred after '
                         '1.2 s: why', record.getMessage())
        self.assertEqual('s', record.instance_uuid)

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

    def _recover(self, server_id='s'):
        return self.endpoint.recover_server(
            self.context, server_id=server_id, failover_id='req-f',
            volumes={})

    def test_load(self):
        def recover(*_args):
            self.cinder.complete(self.context, 'a')
            self.cinder.delete(self.context, 'a')
            return results.ServerResult('s', results.Outcome.RECOVERED)

        self.work.recover.side_effect = recover
        for _ in range(2):
            answer = self._recover()
            self.assertEqual(2, loads.Load.from_primitive(
                answer[loads.KEY]).calls)

    def _beside(self, call):
        """Call while a recovery of 's' goes on, and end that."""
        at_work, end = threading.Event(), threading.Event()

        def recover(context, server_id, *_args):
            if server_id == 's':
                at_work.set()
                self.assertTrue(end.wait(60))
            return results.ServerResult(server_id, results.Outcome.RECOVERED)

        self.work.recover.side_effect = recover
        worker = threading.Thread(target=self._recover)
        worker.start()
        try:
            self.assertTrue(at_work.wait(60))
            return call()
        finally:
            end.set()
            worker.join(60)

    def test_a_server_at_work_is_deferred_at_once(self):
        answer = self._beside(self._recover)
        self.assertEqual(results.ServerResult(
            's', results.Outcome.DEFERRED, 'it is being recovered already'),
            results.ServerResult.from_primitive(answer))
        self.work.recover.assert_called_once()
        self.work.recover.side_effect = None
        self.work.recover.return_value = results.ServerResult(
            's', results.Outcome.UNCHANGED)
        self.assertEqual('unchanged', self._recover()['outcome'])

    def test_it_stays_at_work_however_often_it_is_asked_for(self):
        answers = self._beside(lambda: [self._recover() for _ in range(3)])
        self.assertEqual(['deferred'] * 3, [a['outcome'] for a in answers])

    def test_another_server_is_not_deferred(self):
        answer = self._beside(lambda: self._recover('other'))
        self.assertEqual('recovered', answer['outcome'])

    def test_an_error_ends_the_work(self):
        self.work.recover.side_effect = RuntimeError
        for _ in range(2):
            self.assertRaises(RuntimeError, self._recover)

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

"""The engine's calls over oslo.messaging's in-memory bus, with real cells."""

from unittest import mock

import nova.context
from nova import rpc as nova_rpc
from nova import test
import oslo_messaging as messaging

from nova_failover_ext.cli import engine as cli_engine
from nova_failover_ext import conf as own_conf
from nova_failover_ext.engine import compute_client
from nova_failover_ext.engine import coordinator
from nova_failover_ext.engine import nova_db
from nova_failover_ext.engine import rpc
from nova_failover_ext import exception
from nova_failover_ext import results
from nova_failover_ext import rpcapi
from nova_failover_ext.tests.unit.engine import fakes


class FakeCompute:
    """Stands for the endpoint inside nova-compute."""

    target = messaging.Target(namespace=rpcapi.COMPUTE_NAMESPACE,
                              version=rpcapi.ComputeFailoverAPI.VERSION)

    def __init__(self):
        self.calls = []

    def recover_server(self, context, server_id, failover_id, volumes):
        """Note the call and say that all is well."""
        self.calls.append((context.request_id, server_id, failover_id,
                           volumes))
        return results.ServerResult(
            server_id, results.Outcome.RECOVERED, power_cycled=True,
            volumes=(results.VolumeResult(
                'vol', results.Outcome.RECOVERED),)).to_primitive()


class ComputeBusTest(test.TestCase):
    """To nova-compute, on the bus of its cell."""

    def setUp(self):
        super().setUp()
        own_conf.register_opts(nova_rpc.CONF)
        self.cell = nova_db.NovaReader(5).cells()[0]
        self.compute = FakeCompute()
        self.client = compute_client.ComputeClient(10, 5)

    def _serve(self, host, *endpoints):
        context = nova.context.get_admin_context()
        with nova.context.target_cell(context, self.cell) as cctxt:
            transport = cctxt.mq_connection
        server = messaging.get_rpc_server(
            transport, messaging.Target(topic='compute', server=host),
            endpoints, executor='threading',
            serializer=nova_rpc.RequestContextSerializer(None))
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)

    def _recover(self):
        return self.client.recover(fakes.work(cell=self.cell.uuid))

    def test_recover(self):
        self._serve('compute1', self.compute)
        result = self._recover()
        self.assertEqual(results.Outcome.RECOVERED, result.outcome)
        self.assertTrue(result.power_cycled)
        self.assertEqual('vol', result.volumes[0].volume_id)
        self.assertEqual(
            [(fakes.FAILOVER_ID, 'server', fakes.FAILOVER_ID,
              {'vol': 'second'})], self.compute.calls)

    def test_a_compute_that_is_not_extended(self):
        self._serve('compute1', object())
        result = self._recover()
        self.assertEqual(results.Outcome.FAILED, result.outcome)
        self.assertIn('is nova-compute-failover started', result.reason)


class EngineBusTest(test.TestCase):
    """From the command line to an engine."""

    def setUp(self):
        super().setUp()
        own_conf.register_opts(nova_rpc.CONF)
        self.coordinator = mock.create_autospec(
            coordinator.Coordinator, instance=True)
        self.coordinator.recover.side_effect = lambda backend, name: name
        self.coordinator.report.return_value = {'reason': 'gate'}

    def _serve(self):
        server = rpc.server(nova_rpc.CONF,
                            rpc.Endpoint(self.coordinator, 'ctl'))
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)

    def test_recover_and_status(self):
        self._serve()
        client = cli_engine.EngineClient(10)
        made = client.recover('b')
        self.coordinator.recover.assert_called_once_with('b', made)
        self.assertEqual({'reason': 'gate'}, client.status('b'))

    def test_no_engine(self):
        self.assertRaises(exception.EngineUnavailable,
                          cli_engine.EngineClient(0.1).recover, 'b')

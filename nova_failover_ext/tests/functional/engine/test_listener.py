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

import threading
from unittest import mock

import nova.context
from nova import rpc as nova_rpc
from nova import test
from nova.volume import cinder as nova_cinder
import oslo_messaging as messaging
from oslo_messaging._drivers import amqpdriver

from nova_failover_ext.api import load as loads
from nova_failover_ext.api import load
from nova_failover_ext.api import requests
from nova_failover_ext.api import rpcapi
from nova_failover_ext.cli import engine_client as cli_engine
from nova_failover_ext.compute import cinder_meter
from nova_failover_ext.compute import endpoint
from nova_failover_ext import conf as own_conf
from nova_failover_ext.decisions import store
from nova_failover_ext.engine import act_recorder
from nova_failover_ext.engine import brake
from nova_failover_ext.engine.dispatcher import compute_client
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.engine import exclusion_memory
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine.listener import rpc_endpoint
from nova_failover_ext.engine.reconciler import reconciler
from nova_failover_ext import exception
from nova_failover_ext.recovery import recovery
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.api import test_pauses
from nova_failover_ext.tests.unit.engine import fakes


#: Seconds between two signs of life; heartbeats come twice in them.
HEARTBEAT = 2
#: Far more than anything here takes.
PATIENCE = 120


class FakeCompute:
    """Stands for the endpoint inside nova-compute."""

    target = messaging.Target(namespace=rpcapi.COMPUTE_NAMESPACE,
                              version='1.0')

    def __init__(self):
        self.calls = []

    def recover_server(self, context, server_id, failover_id, volumes,
                       policy):
        """Note the call and say that all is well."""
        self.calls.append((context.request_id, server_id, failover_id,
                           volumes))
        result = results.ServerResult(
            server_id, results.Outcome.RECOVERED, power_cycled=True,
            volumes=(results.VolumeResult(
                'vol', results.Outcome.RECOVERED),))
        return {**result.to_primitive(),
                load.KEY: load.Load().to_primitive()}


class ComputeBusTest(test.TestCase):
    """To nova-compute, on the bus of its cell."""

    def setUp(self):
        super().setUp()
        own_conf.register_opts(nova_rpc.CONF)
        self.cell = nova_reader.NovaReader(5).cells()[0]
        self.compute = FakeCompute()
        self.hosts = host_health.HostHealth(10)
        self.client = compute_client.ComputeClient(10, 5, self.hosts)

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

    def _recover(self, **values):
        return self.client.recover(
            fakes.work(cell=self.cell.uuid, **values))

    def test_a_host_of_the_first_release(self):
        self._serve('compute1', self.compute)
        result, measured = self._recover()
        self.assertEqual(results.Outcome.RECOVERED, result.outcome)
        self.assertTrue(result.power_cycled)
        self.assertEqual('vol', result.volumes[0].volume_id)
        self.assertEqual(loads.Load(), measured)
        self.assertEqual(
            [(fakes.FAILOVER_ID, 'server', fakes.FAILOVER_ID,
              {'vol': 'second'})], self.compute.calls)

    def test_a_policy_and_a_measured_load(self):
        cinder = cinder_meter.MeasuredCinder(
            mock.create_autospec(nova_cinder.API, instance=True))
        work = mock.create_autospec(recovery.Recovery, instance=True)

        def recover(context, server_id, volumes, policy):
            cinder.complete(context, 'attachment')
            return results.ServerResult(
                server_id, results.Outcome.UNCHANGED, policy.value)

        work.recover.side_effect = recover
        self._serve('compute1', endpoint.FailoverEndpoint(
            'compute1', work, cinder))
        result, measured = self._recover(policy='detach')
        self.assertEqual('detach', result.reason)
        self.assertEqual(1, measured.calls)
        self.assertEqual(
            {'host': 'compute1',
             'version': rpcapi.ComputeFailoverAPI.VERSION},
            self.client.ping(self.cell.uuid, 'compute1', PATIENCE))

    def test_a_compute_that_is_not_extended(self):
        self._serve('compute1', object())
        result, _measured = self._recover()
        self.assertEqual(results.Outcome.FAILED, result.outcome)
        self.assertIn('is nova-compute-failover started', result.reason)
        self.assertTrue(self.hosts.may_send(self.cell.uuid, 'compute1'))

    def test_a_ping_that_nobody_answers(self):
        self.assertRaises(messaging.MessagingTimeout, self.client.ping,
                          self.cell.uuid, 'compute1', 0.1)
        self.assertFalse(self.hosts.may_send(self.cell.uuid, 'compute1'))


class SlowCompute:
    """Takes three times as long as an engine waits for a sign of life."""

    target = messaging.Target(namespace=rpcapi.COMPUTE_NAMESPACE,
                              version='1.0')

    def __init__(self):
        self.heartbeats = threading.Semaphore(0)

    def recover_server(self, context, server_id, failover_id, volumes,
                       policy):
        """Wait for as many heartbeats as come in that time."""
        for _ in range(3 * 2):
            if not self.heartbeats.acquire(timeout=PATIENCE):
                raise AssertionError('no heartbeat came')
        result = results.ServerResult(server_id, results.Outcome.RECOVERED)
        return {**result.to_primitive(),
                load.KEY: load.Load().to_primitive()}


class HeartbeatTest(test.TestCase):
    """The driver of RabbitMQ, on kombu's bus in memory.

    That of oslo.messaging's own bus in memory knows no heartbeats.
    """

    def setUp(self):
        super().setUp()
        self.compute = SlowCompute()
        self.arrives = True
        # First: the server's last call still needs it when it is stopped.
        self._count_heartbeats()
        transport = messaging.get_rpc_transport(
            nova_rpc.CONF, 'kombu+memory:///')
        server = messaging.get_rpc_server(
            transport, messaging.Target(topic='compute', server='compute1'),
            [self.compute], executor='threading')
        server.start()
        self.addCleanup(transport.cleanup)
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)
        self.api = rpcapi.ComputeFailoverAPI(messaging.get_rpc_client(
            transport, rpcapi.ComputeFailoverAPI.target()))

    def _count_heartbeats(self):
        real = amqpdriver.AMQPIncomingMessage.heartbeat

        def heartbeat(message):
            if self.arrives:
                real(message)
            self.compute.heartbeats.release()

        patcher = mock.patch.object(amqpdriver.AMQPIncomingMessage,
                                    'heartbeat', heartbeat)
        self.addCleanup(patcher.stop)
        patcher.start()

    def _recover(self):
        return self.api.recover_server(
            {}, 'compute1', 'server', 'req-1', {}, PATIENCE, HEARTBEAT)

    def test_a_slow_recovery_is_not_given_up(self):
        self.assertEqual(results.Outcome.RECOVERED, self._recover()[0].outcome)

    def test_a_host_without_a_sign_of_life_is(self):
        self.arrives = False
        self.assertRaises(messaging.MessagingTimeout, self._recover)


class EngineBusTest(test.TestCase):
    """From the command line to an engine."""

    def setUp(self):
        super().setUp()
        own_conf.register_opts(nova_rpc.CONF)
        self.reconciler = mock.create_autospec(
            reconciler.Reconciler, instance=True)
        self.reconciler.recover.return_value = 'req-1'
        self.reconciler.report.return_value = {'reason': 'gate'}
        self.reconciler.progress.return_value = {'b': {'waiting': 1}}
        self.reconciler.health.return_value = {'last_notifications': {}}
        self.store = mock.create_autospec(store.Store, instance=True)
        self.store.read.return_value = []
        self.exclusions = mock.create_autospec(
            exclusion_memory.ExclusionMemory, instance=True)
        self.exclusions.report.return_value = {'exclusions': []}

    def _serve(self):
        server = rpc_endpoint.server(nova_rpc.CONF, rpc_endpoint.Endpoint(
            self.reconciler, 'ctl', lambda: {'coordination': 'alone'},
            brake.Brake(self.store), self.exclusions,
            mock.create_autospec(act_recorder.ActRecorder, instance=True)))
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)

    def test_every_question(self):
        self._serve()
        client = cli_engine.EngineClient(PATIENCE)
        request = requests.Request(backend='b', servers=('s',), limit=3)
        self.assertEqual('req-1', client.recover(request))
        self.reconciler.recover.assert_called_once_with(request)
        self.assertEqual({'reason': 'gate'}, client.status('b'))
        self.assertEqual({'b': {'waiting': 1}}, client.progress(['b']))
        self.assertEqual(
            {'host': 'ctl', 'version': rpcapi.EngineAPI.VERSION,
             'coordination': 'alone', 'last_notifications': {},
             'pauses': [], 'decisions': '', 'exclusions': []},
            client.health())

    def test_what_is_paused_is_refused_in_its_own_words(self):
        self._serve()
        # What is decided counts, also while it cannot be read.
        self.store.read.side_effect = exception.DecisionsUnavailable(
            reason='down')
        client = cli_engine.EngineClient(PATIENCE)
        sent = test_pauses.pause('b').to_primitive()
        self.assertEqual([sent], client.pause(sent)['pauses'])
        for call in (lambda: client.pause(sent),
                     lambda: client.recover(requests.Request('b'))):
            # This bus passes errors on as they are.
            error = self.assertRaises(exception.RecoveryPaused, call)
            self.assertEqual('%s.' % test_pauses.pause('b'), str(error))
        error = self.assertRaises(exception.DecisionsUnavailable,
                                  client.resume, '', 'jo@c')
        self.assertIn('down', str(error))
        self.assertEqual([], client.resume('b', 'jo@c')['pauses'])
        client.recover(requests.Request('b'))
        self.reconciler.recover.assert_called_once()

    def test_no_engine(self):
        self.assertRaises(
            exception.EngineUnavailable,
            cli_engine.EngineClient(0.1).recover, requests.Request('b'))

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


"""What is heard can be fetched, and nothing that must not be."""

import pathlib
import re
import socket
import urllib.request

import ddt
from oslotest import base
import prometheus_client as prometheus

import nova_failover_ext
from nova_failover_ext.api import load as loads
from nova_failover_ext.engine.notifier import metrics
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes

Outcome = results.Outcome
OTHER = 'node@pure'
DOCUMENT = (pathlib.Path(nova_failover_ext.__file__).parents[1]
            / 'doc' / 'source' / 'reference' / 'metrics.rst')


@ddt.ddt
class MetricsTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.now = 100.0
        self.metrics = metrics.Metrics(
            lambda: None, clock=lambda: self.now)

    def value(self, name, backend=fakes.BACKEND, **labels):
        if backend:
            labels['backend'] = backend
        return self.metrics.registry.get_sample_value(
            'nova_failover_%s' % name, labels)

    def end(self, outcome=Outcome.RECOVERED, work=None, load=None,
            **values):
        self.metrics.ended(
            work or fakes.work(),
            results.ServerResult('server', outcome, **values),
            load or loads.Load())

    def begin(self):
        self.metrics.began(fakes.BACKEND, fakes.FAILOVER_ID, 'second', 2)

    def test_every_event_is_heard(self):
        notification_log = {name for name in vars(observers.Observer)
                            if not name.startswith('_')}
        # Gauges are computed when they are fetched.
        self.assertEqual({'all_found', 'started'},
                         notification_log - set(vars(metrics.Metrics)))

    @ddt.data(*Outcome)
    def test_outcomes(self, outcome):
        self.end(outcome)
        self.end(outcome)
        self.assertEqual(2, self.value('recoveries_total',
                                       outcome=outcome.value))

    def test_recovery_time(self):
        self.begin()
        self.now = 112.0
        self.end(seconds=3.0)
        self.assertEqual(12.0, self.value('rto_seconds_sum'))
        self.assertEqual(0, self.value('rto_seconds_bucket', le='10.0'))
        self.assertEqual(1, self.value('rto_seconds_bucket', le='20.0'))
        self.assertEqual(3.0, self.value('recovery_seconds_sum'))

    @ddt.data(Outcome.DEFERRED, Outcome.FAILED, Outcome.UNCHANGED)
    def test_no_recovery_time(self, outcome):
        self.begin()
        self.end(outcome)
        self.assertIsNone(self.value('rto_seconds_count'))

    def test_recovery_time_without_a_begin(self):
        self.end()
        self.assertIsNone(self.value('rto_seconds_count'))

    def test_the_clock_of_a_backend(self):
        self.begin()
        self.now = 105.0
        self.begin()
        self.end()
        self.assertEqual(5.0, self.value('rto_seconds_sum'))
        self.assertEqual(1, self.value('failovers_total'))
        self.metrics.converged(fakes.BACKEND, fakes.FAILOVER_ID, 5.0)
        self.end()
        self.assertEqual(1, self.value('rto_seconds_count'))
        self.assertEqual(5.0, self.value('convergence_seconds'))

    def test_power_cycles(self):
        self.end(power_cycled=True)
        self.end()
        self.assertEqual(1, self.value('power_cycles_total'))

    def test_a_server_of_two_backends(self):
        self.end(work=fakes.work(
            parts=(fakes.part(), fakes.part(backend=OTHER))))
        for backend in (fakes.BACKEND, OTHER):
            self.assertEqual(1, self.value('recoveries_total', backend,
                                           outcome='recovered'))

    def test_load(self):
        self.end(load=loads.Load(3, 6.0, 4.0, 1))
        self.assertEqual(
            [3, 6.0, 1, 4.0],
            [self.value(name) for name in (
                'cinder_calls_total', 'cinder_seconds_total',
                'cinder_refused_total', 'cinder_slowest_seconds_sum')])

    def test_no_load(self):
        self.end()
        self.assertIsNone(self.value('cinder_slowest_seconds_count'))

    def test_retries_exhausted_and_superseded(self):
        self.metrics.retries_exhausted(fakes.BACKEND, fakes.FAILOVER_ID, 's',
                                       'why')
        self.begin()
        self.metrics.superseded(fakes.BACKEND, fakes.FAILOVER_ID, 7)
        self.assertEqual(1, self.value('retries_exhausted_total'))
        self.assertEqual(7, self.value('superseded_total'))
        self.end()
        self.assertIsNone(self.value('rto_seconds_count'))

    def test_scans(self):
        self.metrics.scanned(fakes.BACKEND, 0.5, {'cinder': 2, 'nova': 1})
        self.assertEqual(2, self.value('queries_total', None, kind='cinder'))
        self.assertEqual(0.5, self.value('scan_seconds_sum'))

    def test_who_does_not_act_tells_nothing(self):
        self.metrics.leadership_changed(True)
        self.assertEqual(1, self.value('leader', None))
        self.begin()
        self.metrics.leadership_changed(False)
        self.assertEqual(0, self.value('leader', None))
        self.end()
        self.assertIsNone(self.value('rto_seconds_count'))

    def test_the_documentation_names_them_all(self):
        families = {'%s_total' % f.name if f.type == 'counter' else f.name
                    for f in self.metrics.registry.collect()}
        # Of each, the line that describes it.
        described = re.findall(r'^   \* - ``(nova_failover_\w+)',
                               DOCUMENT.read_text(), re.MULTILINE)
        self.assertEqual(sorted(families), sorted(described))

    def test_no_server_nor_project_nor_reason(self):
        self.begin()
        work = fakes.work(server_id='CANARY')
        self.metrics.ended(work, results.ServerResult(
            'CANARY', Outcome.FAILED, 'CANARY', volumes=(
                results.VolumeResult('CANARY', Outcome.FAILED),)),
            loads.Load(1, 1.0, 1.0))
        self.metrics.retries_exhausted(fakes.BACKEND, 'CANARY', 'CANARY',
                                       'CANARY')
        text = prometheus.generate_latest(self.metrics.registry).decode()
        self.assertIn('outcome="failed"', text)
        self.assertNotIn('CANARY', text)


class ServeTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.registry = metrics.Metrics(lambda: None).registry

    def _serve(self):
        # Port 0 means no metrics, so a free one has to be found.
        with socket.create_server(('127.0.0.1', 0)) as found:
            port = found.getsockname()[1]
        stop = metrics.serve('127.0.0.1', port, self.registry)
        self.addCleanup(stop)
        return port

    def test_fetch(self):
        url = 'http://127.0.0.1:%d/metrics' % self._serve()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=30) as answer:
            self.assertIn(b'nova_failover_leader 0.0', answer.read())

    def test_port_in_use(self):
        port = self._serve()
        metrics.serve('127.0.0.1', port, self.registry)()
        metrics.serve('no.such.address.invalid', port, self.registry)()

    def test_not_wanted(self):
        metrics.serve('no.such.address.invalid', 0, self.registry)()

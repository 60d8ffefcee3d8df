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


"""Metrics of the engine, for Prometheus to fetch.

prometheus_client comes with every cloud, as oslo.messaging needs it. There
are no labels of servers or projects: their number has no bound, and who reads
metrics need not know them.
"""

from collections.abc import Callable, Mapping
import threading
import time
from typing import Any

from oslo_log import log as logging
import prometheus_client as prometheus

from nova_failover_ext.api import load as loads
from nova_failover_ext.engine.notifier import live_collector
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)

#: Upper bounds in seconds of how long a server was without its volumes.
RTO_BUCKETS = (5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
#: Upper bounds in seconds of what Cinder and scans take.
SHORT_BUCKETS = (.1, .25, .5, 1, 2.5, 5, 10, 30, 60)

_PREFIX = 'nova_failover'


class Metrics(observers.Observer):
    """Counts what it hears of.

    :ivar registry: the metrics of this engine, and of nothing else
    """

    def __init__(self, figures: Callable[[], live_collector.Figures | None],
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Make the metrics, all without values.

        :param figures: see :class:`.live_collector.LiveCollector`
        :param clock: seconds since any time
        """
        self.registry = prometheus.CollectorRegistry()
        self._clock = clock
        self._lock = threading.Lock()
        #: when the recovery of a backend began
        self._began: dict[str, float] = {}
        self._make_counters()
        self._make_gauges()
        self._make_histograms()
        self.registry.register(live_collector.LiveCollector(figures))

    def began(self, backend: str, failover_id: str, target: str,
              servers: int) -> None:
        """Start the clock of a backend, unless it runs."""
        with self._lock:
            runs = backend in self._began
            self._began.setdefault(backend, self._clock())
        if not runs:
            self._failovers.labels(backend).inc()

    def ended(self, work: work_items.Work, result: results.ServerResult,
              load: loads.Load) -> None:
        """Count a server in each of its backends."""
        for backend in sorted(work.backends):
            self._recoveries.labels(backend, result.outcome.value).inc()
            self._power_cycles.labels(backend).inc(result.power_cycled)
            self._recovery_seconds.labels(backend).observe(result.seconds)
            self._observe_rto(backend, result.outcome)
            self._note_load(backend, load)

    def retries_exhausted(self, backend: str, failover_id: str, server_id: str,
                          reason: str) -> None:
        """Count a server that has used up its tries."""
        self._retries_exhausted.labels(backend).inc()

    def converged(self, backend: str, failover_id: str,
                  seconds: float, excluded: int = 0) -> None:
        """Note how long a backend took, and stop its clock."""
        with self._lock:
            self._began.pop(backend, None)
        self._convergence.labels(backend).set(seconds)

    def superseded(self, backend: str, failover_id: str,
                   servers: int) -> None:
        """Count the servers, and stop the clock of the older failover."""
        with self._lock:
            self._began.pop(backend, None)
        self._superseded.labels(backend).inc(servers)

    def scanned(self, backend: str, seconds: float,
                queries: Mapping[str, int]) -> None:
        """Count what a scan has cost."""
        self._scan_seconds.labels(backend).observe(seconds)
        for kind, number in queries.items():
            self._queries.labels(kind).inc(number)

    def leadership_changed(self, leading: bool) -> None:
        """Show it; who does not act has no say of backends any more."""
        self._leader.set(leading)
        if not leading:
            with self._lock:
                self._began.clear()

    def _observe_rto(self, backend: str, outcome: results.Outcome) -> None:
        with self._lock:
            began = self._began.get(backend)
        if outcome is results.Outcome.RECOVERED and began is not None:
            self._rto.labels(backend).observe(self._clock() - began)

    def _note_load(self, backend: str, load: loads.Load) -> None:
        self._calls.labels(backend).inc(load.calls)
        self._call_seconds.labels(backend).inc(load.seconds)
        self._refused.labels(backend).inc(load.refused)
        if load.calls:
            self._slowest.labels(backend).observe(load.slowest)

    def _make_counters(self) -> None:
        self._failovers = self._counter(
            'failovers', 'Failovers whose recovery has begun')
        self._recoveries = self._counter(
            'recoveries', 'Recoveries of servers that have ended', 'outcome')
        self._power_cycles = self._counter(
            'power_cycles', 'Guests that were powered off and on')
        self._retries_exhausted = self._counter(
            'retries_exhausted', 'Servers that have used up their tries')
        self._superseded = self._counter(
            'superseded', 'Servers left for a newer failover')
        self._calls = self._counter(
            'cinder_calls', 'Requests to Cinder by compute hosts')
        self._call_seconds = self._counter(
            'cinder_seconds', 'Seconds that these took')
        self._refused = self._counter(
            'cinder_refused', 'Of these, answered 5xx, 429 or not at all')
        self._queries = prometheus.Counter(
            '%s_queries' % _PREFIX, 'Requests and queries of scans',
            ('kind',), registry=self.registry)

    def _make_gauges(self) -> None:
        self._convergence = self._gauge(
            'convergence_seconds', 'What the latest failover took')
        self._leader = prometheus.Gauge(
            '%s_leader' % _PREFIX, 'Whether this engine acts, 1 or 0',
            registry=self.registry)

    def _make_histograms(self) -> None:
        self._rto = self._histogram(
            'rto_seconds', 'From the begin of a failover to a server\'s end',
            RTO_BUCKETS)
        self._recovery_seconds = self._histogram(
            'recovery_seconds', 'What a recovery took its compute host',
            RTO_BUCKETS)
        self._slowest = self._histogram(
            'cinder_slowest_seconds',
            'The slowest request to Cinder of each recovery', SHORT_BUCKETS)
        self._scan_seconds = self._histogram(
            'scan_seconds', 'What scans of the records took', SHORT_BUCKETS)

    def _counter(self, name: str, text: str, *labels: str) -> Any:
        return prometheus.Counter(
            '%s_%s' % (_PREFIX, name), text, ('backend', *labels),
            registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Any:
        return prometheus.Gauge(
            '%s_%s' % (_PREFIX, name), text, ('backend', *labels),
            registry=self.registry)

    def _histogram(self, name: str, text: str,
                   buckets: tuple[float, ...]) -> Any:
        return prometheus.Histogram(
            '%s_%s' % (_PREFIX, name), text, ('backend',), buckets=buckets,
            registry=self.registry)


def serve(address: str, port: int,
          registry: Any) -> Callable[[], None]:
    """Serve metrics over HTTP in a thread, if a port is set.

    An address that cannot be bound is worth a warning, and no recovery.

    :param address: on which to listen
    :param port: 0 for not at all
    :param registry: :attr:`Metrics.registry`
    :returns: a function that stops to listen; it does not raise
    """
    if not port:
        return _nothing
    try:
        started = prometheus.start_http_server(port, address, registry)
    except (OSError, OverflowError) as exc:
        LOG.warning('Metrics are not served on %s port %s: %s', address,
                    port, exc)
        return _nothing
    LOG.info('Metrics are served on %s port %s', address, port)
    # Before 0.19 nothing was returned: it then ends with the process.
    return _stopper(started[0]) if started else _nothing


def _stopper(server: Any) -> Callable[[], None]:
    def stop() -> None:
        server.shutdown()
        server.server_close()
    return stop


def _nothing() -> None:
    """Stop what was never started."""

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


"""The engine as an oslo.service service: starts, feeds and stops the parts.

Everything is made in :meth:`EngineService.start`, which runs in the process
that oslo.service forks: a thread or a connection made before would be lost
there.
"""

from collections.abc import Callable
import datetime
import logging as std_logging
import os
from typing import Any

import futurist
from futurist import periodics
from nova import utils
from oslo_config import cfg
from oslo_log import log as logging
from oslo_service import service
from oslo_utils import timeutils

from nova_failover_ext.api import acts
from nova_failover_ext.conf import engine as engine_conf
from nova_failover_ext.conf import reload
from nova_failover_ext.decisions import act_store
from nova_failover_ext.decisions import exclusion_store
from nova_failover_ext.decisions import store
from nova_failover_ext.engine import act_recorder
from nova_failover_ext.engine import brake
from nova_failover_ext.engine import canary_limit
from nova_failover_ext.engine.dispatcher import backoff
from nova_failover_ext.engine.dispatcher import compute_client
from nova_failover_ext.engine.dispatcher import dispatcher
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.engine.dispatcher import throttle
from nova_failover_ext.engine.election import leadership
from nova_failover_ext.engine.election import locks
from nova_failover_ext.engine import exclusion_memory
from nova_failover_ext.engine.inventory import cinder_reader
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine.listener import bus_servers
from nova_failover_ext.engine.listener import notification_endpoint
from nova_failover_ext.engine.listener import rpc_endpoint
from nova_failover_ext.engine import model
from nova_failover_ext.engine.notifier import live_collector
from nova_failover_ext.engine.notifier import log_observer
from nova_failover_ext.engine.notifier import metrics
from nova_failover_ext.engine.notifier import notifier
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine.reconciler import reconciler as reconcilers
from nova_failover_ext.engine.reconciler import settings
from nova_failover_ext.engine import work_items
from nova_failover_ext import exception
from nova_failover_ext.recovery import policy

LOG = logging.getLogger(__name__)

#: Seconds between two checks for scans that are due.
TICK = 1.0
#: The lock is checked this many times within ``leader_timeout``.
PROOFS = 4
#: Compute hosts that do not respond are asked this many at a time.
ASKERS = 64
#: A host that was cut off in a recovery is waited for as long as this many
#: heartbeats may take, before it is asked again.
HEARTBEATS = 3


class EngineService(service.Service):
    """nova-failover-engine."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Remember the configuration; nothing is started.

        :param conf: with the options of Nova and of this package
        """
        super().__init__()
        self._conf = conf
        self._executors: list[futurist.ThreadPoolExecutor] = []
        self._stoppers: list[Callable[[], None]] = []
        self._serving: bus_servers.BusServers | None = None
        self._since: datetime.datetime | None = None
        self._leadership: leadership.Leadership | None = None
        self._reconciler: reconcilers.Reconciler
        self._nova: nova_reader.NovaReader
        self._dispatcher: dispatcher.Dispatcher | None = None
        self._periodics: list[periodics.PeriodicWorker] = []
        database = store.Store(conf)
        self._canaries = canary_limit.CanaryLimit(
            database, conf.host, self._canary_servers)
        self._brake = brake.Brake(
            database, synchronize=self._canaries.synchronize)
        self._exclusions = exclusion_memory.ExclusionMemory(
            exclusion_store.ExclusionStore(database), self._host_groups)
        self._recorder = act_recorder.ActRecorder(
            act_store.ActStore(database),
            lambda: self._conf.failover_engine.history_retention)

    def start(self) -> None:
        """Start to act, or to wait until the acting engine is gone.

        Servers wait in threads of their own for a bus that is down, and
        scans are postponed while Cinder or a database is: so it starts
        whatever the state of these.
        """
        super().start()
        options = self._conf.failover_engine
        self._reconciler = self._make_reconciler()
        member = '%s.%d' % (self._conf.host, os.getpid())
        self._leadership = leadership.Leadership(
            lambda: locks.make_lock(self._conf, member),
            options.leader_timeout / PROOFS, options.leader_timeout,
            self._lead, self._follow)
        # A database that hangs may keep no scan waiting.
        self._periodics = [_every(TICK, self._tick),
                           _every(TICK, self._refresh),
                           _every(TICK, self._refresh_exclusions)]
        for worker in self._periodics:
            self.tg.add_thread(worker.start)
        self._leadership.start()
        LOG.info('nova-failover-engine is started on %s', self._conf.host)

    def reload(self) -> None:
        """Read the options again that may change while the engine runs.

        A wrong value changes nothing but the log.
        """
        try:
            reload.reload(self._conf)
        except exception.ConfigurationInvalid as exc:
            LOG.error('%s The old values stay in effect.', exc)
            return
        if self._dispatcher and self._leadership:
            # What is forbidden now has to leave the queue before more starts.
            self._reconciler.change(reconciler_settings(self._conf))
            self._dispatcher.change(_caps(self._conf))
            LOG.info('The configuration was read again')
            if self._leadership.leading:
                self._recorder.record(acts.Act(
                    acts.What.RELOAD, 'the configuration',
                    'SIGHUP@%s' % self._conf.host))

    def stop(self, graceful: bool = False) -> None:
        """Let another engine act, start nothing new and stop to listen.

        What is in flight goes on at its compute host, and the next engine
        finds what is left.
        """
        if self._leadership:
            self._leadership.stop()
        for worker in self._periodics:
            worker.stop()
        if self._dispatcher:
            self._dispatcher.stop()
        if self._serving:
            self._serving.wait()
        self._recorder.stop()
        for executor in self._executors:
            executor.shutdown(wait=False)
        for stop in self._stoppers:
            stop()
        LOG.info('nova-failover-engine is stopped on %s', self._conf.host)
        super().stop(graceful)

    def _tick(self) -> None:
        # See _acts.
        if self._acts():
            self._reconciler.tick()

    def _refresh(self) -> None:
        leading = self._acts()
        if leading and self._dispatcher:
            counts = self._dispatcher.counts
            self._canaries.act(self._brake, lambda name: counts(name)[0])
        self._brake.refresh(leading)

    def _canary_servers(self) -> int:
        options = self._conf.failover_engine
        return (options.canary_servers
                if options.automatic.lower() == engine_conf.CANARY else 0)

    def _refresh_exclusions(self) -> None:
        leading = self._acts()
        if self._exclusions.refresh(leading) and leading:
            self._reconciler.rescan()

    def _host_groups(self) -> model.HostGroups:
        return self._nova.host_groups()

    def _held(self, backend: str) -> bool:
        return (not self._acts() or self._brake.held(backend)
                or self._exclusions.unread())

    def _acts(self) -> bool:
        # A process that was stopped for a while does not know yet that
        # another one leads; the clock does.
        return bool(self._leadership and self._leadership.leading)

    def _lead(self) -> None:
        reconciler, conf = self._reconciler, self._conf
        self._canaries.lead()
        self._brake.lead()
        self._exclusions.lead()
        self._since = timeutils.utcnow()
        self._serving = bus_servers.BusServers((
            lambda: notification_endpoint.listener(
                conf, notification_endpoint.Endpoint(reconciler),
                executor_name()),
            lambda: rpc_endpoint.server(
                conf, rpc_endpoint.Endpoint(reconciler, conf.host,
                                            self._about, self._brake,
                                            self._exclusions,
                                            self._recorder))))
        self._serving.start()
        self._executors[0].submit(self._refresh)
        self._executors[0].submit(self._refresh_exclusions)
        reconciler.lead()

    def _follow(self) -> None:
        self._reconciler.follow()
        if self._serving:
            self._serving.stop()

    def _about(self) -> dict[str, Any]:
        return {'leading_since': self._since and self._since.isoformat(),
                'coordination': locks.driver_name(self._conf),
                'topics': list(
                    self._conf.failover_engine.notification_topics)}

    def _figures(self) -> live_collector.Figures | None:
        # Metrics are served before there is a reconciler to ask.
        if self._leadership is None:
            return None
        return self._reconciler.figures(self._held)

    def _make_observer(self) -> observers.Observer:
        options = self._conf.failover_engine
        recovery_notifier = notifier.Notifier(self._conf.host)
        several: list[observers.Observer] = [log_observer.LogObserver(),
                                             recovery_notifier]
        self._stoppers.append(recovery_notifier.stop)
        if options.metrics_port:
            counters = metrics.Metrics(self._figures)
            self._stoppers.append(metrics.serve(
                options.metrics_address, options.metrics_port,
                counters.registry))
            several.append(counters)
        return observers.Observers(several)

    def _make_reconciler(self) -> reconcilers.Reconciler:
        options = self._conf.failover_engine
        lookers = futurist.ThreadPoolExecutor(options.scan_workers)
        callers = futurist.ThreadPoolExecutor(options.max_in_flight)
        askers = futurist.ThreadPoolExecutor(ASKERS)
        self._executors = [lookers, callers, askers]
        observer = self._make_observer()
        hosts = host_health.HostHealth(options.host_probe_interval)
        self._nova = nova_reader.NovaReader(
            options.batch_size, policy.chooser(self._conf),
            options.cell_timeout)
        reconciler = reconcilers.Reconciler(
            cinder_reader.CinderReader(
                options.batch_size, named=options.drivers),
            self._nova, lookers,
            backoff.Backoff(options.retry_interval_min,
                            options.retry_interval_max),
            reconciler_settings(self._conf), hosts, observer,
            excluded=lambda: self._exclusions.current,
            adopt=self._canaries.adopt)
        client = compute_client.ComputeClient(
            options.recovery_timeout, options.heartbeat_timeout, hosts)
        self._dispatcher = dispatcher.Dispatcher(
            _caps(self._conf),
            self._canaries.watch(client.recover), reconciler.done, callers,
            throttle.Limits(options.max_in_flight_per_backend,
                            options.slow_factor, options.slow_seconds,
                            options.retry_interval_min), hosts, observer,
            held=self._held, excluded=self._exclusions.covers,
            at_most=self._canaries.at_most)
        reconciler.use(self._dispatcher, client, askers)
        return reconciler


def reconciler_settings(conf: cfg.ConfigOpts) -> settings.Settings:
    """Return what the coordinator paces itself by.

    :param conf: with the options of this package
    """
    options = conf.failover_engine
    return settings.Settings(
        attempts=options.retry_attempts,
        exhausted_retry_interval=options.exhausted_retry_interval,
        gate_timeout=options.gate_timeout,
        reconcile_interval=options.reconcile_interval,
        full_scan_interval=options.full_scan_interval,
        probe_interval=options.host_probe_interval,
        ping_timeout=min(options.heartbeat_timeout, 10),
        patience=min(options.recovery_timeout,
                     HEARTBEATS * options.heartbeat_timeout),
        automatic=options.automatic.lower() != engine_conf.ON_REQUEST,
        barrier=options.priority_barrier)


def _caps(conf: cfg.ConfigOpts) -> work_items.Caps:
    options = conf.failover_engine
    return work_items.Caps(options.max_in_flight,
                           options.max_in_flight_per_backend,
                           options.max_in_flight_per_host)


def executor_name() -> str:
    """Return the oslo.messaging executor that fits how Nova runs.

    ``nova.utils.concurrency_mode_threading`` is there from Nova 32 on.
    """
    threading_mode = getattr(utils, 'concurrency_mode_threading', None)
    return ('threading' if threading_mode and threading_mode()
            else 'eventlet')


def _every(seconds: float, call: Any) -> periodics.PeriodicWorker:
    @periodics.periodic(spacing=seconds)
    def run() -> None:
        call()
    # At debug level it would tell of each time that it is called.
    quiet = std_logging.getLogger(__name__ + '.ticks')
    quiet.setLevel(std_logging.WARNING)
    return periodics.PeriodicWorker([(run, (), {})], log=quiet)

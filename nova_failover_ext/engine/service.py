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
import logging as std_logging
import threading
from typing import Any

import futurist
from futurist import periodics
from kombu import exceptions as kombu_exception
from nova import utils
from oslo_config import cfg
from oslo_log import log as logging
import oslo_messaging as messaging
from oslo_service import service
import tenacity

from nova_failover_ext.engine import backoff
from nova_failover_ext.engine import cinder
from nova_failover_ext.engine import compute_client
from nova_failover_ext.engine import coordinator
from nova_failover_ext.engine import dispatcher
from nova_failover_ext.engine import notifications
from nova_failover_ext.engine import nova_db
from nova_failover_ext.engine import pace
from nova_failover_ext.engine import rpc
from nova_failover_ext import policy

LOG = logging.getLogger(__name__)

#: Seconds between two looks at the agenda.
TICK = 1.0
#: Longest wait in seconds for a bus that refuses us.
BUS_WAIT = 30

_BUS_ERRORS = (messaging.MessagingException, kombu_exception.KombuError,
               OSError)


class EngineService(service.Service):
    """nova-failover-engine."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Remember the configuration; nothing is started.

        :param conf: with the options of Nova and of this package
        """
        super().__init__()
        self._conf = conf
        self._servers: list[Any] = []
        self._executors: list[futurist.ThreadPoolExecutor] = []
        self._dispatcher: dispatcher.Dispatcher | None = None
        self._periodics: periodics.PeriodicWorker | None = None

    def start(self) -> None:
        """Start to listen and to look.

        Servers wait in threads of their own for a bus that is down, and
        looks are put off while Cinder or a database is: so it starts
        whatever the state of these.
        """
        super().start()
        own = self._make_coordinator()
        for make in (
                lambda: notifications.listener(
                    self._conf, notifications.Endpoint(own),
                    executor_name()),
                lambda: rpc.server(
                    self._conf, rpc.Endpoint(own, self._conf.host))):
            threading.Thread(target=self._serve, args=(make,),
                             daemon=True).start()
        self._periodics = _every(TICK, own.tick)
        self.tg.add_thread(self._periodics.start)
        own.start()
        LOG.info('nova-failover-engine is started on %s', self._conf.host)

    def stop(self, graceful: bool = False) -> None:
        """Start nothing new and stop to listen.

        What is in flight goes on at its compute host, and the next engine
        finds what is left.
        """
        if self._periodics:
            self._periodics.stop()
        if self._dispatcher:
            self._dispatcher.stop()
        for server in self._servers:
            server.stop()
        for executor in self._executors:
            executor.shutdown(wait=False)
        LOG.info('nova-failover-engine is stopped on %s', self._conf.host)
        super().stop(graceful)

    def _serve(self, make: Callable[[], Any]) -> None:
        # Starting waits while the bus is down, and so would stopping.
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_BUS_ERRORS),
            wait=tenacity.wait_random_exponential(max=BUS_WAIT),
            before_sleep=tenacity.before_sleep_log(LOG, logging.WARNING))
        self._servers.append(retrying(_started, make))

    def _make_coordinator(self) -> coordinator.Coordinator:
        options = self._conf.failover_engine
        lookers = futurist.ThreadPoolExecutor(options.survey_workers)
        callers = futurist.ThreadPoolExecutor(options.max_in_flight)
        self._executors = [lookers, callers]
        own = coordinator.Coordinator(
            cinder.CinderReader(options.batch_size),
            nova_db.NovaReader(options.batch_size,
                               policy.chooser(self._conf)), lookers,
            backoff.Backoff(options.retry_interval_min,
                            options.retry_interval_max),
            options.retry_attempts, options.gate_timeout,
            options.reconcile_interval)
        client = compute_client.ComputeClient(
            options.recovery_timeout, options.heartbeat_timeout)
        self._dispatcher = dispatcher.Dispatcher(
            pace.Caps(options.max_in_flight,
                      options.max_in_flight_per_backend,
                      options.max_in_flight_per_host),
            client.recover, own.done, callers)
        own.use(self._dispatcher)
        return own


def executor_name() -> str:
    """Return the oslo.messaging executor that fits how Nova runs.

    ``nova.utils.concurrency_mode_threading`` is there from Nova 32 on.
    """
    threading_mode = getattr(utils, 'concurrency_mode_threading', None)
    return ('threading' if threading_mode and threading_mode()
            else 'eventlet')


def _started(make: Callable[[], Any]) -> Any:
    # One that could not be started cannot be started again.
    server = make()
    server.start()
    return server


def _every(seconds: float, call: Any) -> periodics.PeriodicWorker:
    @periodics.periodic(spacing=seconds)
    def run() -> None:
        call()
    # At debug level it would tell of each time that it is called.
    quiet = std_logging.getLogger(__name__ + '.ticks')
    quiet.setLevel(std_logging.WARNING)
    return periodics.PeriodicWorker([(run, (), {})], log=quiet)

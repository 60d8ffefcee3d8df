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


"""Plans the scans of backends, and dispatches what they find.

Every reason to scan (a notification, the timer, an operator, the end of a
round) ends in the same scan, which reads the records and acts on nothing else.
"""

from collections.abc import Callable, Sequence
import dataclasses
import time
import traceback
from typing import Any

import futurist
from oslo_context import context as oslo_context
from oslo_log import log as logging

from nova_failover_ext.api import exclusions
from nova_failover_ext.api import load as loads
from nova_failover_ext.api import requests
from nova_failover_ext.api import server_state
from nova_failover_ext.engine.dispatcher import attempts
from nova_failover_ext.engine.dispatcher import backoff
from nova_failover_ext.engine.dispatcher import dispatcher as dispatchers
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.notifier import live_collector
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.reconciler import backend_progress
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import full_scan
from nova_failover_ext.engine.reconciler import host_monitor
from nova_failover_ext.engine.reconciler import known_backends
from nova_failover_ext.engine.reconciler import live_figures
from nova_failover_ext.engine.reconciler import notification_log
from nova_failover_ext.engine.reconciler import quick_scan
from nova_failover_ext.engine.reconciler import scan_context
from nova_failover_ext.engine.reconciler import scan_queue
from nova_failover_ext.engine.reconciler import settings as reconciler_settings
from nova_failover_ext.engine.reconciler import triage
from nova_failover_ext.engine import work_items
from nova_failover_ext import exception
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)

#: Stands for every replicated backend in the queue; no host has this name.
EVERY = 'every replicated backend'
#: Seconds between two full scans of a backend with something left to do.
RESCAN = 60.0
#: The same for a backend whose servers still wait for their turn: the end of
#: the round scans it.
PATIENCE = 5 * RESCAN


class Reconciler:
    """Brings every replicated backend's servers in sync with Cinder."""

    def __init__(self, cinder: snapshot.Cinder, nova: snapshot.Nova,
                 executor: futurist.ThreadPoolExecutor,
                 waits: backoff.Backoff,
                 settings: reconciler_settings.Settings,
                 hosts: host_health.HostHealth, observer: observers.Observer,
                 clock: Callable[[], float] = time.monotonic,
                 excluded: Callable[[], exclusions.Exclusions]
                 = exclusions.Exclusions,
                 adopt: Callable[[str, str], None]
                 = lambda _backend, _target: None) -> None:
        """Remember what to work with; :meth:`use` must follow.

        :param executor: runs the scans
        :param waits: how long to wait between tries and scans
        :param hosts: which hosts can be asked
        :param observer: told of what happens
        :param clock: seconds, never going back
        :param excluded: tells what operators have excluded; it answers at
            once
        :param adopt: see :class:`.scan_context.ScanContext`
        """
        self.notification_log = notification_log.NotificationLog()
        self._executor = executor
        self._leading = False
        self._every_errors = 0
        self._context = scan_context.ScanContext(
            cinder, nova,
            known_backends.KnownBackends(lambda: backend_state.BackendState(
                attempts.Attempts(waits, settings.attempts,
                                  settings.exhausted_retry_interval))),
            scan_queue.ScanQueue(), hosts, observer,
            triage.Triage(settings, hosts, observer), settings, waits, clock,
            excluded, adopt)
        self._host_monitor: host_monitor.HostMonitor

    def use(self, dispatcher: dispatchers.Dispatcher,
            client: host_monitor.Client,
            askers: futurist.ThreadPoolExecutor) -> None:
        """Set what was made with the coordinator.

        :param dispatcher: whose ``done`` is :meth:`done`
        :param client: asks silent hosts
        :param askers: runs what ``client`` is asked, beside the scans
        """
        self._context.dispatcher = dispatcher
        self._host_monitor = host_monitor.HostMonitor(
            self._context, client, askers)

    def change(self, settings: reconciler_settings.Settings) -> None:
        """Pace the scans anew, and look at every backend.

        :param settings: only what is read with each scan may have changed
        """
        context = self._context
        forbidden = context.settings.automatic and not settings.automatic
        context.settings = context.triage.settings = settings
        if self._leading:
            for name, _state in context.backends.known():
                if forbidden:
                    # What operators have asked for comes back with the scan.
                    context.dispatcher.replace(name, [])
                self._plan_full_scan(name)
            context.queue.add(EVERY, context.clock())

    def lead(self) -> None:
        """Begin to act; what was remembered of backends may be outdated."""
        context = self._context
        context.backends.clear()
        context.queue.clear()
        context.dispatcher.resume()
        self._leading = True
        context.observer.leadership_changed(True)
        context.queue.add(EVERY, context.clock())
        self.tick()

    def follow(self) -> None:
        """Start nothing any more; what is in flight goes on."""
        self._leading = False
        self._context.queue.clear()
        self._context.dispatcher.pause()
        self._context.observer.leadership_changed(False)

    def hint(self, backend: str, hint: model.Hint) -> None:
        """Look at a backend because of a notification."""
        self.notification_log.note_backend(backend)
        name = self._context.backends.add_hint(backend, hint)
        now = self._context.clock()
        state = self._context.backends.get(name)
        # A full scan that is under way looks at the record again.
        state.service_scan_after = min(state.service_scan_after, now)
        if state.full_scan_after > now:
            # The full scan has to rest, but a failover may not wait.
            self._context.queue.add(name, now, scan_queue.Kind.SERVICES)
        self._plan_full_scan(name)
        self.tick()

    def recover(self, request: requests.Request) -> str:
        """Look at a backend because an operator asks.

        The waits of the servers that the request is about are forgotten.

        :returns: the request id that is recorded
        """
        name = self._context.backends.name(request.backend)
        state = self._context.backends.get(name)
        chosen = request.failover_id or ''
        if not backend_state.valid_failover_id(chosen):
            chosen = oslo_context.generate_request_id()
        wanted = dataclasses.replace(request, backend=name,
                                     failover_id=chosen)
        LOG.info('%s', wanted)
        with state.lock:
            state.asked.append(wanted)
        self._context.queue.add(name, self._context.clock())
        self.tick()
        return chosen

    def rescan(self) -> None:
        """Plan anew for each backend: what is excluded has changed."""
        for name, _state in self._context.backends.known():
            self._plan_full_scan(name)

    def tick(self) -> None:
        """Start the scans that are due."""
        # What is planned now is void once leadership is lost.
        term = self._context.dispatcher.term
        if not self._leading:
            return
        now = self._context.clock()
        for name, state in self._context.backends.known():
            self._plan_quick_scan(name, state, now)
        self._host_monitor.tick()
        self._context.dispatcher.start_more()
        for scan in self._context.queue.take_due(now):
            self._executor.submit(self._run, scan, term)

    def done(self, part: work_items.Part, work: work_items.Work,
             result: results.ServerResult, load: loads.Load) -> None:
        """Note a result for one of a server's backends."""
        state = self._context.backends.get(part.backend)
        with state.lock:
            self._context.triage.ended(state, part, work, result,
                                       self._context.clock())
        if self._leading:
            self._context.plan_server_scan(part.backend, state)

    def report(self, backend: str) -> dict[str, Any]:
        """Return what is known of a backend as plain data for the bus."""
        name = self._context.backends.name(backend)
        dispatcher = self._context.dispatcher
        return {**self._context.backends.get(name).report(),
                'in_flight': sorted(dispatcher.in_flight(name)),
                'waiting': sorted(dispatcher.waiting(name)),
                'awaited': sorted(dispatcher.awaited(name))}

    def progress(self, backends: Sequence[str]
                 ) -> dict[str, dict[str, Any]]:
        """Return how far backends are, in a few numbers each.

        :param backends: their names, none for all that are known
        """
        asked = [(name, self._context.backends.name(name)) for name in backends
                 ] or [(name, name) for name, _own
                       in self._context.backends.known()]
        return {name: backend_progress.of(self._context, known)
                for name, known in asked}

    def figures(self, paused: Callable[[str], bool]
                ) -> live_collector.Figures | None:
        """Return how all is at this moment, None if another engine acts.

        :param paused: whether nothing of a backend may start
        """
        return live_figures.of(self._context, paused, self._every_errors
                               ) if self._leading else None

    def health(self) -> dict[str, Any]:
        """Return the notification log as plain data for the bus."""
        return self.notification_log.report()

    def reconcile(self) -> None:
        """Plan the scans of replicated backends, and the next reconcile.

        :raises CinderUnavailable: if Cinder cannot be asked
        """
        context = self._context
        for backend in context.cinder.backends():
            if gate.is_replicated(backend):
                self._reconcile_with(backend)
        self._every_errors = 0
        context.queue.add(EVERY, context.clock()
                          + context.settings.reconcile_interval)

    def _reconcile_with(self, backend: model.Backend) -> None:
        context, name = self._context, backend.name
        state = context.backends.get(name)
        if state.signature is None:
            self._plan_full_scan(name)
            return
        if state.signature != scan_context.signature(backend) or (
                state.wait and gate.decide(backend, ()).open):
            # Its notification is lost, and the full scan may have to rest.
            context.queue.add(name, context.clock(), scan_queue.Kind.SERVICES)
        if context.clock() - state.full_scan_at >= self._interval(name, state):
            self._plan_full_scan(name)

    def _interval(self, name: str, state: backend_state.BackendState) -> float:
        waiting, _in_flight = self._context.dispatcher.counts(name)
        most = self._context.settings.full_scan_interval
        if waiting:
            return min(PATIENCE, most)
        if state.server_states.counts(0)[
                server_state.ServerState.EXCLUDED]:
            # It may move to a host that is not excluded.
            return min(RESCAN, most)
        return most if state.settled else min(RESCAN, most)

    def _plan_full_scan(self, name: str) -> None:
        state = self._context.backends.get(name)
        self._context.queue.add(name, max(self._context.clock(),
                                          state.full_scan_after))

    def _plan_quick_scan(self, name: str,
                         state: backend_state.BackendState,
                         now: float) -> None:
        counts = self._context.dispatcher.counts(name)
        if any(counts):
            self._context.queue.add(name,
                                    max(now, state.service_scan_after),
                                    scan_queue.Kind.SERVICES)
        elif state.claims and not self._context.queue.expects(name, now):
            # The round is over: a full scan confirms what hosts reported.
            self._plan_full_scan(name)

    def _run(self, scan: scan_queue.Scan, term: int) -> None:
        try:
            self._take(scan, self._context.during(term))
        except scan_context.LeadershipLost:
            self._abandon(scan)
        except exception.FailoverException as exc:
            self._put_off(scan, str(exc))
        except Exception as exc:  # noqa: BLE001
            # The thread ends here; nobody else would tell of it. The text
            # of what nobody expects may hold anything, so it stays here.
            LOG.error('The scan of %s failed with %s:\n%s', scan.backend,
                      type(exc).__name__,
                      ''.join(traceback.format_tb(exc.__traceback__)))
            self._put_off(scan, 'an unexpected error, see the engine\'s log')
        finally:
            self._context.queue.done(scan.backend)
        self.tick()

    def _take(self, scan: scan_queue.Scan,
              context: scan_context.ScanContext) -> None:
        context.ensure_leading()
        if scan.backend == EVERY:
            self.reconcile()
        elif scan.kind is scan_queue.Kind.FULL:
            full_scan.FullScan(context).take(scan.backend)
        else:
            quick_scan.QuickScan(context).take(scan)

    def _abandon(self, scan: scan_queue.Scan) -> None:
        LOG.info('The scan of %s is abandoned: leadership was lost meanwhile',
                 scan.backend)
        if self._leading:
            # It may have been planned since leadership was gained again.
            self._context.queue.add(scan.backend, self._context.clock(),
                                    scan.kind)

    def _put_off(self, scan: scan_queue.Scan, reason: str) -> None:
        if scan.backend == EVERY:
            self._every_errors += 1
            errors = self._every_errors
        else:
            state = self._context.backends.get(scan.backend)
            state.errors += 1
            state.reason, errors = reason, state.errors
        LOG.warning('The scan of %s is postponed: %s', scan.backend, reason)
        if self._leading:
            self._context.queue.add(
                scan.backend, self._context.clock()
                + self._context.waits.seconds(errors), scan.kind)

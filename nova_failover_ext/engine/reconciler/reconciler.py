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


"""Plans the looks at backends, and has done what they show is to be done.

Every reason to look (a notification, the timer, an operator, the end of a
round) ends in the same look, which reads the truth and acts on nothing else.
"""

from collections.abc import Callable, Sequence
import dataclasses
import time
import traceback
from typing import Any

import futurist
from oslo_context import context as oslo_context
from oslo_log import log as logging

from nova_failover_ext.api import load as loads
from nova_failover_ext.api import requests
from nova_failover_ext.engine.dispatcher import attempts
from nova_failover_ext.engine.dispatcher import backoff
from nova_failover_ext.engine.dispatcher import dispatcher as dispatchers
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.reconciler import backend_progress
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import full_scan
from nova_failover_ext.engine.reconciler import host_monitor
from nova_failover_ext.engine.reconciler import known_backends
from nova_failover_ext.engine.reconciler import notification_log
from nova_failover_ext.engine.reconciler import quick_scan
from nova_failover_ext.engine.reconciler import scan_context as own_parts
from nova_failover_ext.engine.reconciler import scan_queue as agendas
from nova_failover_ext.engine.reconciler import settings as own_settings
from nova_failover_ext.engine.reconciler import triage
from nova_failover_ext.engine import work_items
from nova_failover_ext import exception
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)

#: Stands for every replicated backend on the agenda; no host has this name.
EVERY = 'every replicated backend'
#: A backend whose servers still wait for their turn is left alone by this
#: many reconciles: the end of the round looks.
PATIENCE = 5


class Coordinator:
    """Brings every replicated backend's servers to the truth."""

    def __init__(self, cinder: snapshot.Cinder, nova: snapshot.Nova,
                 executor: futurist.ThreadPoolExecutor,
                 waits: backoff.Backoff, settings: own_settings.Settings,
                 board: host_health.Board, observer: observers.Observer,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Remember what to work with; :meth:`use` must follow.

        :param executor: runs the looks
        :param waits: how long to wait between tries and looks
        :param board: which hosts can be asked
        :param observer: told of what happens
        :param clock: seconds, never going back
        """
        self.heard = notification_log.Heard()
        self._executor = executor
        self._leading = False
        self._every_errors = 0
        self._parts = own_parts.Parts(
            cinder, nova,
            known_backends.Roster(lambda: backend_state.BackendState(
                attempts.Attempts(waits, settings.attempts,
                                  settings.given_up_interval))),
            agendas.Agenda(), board, observer,
            triage.Triage(settings, board, observer), settings, waits, clock)
        self._looks = full_scan.Looks(self._parts)
        self._glances = quick_scan.Glances(self._parts)
        self._watch: host_monitor.HostWatch

    def use(self, dispatcher: dispatchers.Dispatcher,
            client: host_monitor.Client) -> None:
        """Set what was made with the coordinator.

        :param dispatcher: whose ``done`` is :meth:`done`
        :param client: asks silent hosts
        """
        self._parts.dispatcher = dispatcher
        self._watch = host_monitor.HostWatch(
            self._parts, client, self._executor)

    def lead(self) -> None:
        """Begin to act; what was remembered of backends may be outdated."""
        parts = self._parts
        parts.roster.clear()
        parts.agenda.clear()
        parts.dispatcher.resume()
        self._leading = True
        parts.observer.leads(True)
        parts.agenda.add(EVERY, parts.clock())
        self.tick()

    def follow(self) -> None:
        """Start nothing any more; what is in flight goes on."""
        self._leading = False
        self._parts.agenda.clear()
        self._parts.dispatcher.pause()
        self._parts.observer.leads(False)

    def hint(self, backend: str, hint: model.Hint) -> None:
        """Look at a backend because of a notification."""
        self.heard.note_backend(backend)
        name = self._parts.roster.add_hint(backend, hint)
        now = self._parts.clock()
        if self._parts.roster.get(name).full_after > now:
            # The whole look has to rest, but a failover may not wait.
            self._parts.agenda.add(name, now, agendas.Kind.GLANCE)
        self._plan_full(name)
        self.tick()

    def recover(self, request: requests.Request) -> str:
        """Look at a backend because an operator asks.

        The waits of the servers that the request is about are forgotten.

        :returns: the request id that is recorded
        """
        name = self._parts.roster.name(request.backend)
        own = self._parts.roster.get(name)
        chosen = request.failover_id or ''
        if not backend_state.valid_failover_id(chosen):
            chosen = oslo_context.generate_request_id()
        with own.lock:
            own.asked.append(dataclasses.replace(
                request, backend=name, failover_id=chosen))
        self._parts.agenda.add(name, self._parts.clock())
        self.tick()
        return chosen

    def recover_backend(self, backend: str, failover_id: str | None) -> str:
        """Ask about every server of a backend, whatever the stamps say.

        :returns: the request id that is recorded
        """
        return self.recover(requests.Request(
            backend, ignore_stamps=True, failover_id=failover_id))

    def tick(self) -> None:
        """Start the looks that are due."""
        if not self._leading:
            return
        now = self._parts.clock()
        for name, own in self._parts.roster.known():
            self._plan_small(name, own, now)
        self._watch.tick()
        self._parts.dispatcher.start_more()
        for look in self._parts.agenda.take_due(now):
            self._executor.submit(self._run, look)

    def done(self, part: work_items.Part, work: work_items.Work,
             result: results.ServerResult, load: loads.Load) -> None:
        """Note a result for one of a server's backends."""
        own = self._parts.roster.get(part.backend)
        with own.lock:
            self._parts.triage.ended(own, part, work, result,
                                     self._parts.clock())
        if self._leading:
            self._parts.plan_partial(part.backend, own)

    def report(self, backend: str) -> dict[str, Any]:
        """Return what is known of a backend as plain data for the bus."""
        name = self._parts.roster.name(backend)
        dispatcher = self._parts.dispatcher
        return {**self._parts.roster.get(name).report(),
                'in_flight': sorted(dispatcher.in_flight(name)),
                'waiting': sorted(dispatcher.waiting(name))}

    def progress(self, backends: Sequence[str]
                 ) -> dict[str, dict[str, Any]]:
        """Return how far backends are, in a few numbers each.

        :param backends: their names, none for all that are known
        """
        asked = [(name, self._parts.roster.name(name)) for name in backends
                 ] or [(name, name) for name, _own
                       in self._parts.roster.known()]
        return {name: backend_progress.of(self._parts, known)
                for name, known in asked}

    def health(self) -> dict[str, Any]:
        """Return what was heard of as plain data for the bus."""
        return self.heard.report()

    def reconcile(self) -> None:
        """Plan a look at every replicated backend, and the next reconcile.

        :raises CinderUnavailable: if Cinder cannot be asked
        """
        parts = self._parts
        for backend in parts.cinder.backends():
            if gate.is_replicated(backend) and not self._busy(backend.name):
                self._plan_full(backend.name)
        self._every_errors = 0
        parts.agenda.add(EVERY, parts.clock()
                         + parts.settings.reconcile_interval)

    def _busy(self, name: str) -> bool:
        parts = self._parts
        waiting, _in_flight = parts.dispatcher.counts(name)
        since = parts.clock() - parts.roster.get(name).full_at
        return bool(waiting) and (
            since < PATIENCE * parts.settings.reconcile_interval)

    def _plan_full(self, name: str) -> None:
        own = self._parts.roster.get(name)
        self._parts.agenda.add(name, max(self._parts.clock(),
                                         own.full_after))

    def _plan_small(self, name: str, own: backend_state.BackendState,
                    now: float) -> None:
        counts = self._parts.dispatcher.counts(name)
        if any(counts):
            self._parts.agenda.add(name, max(now, own.glance_after),
                                   agendas.Kind.GLANCE)
        elif own.claims:
            # The round is over: all that was said is looked at.
            self._plan_full(name)

    def _run(self, look: agendas.Look) -> None:
        try:
            self._take(look)
        except exception.FailoverException as exc:
            self._put_off(look, str(exc))
        except Exception as exc:  # noqa: BLE001
            # The thread ends here; nobody else would tell of it. The text
            # of what nobody expects may hold anything, so it stays here.
            LOG.error('Looking at %s failed with %s:\n%s', look.backend,
                      type(exc).__name__,
                      ''.join(traceback.format_tb(exc.__traceback__)))
            self._put_off(look, 'an unexpected error, see the engine\'s log')
        finally:
            self._parts.agenda.done(look.backend)
        self.tick()

    def _take(self, look: agendas.Look) -> None:
        if look.backend == EVERY:
            self.reconcile()
        elif look.kind is agendas.Kind.FULL:
            self._looks.take(look.backend)
        else:
            self._glances.take(look)

    def _put_off(self, look: agendas.Look, reason: str) -> None:
        if look.backend == EVERY:
            self._every_errors += 1
            errors = self._every_errors
        else:
            own = self._parts.roster.get(look.backend)
            own.errors += 1
            own.reason, errors = reason, own.errors
        LOG.warning('Looking at %s is put off: %s', look.backend, reason)
        if self._leading:
            self._parts.agenda.add(
                look.backend, self._parts.clock()
                + self._parts.waits.seconds(errors), look.kind)

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


"""Full scans: read the records of a backend, and act if it is settled."""

import dataclasses

from oslo_log import log as logging

from nova_failover_ext.api import exclusions
from nova_failover_ext.api import server_state
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import rules
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import head_start
from nova_failover_ext.engine.reconciler import known_backends
from nova_failover_ext.engine.reconciler import scan_context
from nova_failover_ext.engine.reconciler import scan_log
from nova_failover_ext.engine.reconciler import scan_queue
from nova_failover_ext.engine.reconciler import scope
from nova_failover_ext.engine.reconciler import triage
from nova_failover_ext.engine import work_items
from nova_failover_ext import exception

ServerState = server_state.ServerState
LOG = logging.getLogger(__name__)

#: A full scan is followed by a pause of this many times its own length.
SPACING = 5


class FullScan:
    """Runs the full scans."""

    def __init__(self, context: scan_context.ScanContext) -> None:
        """Remember what to work with."""
        self._context = context

    def take(self, name: str) -> None:
        """Scan a backend.

        :raises FailoverException: if the records cannot be read
        :raises LeadershipLost: if what was read may not be acted upon
        """
        context = self._context
        began, spent = context.clock(), context.spent()
        confirmed = context.backends.get(name).claims
        head = head_start.HeadStart(context, name)
        try:
            read = snapshot.read(context.cinder, context.nova, name,
                                 head.take_page)
            head.finish(read)
        except head_start.RecordChanged:
            self._begin_anew(name)
            return
        except exception.BackendNotFound as exc:
            context.ensure_leading()
            LOG.warning('Skipping the scan: %s', exc)
            context.backends.forget(name)
            context.replace(name)
            return
        context.ensure_leading()
        if read.backend.name != name:
            context.backends.rename(name, read.backend.name)
            context.queue.add(read.backend.name, context.clock())
            return
        state = context.backends.get(name)
        known = self._known_failover(state, read)
        context.ensure_leading()
        self._space(state, began)
        context.observer.scanned(name, context.clock() - began, {
            kind: count - spent.get(kind, 0)
            for kind, count in context.spent().items()})
        with state.lock:
            state.claims = max(0, state.claims - confirmed)
            works = self._judge(state, read, began, known)
            context.begin(name, state, works)
        context.replace(name, works, state.expected)
        if head.sent:
            context.observer.all_found(
                name, state.id_for_work(),
                len(head.sent.union(work.server_id for work in works)))
        context.plan_server_scan(name, state)
        self._tell(name, state, read)

    def _begin_anew(self, name: str) -> None:
        LOG.info('Cinder\'s record of %s has changed while its volumes were '
                 'read, scanning anew', name)
        # What waits was planned for what may be the target no longer.
        self._context.replace(name)
        self._context.queue.add(name, self._context.clock())

    def _known_failover(self, state: backend_state.BackendState,
                        read: snapshot.Records) -> str | None:
        # Who did this before us has left the id in the databases.
        if state.sought or state.failover_id or not read.gate.open:
            return None
        state.sought = True
        plans = read.judge(server_plans.PlanOptions())
        if not plans.servers_to(server_plans.Verdict.RECOVER):
            return None
        return snapshot.known_failover(read, self._context.nova.recoveries(
            [server.server for server in plans.servers]))

    def _space(self, state: backend_state.BackendState,
               began: float) -> None:
        now = self._context.clock()
        state.errors = 0
        state.full_scan_at = now
        state.full_scan_after = now + SPACING * (now - began)
        state.service_scan_after = now + \
            self._context.settings.service_scan_interval

    def _judge(self, state: backend_state.BackendState,
               read: snapshot.Records,
               began: float, known: str | None) -> list[work_items.Work]:
        name, context = read.backend.name, self._context
        signature = scan_context.signature(read.backend)
        if state.signature not in (None, signature):
            context.supersede(name, state)
        state.signature, state.records = signature, None
        state.expected = {}
        state.known = read.volumes
        if not self._may_act(state, read):
            # What waits was planned for what may be the target no longer.
            return []
        _adopt(name, state, read, context.backends.take_hints(name),
               known, context.excluded())
        context.adopt(name, read.backend.active_backend_id)
        # All but the mappings, which are read again when they are needed.
        state.records = dataclasses.replace(read, attachments=())
        return self._decide(state, read, began)

    def _decide(self, state: backend_state.BackendState,
                read: snapshot.Records,
                began: float) -> list[work_items.Work]:
        name, context = read.backend.name, self._context
        ask = context.plan_options(name, state)
        found = scope.overruled(read, state.policies).judge(ask).excluding(
            context.excluded())
        now = context.clock()
        self._note_problems(name, state, found, now)
        at = triage.Situation(
            name, found.backend.active_backend_id, began, now,
            context.dispatcher.in_flight(name), bool(ask.busy_servers))
        works = [context.triage.consider(state, server, at)
                 for server in found.servers]
        state.expected = {
            server.server.id: server.priority for server in found.servers
            # Nobody waits forever for a row that is never written.
            if server.until == rules.WRITTEN and any(
                volume.until == rules.WRITTEN
                and volume.volume_id not in state.ask_late
                for volume in server.volumes)}
        text = scan_log.describe(found)
        if state.is_news('found', text):
            LOG.info('%s', text)
        return [work for work in works if work]

    def _note_problems(self, name: str,
                       state: backend_state.BackendState,
                       found: snapshot.BackendPlan, now: float) -> None:
        if not found.problems:
            _prune(state, found)
            state.unread = 0
            return
        state.unread += 1
        state.reason = '; '.join('cell %s: %s' % (p.cell, p.reason)
                                 for p in found.problems)
        self._context.queue.add(name, max(
            now + self._context.waits.seconds(state.unread),
            state.full_scan_after))

    def _may_act(self, state: backend_state.BackendState,
                 read: snapshot.Records) -> bool:
        decision, settings = read.gate, self._context.settings
        state.reason = decision.reason
        if decision.open:
            state.wait = None
            self._wait_for_rows(state, read)
            return True
        state.moving = read.servers_with(
            {one for one in read.volumes if decision.moves(one)})
        state.forget_late()
        closed = state.closed(read.backend.active_backend_id,
                              self._context.clock(), settings.gate_timeout)
        if closed < settings.gate_timeout:
            self._log_wait(read.backend.name, state, decision)
            self._context.queue.add(
                read.backend.name,
                self._context.clock() + self._context.waits.seconds(1),
                scan_queue.Kind.SERVICES)
        else:
            state.moving = frozenset()
            self._stop_waiting(
                read, state, decision,
                'scanned again every %d s' % settings.reconcile_interval)
        return False

    def _wait_for_rows(self, state: backend_state.BackendState,
                       read: snapshot.Records) -> None:
        context, late = self._context, read.gate.late
        now = context.clock()
        if state.target != read.backend.active_backend_id:
            state.forget_late()
        state.note_late(late, now, context.settings.gate_timeout)
        waited_for = late - state.ask_late
        state.moving = read.servers_with(waited_for)
        if not late:
            state.is_news('gate', None)
        elif not waited_for:
            self._stop_waiting(read, state, read.gate, 'they are asked about')
        else:
            self._log_wait(read.backend.name, state, read.gate)
            context.queue.add(read.backend.name, max(
                now + context.waits.seconds(1), state.full_scan_after))

    def _log_wait(self, name: str, state: backend_state.BackendState,
                  decision: gate.Decision) -> None:
        # The number of records in the reason changes all the time.
        if state.is_news('gate', decision.kind):
            LOG.info('Waiting with %s: %s', name, decision.reason)

    def _stop_waiting(self, read: snapshot.Records,
                      state: backend_state.BackendState,
                      decision: gate.Decision, what: str) -> None:
        state.reason = '%s; stopped waiting after %d s, %s' % (
            decision.reason, self._context.settings.gate_timeout, what)
        if state.is_news('gate', (decision.kind, what)):
            LOG.warning('%s: %s', read.backend.name, state.reason)

    def _tell(self, name: str, state: backend_state.BackendState,
              read: snapshot.Records) -> None:
        context = self._context
        _waiting, in_flight = context.dispatcher.counts(name)
        counts = state.server_states.counts(in_flight)
        over = (state.wait is None and not read.problems and not state.claims
                and not state.server_states.open())
        if over and state.began_at is not None:
            seconds = context.clock() - state.began_at
            state.began_at = None
            context.observer.converged(name, state.id_for_work(), seconds,
                                       counts[ServerState.EXCLUDED])


def _adopt(name: str, state: backend_state.BackendState,
           read: snapshot.Records,
           hints: list[model.Hint], known: str | None,
           excluded: exclusions.Exclusions) -> None:
    present = read.backend.active_backend_id
    state.adopt(present,
                known_backends.announced(name, present,
                                         hints) or known)
    state.returned = state.returned or any(
        attachment.stamp for attachment in read.attachments)
    for hint in hints:
        if hint.group_id:
            state.adopt_group(hint.failover_id,
                              read.servers_of(hint.group_id))
    asked, state.asked = state.asked, []
    for request in asked:
        state.begin(request, scope.chosen(request, read, excluded))


def _prune(state: backend_state.BackendState,
           found: snapshot.BackendPlan) -> None:
    # Of servers that are gone, nothing is known and nothing is waited for.
    known = {s.server.id for s in found.servers}
    undone = {s.server.id for s in found.servers
              if s.verdict is not server_plans.Verdict.SKIP}
    state.server_states.keep_only(known)
    state.tries.keep_only(undone)
    state.unasked &= undone
    state.wanted &= undone
    state.retrying &= undone
    state.held = {host: ids & undone for host,
                  ids in state.held.items()
                  if ids & undone}

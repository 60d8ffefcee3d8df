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


"""Whole looks: read the truth about a backend, and act if it is settled."""

import dataclasses

from oslo_log import log as logging

from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import known_backends as rosters
from nova_failover_ext.engine.reconciler import scan_context as own_parts
from nova_failover_ext.engine.reconciler import scan_queue as agendas
from nova_failover_ext.engine.reconciler import scope
from nova_failover_ext.engine.reconciler import triage
from nova_failover_ext.engine import work_items
from nova_failover_ext import exception

LOG = logging.getLogger(__name__)

#: A whole look is followed by a pause of this many times its own length.
SPACING = 5


class Looks:
    """Takes the whole looks."""

    def __init__(self, parts: own_parts.Parts) -> None:
        """Remember what to work with."""
        self._parts = parts

    def take(self, name: str) -> None:
        """Look at a backend.

        :raises FailoverException: if the truth cannot be read
        """
        parts = self._parts
        began, spent = parts.clock(), parts.spent()
        confirmed = parts.roster.get(name).claims
        try:
            read = snapshot.read(parts.cinder, parts.nova, name)
        except exception.BackendNotFound as exc:
            LOG.warning('Nothing is done: %s', exc)
            parts.roster.forget(name)
            parts.dispatcher.replace(name, [])
            return
        if read.backend.name != name:
            parts.roster.rename(name, read.backend.name)
            parts.agenda.add(read.backend.name, parts.clock())
            return
        own = parts.roster.get(name)
        known = self._known_failover(own, read)
        self._space(own, began)
        parts.observer.looked(name, parts.clock() - began, {
            kind: count - spent.get(kind, 0)
            for kind, count in parts.spent().items()})
        with own.lock:
            own.claims = max(0, own.claims - confirmed)
            works = self._judge(own, read, began, known)
            parts.begin(name, own, works)
        parts.dispatcher.replace(name, works)
        parts.plan_partial(name, own)
        self._tell(name, own, read)

    def _known_failover(self, own: backend_state.BackendState,
                        read: snapshot.Records) -> str | None:
        # Who did this before us has left the id in the databases.
        if own.sought or own.failover_id or not read.gate.open:
            return None
        own.sought = True
        plans = read.judge(server_plans.Ask())
        if not plans.servers_to(server_plans.Verdict.RECOVER):
            return None
        return snapshot.known_failover(read, self._parts.nova.recoveries(
            [server.server for server in plans.servers]))

    def _space(self, own: backend_state.BackendState, began: float) -> None:
        now = self._parts.clock()
        own.errors = 0
        own.full_at = now
        own.full_after = now + SPACING * (now - began)
        own.glance_after = now + self._parts.settings.glance_interval

    def _judge(self, own: backend_state.BackendState, read: snapshot.Records,
               began: float, known: str | None) -> list[work_items.Work]:
        name, parts = read.backend.name, self._parts
        signature = own_parts.signature(read.backend)
        if own.signature not in (None, signature):
            parts.supersede(name, own)
        own.signature, own.records = signature, None
        if not self._may_act(own, read):
            # What waits was planned for what may be the target no longer.
            return []
        own.moving = frozenset()
        _adopt(name, own, read, parts.roster.take_hints(name), known)
        # All but the mappings, which are read again when they are needed.
        own.records = dataclasses.replace(read, attachments=())
        return self._decide(own, read, began)

    def _decide(self, own: backend_state.BackendState, read: snapshot.Records,
                began: float) -> list[work_items.Work]:
        name, parts = read.backend.name, self._parts
        # The gate has given up waiting for the rows that are missing.
        ask = server_plans.Ask(read.gate.partial, frozenset(own.unasked),
                               parts.roster.moving(name))
        found = scope.overruled(read, own.policies).judge(ask)
        now = parts.clock()
        self._note_problems(name, own, found, now)
        at = triage.Situation(
            name, found.backend.active_backend_id, began, now,
            parts.dispatcher.in_flight(name), bool(ask.busy_servers))
        works = [parts.triage.consider(own, server, at)
                 for server in found.servers]
        counts = {v.value: len(found.servers_to(v))
                  for v in server_plans.Verdict}
        LOG.info('%s is on %r: %s', name, at.target, counts)
        return [work for work in works if work]

    def _note_problems(self, name: str, own: backend_state.BackendState,
                       found: snapshot.Survey, now: float) -> None:
        if not found.problems:
            _prune(own, found)
            own.unread = 0
            return
        own.unread += 1
        own.reason = '; '.join('cell %s: %s' % (p.cell, p.reason)
                               for p in found.problems)
        self._parts.agenda.add(name, max(
            now + self._parts.waits.seconds(own.unread), own.full_after))

    def _may_act(self, own: backend_state.BackendState,
                 read: snapshot.Records) -> bool:
        decision, settings = read.gate, self._parts.settings
        own.reason = decision.reason
        if decision.open:
            own.wait = None
            return True
        cause = (read.backend.active_backend_id, decision.partial)
        closed = own.closed(cause, self._parts.clock(),
                            settings.gate_timeout)
        if closed < settings.gate_timeout:
            LOG.info('Waiting: %s', decision.reason)
            own.moving = frozenset(
                attachment.server.id for attachment in read.attachments
                if decision.ends_soon)
            self._look_again(read.backend.name, own, decision)
            return False
        own.moving = frozenset()
        own.reason = ('%s; given up waiting after %d s, looked at every '
                      '%d s' % (decision.reason, settings.gate_timeout,
                                settings.reconcile_interval))
        return decision.partial

    def _look_again(self, name: str, own: backend_state.BackendState,
                    decision: gate.Decision) -> None:
        again = self._parts.clock() + self._parts.waits.seconds(1)
        if decision.kind is gate.Kind.ROWS:
            self._parts.agenda.add(name, max(again, own.full_after))
        else:
            self._parts.agenda.add(name, again, agendas.Kind.GLANCE)

    def _tell(self, name: str, own: backend_state.BackendState,
              read: snapshot.Records) -> None:
        parts = self._parts
        _waiting, in_flight = parts.dispatcher.counts(name)
        counts = own.standings.counts(in_flight)
        parts.observer.standings(name, counts, in_flight,
                                 parts.dispatcher.limit(name),
                                 own.wait is None)
        over = (own.wait is None and not read.problems and not own.claims
                and not own.standings.open())
        if over and own.began_at is not None:
            seconds = parts.clock() - own.began_at
            own.began_at = None
            LOG.info('%s has converged', name)
            parts.observer.converged(name, own.id_for_work(), seconds)


def _adopt(name: str, own: backend_state.BackendState, read: snapshot.Records,
           hints: list[model.Hint], known: str | None) -> None:
    present = read.backend.active_backend_id
    own.adopt(present, rosters.announced(name, present, hints) or known)
    for hint in hints:
        if hint.group_id:
            own.adopt_group(hint.failover_id, read.servers_of(hint.group_id))
    asked, own.asked = own.asked, []
    for request in asked:
        own.begin(request, scope.chosen(request, read))


def _prune(own: backend_state.BackendState, found: snapshot.Survey) -> None:
    # Of servers that are gone, nothing is known and nothing is waited for.
    known = {s.server.id for s in found.servers}
    undone = {s.server.id for s in found.servers
              if s.verdict is not server_plans.Verdict.SKIP}
    own.standings.keep_only(known)
    own.tries.keep_only(undone)
    own.unasked &= undone
    own.wanted &= undone
    own.retrying &= undone
    own.held = {host: ids & undone for host, ids in own.held.items()
                if ids & undone}

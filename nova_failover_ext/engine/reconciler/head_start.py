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

"""Dispatches the first servers of a backend while the rest is being read.

A full scan of a large backend takes minutes. Nothing that is decided here
would be decided otherwise by the full scan, which knows more: only servers are
dispatched of which every volume is known, and nobody is said to need nothing.
"""

import itertools

from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import driver_rules
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import known_backends
from nova_failover_ext.engine.reconciler import scan_context
from nova_failover_ext.engine.reconciler import scope
from nova_failover_ext.engine.reconciler import triage
from nova_failover_ext.engine import work_items

#: So many times as many servers may wait as may be in flight; then the
#: mappings of the next volumes need not be read yet.
AHEAD = 10


#: So many volumes of urgent servers are asked about before all others.
URGENT_VOLUMES = 50


class RecordChanged(Exception):
    """Cinder's record of a backend has changed while volumes were read."""


class HeadStart:
    """Belongs to one full scan."""

    def __init__(self, context: scan_context.ScanContext, name: str) -> None:
        """Begin to watch.

        :param name: what the backend is called here
        """
        self._context = context
        self._name = name
        #: whether nothing speaks against acting now, None if not known yet
        self._open: bool | None = None
        self._chosen = False
        self._expected = driver_rules.UNKNOWN
        self._looked_up = 0
        #: ids of the servers that were dispatched
        self.sent: set[str] = set()
        state = context.backends.get(name)
        state.service_scan_after = (
            context.clock() + context.settings.service_scan_interval)

    def take_page(self, backend: model.Backend,
                  volumes: dict[str, model.Volume]) -> None:
        """Go on with what was read so far.

        :param backend: as it was when the scan began
        :param volumes: all that was read so far
        :raises RecordChanged: if the scan has to begin anew
        :raises FailoverException: if records cannot be read
        :raises LeadershipLost: if nothing may be dispatched any more
        """
        self._context.ensure_leading()
        if backend.name != self._name:
            return
        context = self._context
        state = context.backends.get(self._name)
        if self._open is None:
            self._open = gate.decide(backend, ()).open
            self._chosen = self._open and self._begin(state, backend)
        self._check(state, backend)
        waiting, _in_flight = context.dispatcher.counts(self._name)
        if self._chosen and self._open and not state.asked and (
                waiting < AHEAD * context.dispatcher.limit(self._name)):
            self._dispatch(state, backend, volumes)

    def finish(self, records: snapshot.Records) -> None:
        """See whether what was read may be acted upon.

        :raises RecordChanged: if the scan has to begin anew
        """
        if records.gate.open and self._open is False:
            raise RecordChanged()

    def _check(self, state: backend_state.BackendState,
               backend: model.Backend) -> None:
        context = self._context
        if context.clock() < state.service_scan_after:
            return
        state.service_scan_after = (
            context.clock() + context.settings.service_scan_interval)
        present = context.cinder.backend(self._name)
        was_open, self._open = self._open, gate.decide(present, ()).open
        if (scan_context.signature(present) != scan_context.signature(backend)
                or self._open and not gate.decide(backend, ()).open):
            raise RecordChanged()
        if was_open and not self._open:
            context.replace(self._name)

    def _begin(self, state: backend_state.BackendState,
               backend: model.Backend) -> bool:
        context, target = self._context, backend.active_backend_id
        signature = scan_context.signature(backend)
        with state.lock:
            if state.records and state.signature == signature:
                # Nothing has changed since the last full scan.
                return False
            announced = known_backends.announced(
                self._name, target, context.backends.hints(self._name))
            if state.asked or not (state.sought or announced) or (
                    context.settings.barrier or state.behind):
                # What operators want, whether somebody has begun before us,
                # and who is behind a barrier is known only when all is read.
                return False
            if state.signature not in (None, signature):
                context.supersede(self._name, state)
            state.begin_anew(signature, target, announced)
        context.adopt(self._name, target)
        self._expected = context.cinder.expectation(backend)
        self._dispatch_urgent(state, backend)
        return True

    def _dispatch_urgent(self, state: backend_state.BackendState,
                         backend: model.Backend) -> None:
        context, began = self._context, self._context.clock()
        # Their volumes are known from before; where they are now is not.
        attachments, _problems = context.nova.attachments_of_priorities(
            server_plans.URGENT, state.known)
        ordered = sorted(attachments, key=lambda a: (
            server_plans.priority_of(a.server), a.server.id))
        server_ids = {a.server.id for a in ordered[:URGENT_VOLUMES]}
        chosen = [a for a in ordered if a.server.id in server_ids]
        volumes = context.cinder.volumes_named(
            backend, dict.fromkeys(a.volume_id for a in chosen))
        gone = {a.server.id for a in chosen if a.volume_id not in volumes}
        self._plan(state, backend, volumes, [
            a for a in chosen if a.server.id not in gone], began)

    def _dispatch(self, state: backend_state.BackendState,
                  backend: model.Backend,
                  volumes: dict[str, model.Volume]) -> None:
        context, began = self._context, self._context.clock()
        fresh = list(itertools.islice(volumes, self._looked_up, None))
        self._looked_up = len(volumes)
        # A cell that cannot be read is up to the full scan.
        attachments, _problems = context.nova.attachments_within(
            fresh, volumes)
        self._plan(state, backend, volumes, attachments, began)

    def _plan(self, state: backend_state.BackendState, backend: model.Backend,
              volumes: dict[str, model.Volume],
              attachments: list[model.Attachment], began: float) -> None:
        context = self._context
        used = {a.volume_id: volumes[a.volume_id] for a in attachments}
        records = snapshot.Records(
            backend, gate.decide(backend, used.values()), used,
            tuple(attachments), (), self._expected)
        context.ensure_leading()
        with state.lock:
            works = self._choose(state, records, began)
            context.begin(self._name, state, works)
        self.sent.update(work.server_id for work in works)
        if works:
            context.add(self._name, works)

    def _choose(self, state: backend_state.BackendState,
                records: snapshot.Records,
                began: float) -> list[work_items.Work]:
        context = self._context
        ask = context.plan_options(self._name, state)
        plan = scope.overruled(records, state.policies).judge(ask).excluding(
            context.excluded())
        at = triage.Situation(
            self._name, records.backend.active_backend_id, began,
            context.clock(), context.dispatcher.in_flight(self._name),
            bool(ask.busy_servers))
        works = [context.triage.consider(state, server, at)
                 for server in plan.servers_to(server_plans.Verdict.RECOVER)
                 # The others come last in any case.
                 if server.priority <= server_plans.DEFAULT_PRIORITY]
        return [work for work in works if work]

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


"""Small looks, while servers are being recovered or wait for a time.

They read what may have changed, and leave the rest to a whole look.
"""

from collections.abc import Collection

from oslo_log import log as logging

from nova_failover_ext.api import server_state
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import scan_context as own_parts
from nova_failover_ext.engine.reconciler import scan_queue as agendas
from nova_failover_ext.engine.reconciler import scope
from nova_failover_ext.engine.reconciler import triage
from nova_failover_ext.engine import work_items
from nova_failover_ext import exception

LOG = logging.getLogger(__name__)

#: Seconds between two looks at some servers of a backend.
PARTIAL_INTERVAL = 1.0


class Glances:
    """Takes the small looks."""

    def __init__(self, parts: own_parts.Parts) -> None:
        """Remember what to work with."""
        self._parts = parts

    def take(self, look: agendas.Look) -> None:
        """Look at the services, or at the servers that are due.

        :raises FailoverException: if the truth cannot be read
        """
        if look.kind is agendas.Kind.GLANCE:
            self.at_services(look.backend)
        else:
            self.at_servers(look.backend)
        own = self._parts.roster.get(look.backend)
        if own.errors and own.wait is None:
            own.errors, own.reason = 0, ''

    def at_services(self, name: str) -> None:
        """See whether Cinder still says what it said.

        :raises FailoverException: if Cinder cannot be asked
        """
        parts = self._parts
        own = parts.roster.get(name)
        own.glance_after = parts.clock() + parts.settings.glance_interval
        try:
            backend = parts.cinder.backend(name)
        except exception.BackendNotFound:
            parts.agenda.add(name, parts.clock())
            return
        decision = gate.decide(backend, ())
        with own.lock:
            moved = own.signature != own_parts.signature(backend)
            if moved:
                LOG.info('Cinder has moved on with %s', name)
                parts.supersede(name, own)
            if moved or (own.wait is None) != decision.open:
                parts.dispatcher.replace(name, [])
                parts.agenda.add(name, parts.clock())
            elif own.wait:
                self._wait_on(name, own, decision)

    def at_servers(self, name: str) -> None:
        """Look at the servers that are due, and at no other.

        :raises FailoverException: if a database cannot be read
        """
        parts = self._parts
        own = parts.roster.get(name)
        began = parts.clock()
        own.partial_after = began + PARTIAL_INTERVAL
        due = own.tries.take_due(began)
        with own.lock:
            records = own.records
            keys = [(own.cells[server_id], server_id) for server_id in due
                    if server_id in own.cells and not _waits(own, server_id)]
        if records and keys:
            try:
                read = snapshot.reread(records, parts.nova, keys)
            except exception.FailoverException:
                own.tries.postpone(due, began + parts.waits.seconds(1))
                raise
            self._act(name, own, read, keys, began)
        parts.plan_partial(name, own)

    def _wait_on(self, name: str, own: backend_state.BackendState,
                 decision: gate.Decision) -> None:
        parts = self._parts
        if own.wait and (parts.clock() - own.wait.started
                         >= parts.settings.gate_timeout):
            # That has a reason of its own, and is up to whole looks.
            parts.agenda.add(name, max(parts.clock(), own.full_after))
            return
        own.reason = decision.reason
        parts.agenda.add(name, parts.clock() + parts.waits.seconds(1),
                         agendas.Kind.GLANCE)

    def _act(self, name: str, own: backend_state.BackendState,
             read: snapshot.Records,
             keys: Collection[tuple[str, str]], began: float) -> None:
        parts = self._parts
        with own.lock:
            if own.records is None or own.records.backend != read.backend:
                return
            works = self._judge(name, own, read, began)
            self._note_missing(own, read, keys, began)
            parts.begin(name, own, works)
        if works:
            parts.dispatcher.add(name, works)

    def _judge(self, name: str, own: backend_state.BackendState,
               read: snapshot.Records, began: float) -> list[work_items.Work]:
        ask = server_plans.Ask(read.gate.partial, frozenset(own.unasked),
                               self._parts.roster.moving(name))
        found = scope.overruled(read, own.policies).judge(ask)
        at = triage.Situation(
            name, found.backend.active_backend_id, began,
            self._parts.clock(), (), bool(ask.busy_servers))
        works = [self._parts.triage.consider(own, server, at)
                 for server in found.servers]
        return [work for work in works if work]

    def _note_missing(self, own: backend_state.BackendState,
                      read: snapshot.Records,
                      keys: Collection[tuple[str, str]],
                      began: float) -> None:
        seen = {attachment.server.id for attachment in read.attachments}
        unread = {problem.cell for problem in read.problems}
        gone = [server_id for cell, server_id in keys
                if server_id not in seen and cell not in unread]
        own.tries.postpone(
            [server_id for cell, server_id in keys if cell in unread],
            began + self._parts.waits.seconds(1))
        own.tries.forget(gone)
        for server_id in gone:
            # It is gone, or has no volume of the backend any more.
            own.standings.drop(server_id)
            own.settle(server_id)
            own.cells.pop(server_id, None)


def _waits(own: backend_state.BackendState, server_id: str) -> bool:
    return own.standings.get(server_id) is server_state.Standing.WAITING

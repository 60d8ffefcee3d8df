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


"""Quick scans, while servers are being recovered or wait for a time.

They read what may have changed, and leave the rest to a full scan.
"""

from collections.abc import Collection

from oslo_log import log as logging

from nova_failover_ext.api import server_state
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import scan_context
from nova_failover_ext.engine.reconciler import scan_queue
from nova_failover_ext.engine.reconciler import scope
from nova_failover_ext.engine.reconciler import triage
from nova_failover_ext.engine import work_items
from nova_failover_ext import exception

LOG = logging.getLogger(__name__)

#: Seconds between two scans of some servers of a backend.
SERVERS_INTERVAL = 1.0


class QuickScan:
    """Runs the quick scans."""

    def __init__(self, context: scan_context.ScanContext) -> None:
        """Remember what to work with."""
        self._context = context

    def take(self, scan: scan_queue.Scan) -> None:
        """Scan the services, or the servers that are due.

        :raises FailoverException: if the records cannot be read
        :raises LeadershipLost: if what was read may not be acted upon
        """
        if scan.kind is scan_queue.Kind.SERVICES:
            self.scan_services(scan.backend)
        else:
            self.scan_servers(scan.backend)
        state = self._context.backends.get(scan.backend)
        if state.errors and state.wait is None:
            state.errors, state.reason = 0, ''

    def scan_services(self, name: str) -> None:
        """See whether Cinder still says what it said.

        :raises FailoverException: if Cinder cannot be asked
        """
        context = self._context
        state = context.backends.get(name)
        state.service_scan_after = context.clock(
        ) + context.settings.service_scan_interval
        try:
            backend = context.cinder.backend(name)
        except exception.BackendNotFound:
            context.queue.add(name, context.clock())
            return
        decision = gate.decide(backend, ())
        context.ensure_leading()
        with state.lock:
            moved = state.signature != scan_context.signature(backend)
            if moved:
                LOG.info('Cinder\'s record of %s has changed, planning anew',
                         name)
                context.supersede(name, state)
            if moved or (state.wait is None) != decision.open:
                context.replace(name)
                context.queue.add(name, context.clock())
            elif state.wait:
                self._wait_on(name, state, decision)

    def scan_servers(self, name: str) -> None:
        """Scan the servers that are due, and no others.

        :raises FailoverException: if a database cannot be read
        """
        context = self._context
        state = context.backends.get(name)
        began = context.clock()
        state.server_scan_after = began + SERVERS_INTERVAL
        due = state.tries.take_due(began)
        with state.lock:
            records = state.records
            keys = [(state.cells[server_id],
                     server_id) for server_id in due
                    if server_id in state.cells and not _waits(state,
                                                               server_id)]
        if records and keys:
            try:
                read = snapshot.reread(records, context.nova, keys)
            except exception.FailoverException:
                state.tries.postpone(due,
                                     began + context.waits.seconds(1))
                raise
            self._act(name, state, read, keys, began)
        context.plan_server_scan(name, state)

    def _wait_on(self, name: str, state: backend_state.BackendState,
                 decision: gate.Decision) -> None:
        context = self._context
        if state.wait and (context.clock() - state.wait.started
                           >= context.settings.gate_timeout):
            # That has a reason of its own, and is up to full scans.
            context.queue.add(name,
                              max(context.clock(),
                                  state.full_scan_after))
            return
        state.reason = decision.reason
        context.queue.add(name, context.clock() + context.waits.seconds(1),
                          scan_queue.Kind.SERVICES)

    def _act(self, name: str, state: backend_state.BackendState,
             read: snapshot.Records,
             keys: Collection[tuple[str, str]], began: float) -> None:
        context = self._context
        context.ensure_leading()
        with state.lock:
            if state.records is None or state.records.backend != read.backend:
                return
            works = self._judge(name, state, read, began)
            self._note_missing(state, read, keys, began)
            context.begin(name, state, works)
        if works:
            context.add(name, works)

    def _judge(self, name: str, state: backend_state.BackendState,
               read: snapshot.Records, began: float) -> list[work_items.Work]:
        ask = self._context.plan_options(name, state)
        found = scope.overruled(read, state.policies).judge(ask).excluding(
            self._context.excluded())
        at = triage.Situation(
            name, found.backend.active_backend_id, began,
            self._context.clock(), (), bool(ask.busy_servers))
        works = [self._context.triage.consider(state, server, at)
                 for server in found.servers]
        return [work for work in works if work]

    def _note_missing(self, state: backend_state.BackendState,
                      read: snapshot.Records,
                      keys: Collection[tuple[str, str]],
                      began: float) -> None:
        seen = {attachment.server.id for attachment in read.attachments}
        unread = {problem.uuid for problem in read.problems}
        gone = [server_id for cell, server_id in keys
                if server_id not in seen and cell not in unread]
        state.tries.postpone(
            [server_id for cell, server_id in keys if cell in unread],
            began + self._context.waits.seconds(1))
        state.tries.forget(gone)
        for server_id in gone:
            # It is gone, or has no volume of the backend any more.
            state.server_states.drop(server_id)
            state.settle(server_id)
            state.cells.pop(server_id, None)


def _waits(state: backend_state.BackendState, server_id: str) -> bool:
    return (state.server_states.get(server_id)
            is server_state.ServerState.WAITING)

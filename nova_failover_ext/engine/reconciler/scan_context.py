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


"""What the coordinator's modules work with, and what several of them do."""

from collections.abc import Callable, Mapping, Sequence
import copy
import dataclasses
from typing import Any

from nova_failover_ext.api import exclusions
from nova_failover_ext.engine.dispatcher import backoff
from nova_failover_ext.engine.dispatcher import dispatcher as dispatchers
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.engine import model
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import known_backends
from nova_failover_ext.engine.reconciler import scan_queue
from nova_failover_ext.engine.reconciler import settings as reconciler_settings
from nova_failover_ext.engine.reconciler import triage as triages
from nova_failover_ext.engine import work_items


class LeadershipLost(Exception):
    """The engine no longer leads, or has begun to lead anew.

    Another one may have acted since, on newer records.
    """


@dataclasses.dataclass
class ScanContext:
    """The coordinator's parts.

    :ivar cinder: see :class:`.inventory.cinder_reader.CinderReader`
    :ivar nova: see :class:`.inventory.nova_reader.NovaReader`
    :ivar waits: how long to wait between tries and scans
    :ivar clock: seconds, never going back
    :ivar excluded: tells what operators have excluded; it answers at once
    :ivar adopt: told the active_backend_id of each backend, before servers
        are dispatched because of it
    :ivar term: in which term of the dispatcher a scan was planned, None for
        no scan
    """

    cinder: Any
    nova: Any
    backends: known_backends.KnownBackends
    queue: scan_queue.ScanQueue
    hosts: host_health.HostHealth
    observer: observers.Observer
    triage: triages.Triage
    settings: reconciler_settings.Settings
    waits: backoff.Backoff
    clock: Callable[[], float]
    excluded: Callable[[], exclusions.Exclusions]
    adopt: Callable[[str, str], None]
    term: int | None = None
    #: set once there is one, as it is made with the coordinator
    dispatcher: dispatchers.Dispatcher = dataclasses.field(init=False)

    def during(self, term: int) -> 'ScanContext':
        """Return the same for one scan.

        :param term: in which it was planned
        """
        made = copy.copy(self)
        made.term = term
        return made

    def ensure_leading(self) -> None:
        """Leave a scan that has outlived its engine's leadership.

        :raises LeadershipLost: if it has
        """
        if self.dispatcher.term != self.term:
            raise LeadershipLost()

    def replace(self, name: str, works: Sequence[work_items.Work] = (),
                expected: Mapping[str, int] | None = None) -> None:
        """Let these wait instead, see :meth:`.Dispatcher.replace`."""
        self.dispatcher.replace(name, works, expected, term=self.term)

    def add(self, name: str, works: Sequence[work_items.Work]) -> None:
        """Let these wait too, see :meth:`.Dispatcher.add`."""
        self.dispatcher.add(name, works, term=self.term)

    def spent(self) -> dict[str, int]:
        """Return the questions that this thread has asked, by kind."""
        return {**self.cinder.spent, **self.nova.spent}

    def plan_options(self, name: str, state: backend_state.BackendState
                     ) -> server_plans.PlanOptions:
        """Return what to ask about a backend in spite of the records."""
        return server_plans.PlanOptions(
            state.ask_late, frozenset(state.unasked),
            self.backends.moving(name), returned=state.returned)

    def plan_server_scan(self, name: str,
                         state: backend_state.BackendState) -> None:
        """Plan to scan the servers that become due next."""
        due = state.tries.next_time()
        if due is not None:
            self.queue.add(name, max(due, state.server_scan_after),
                           scan_queue.Kind.SERVERS)

    def begin(self, name: str, state: backend_state.BackendState,
              works: Sequence[work_items.Work]) -> None:
        """Tell that a recovery begins, if it is the first to be dispatched."""
        if works and state.began_at is None:
            state.began_at = self.clock()
            self.observer.began(name, state.id_for_work(),
                                state.target or '',
                                len(works))

    def supersede(self, name: str,
                  state: backend_state.BackendState) -> None:
        """Drop what waits, because Cinder has moved on."""
        _waiting, in_flight = self.dispatcher.counts(name)
        self.replace(name)
        if state.began_at is None:
            return
        state.began_at = None
        self.observer.superseded(name, state.failover_id or '', max(
            0, state.server_states.open() - in_flight))
        state.server_states.supersede()


def signature(backend: model.Backend) -> tuple[str, str | None]:
    """Return what tells one failover of a backend from another."""
    return backend.active_backend_id, backend.present.replication_status

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

from collections.abc import Callable, Sequence
import dataclasses
from typing import Any

from nova_failover_ext.engine.dispatcher import backoff
from nova_failover_ext.engine.dispatcher import dispatcher as dispatchers
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.engine import model
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import known_backends as rosters
from nova_failover_ext.engine.reconciler import scan_queue as agendas
from nova_failover_ext.engine.reconciler import settings as own_settings
from nova_failover_ext.engine.reconciler import triage as triages
from nova_failover_ext.engine import work_items


@dataclasses.dataclass
class Parts:
    """The coordinator's parts.

    :ivar cinder: see :class:`.inventory.cinder_reader.CinderReader`
    :ivar nova: see :class:`.inventory.nova_reader.NovaReader`
    :ivar waits: how long to wait between tries and looks
    :ivar clock: seconds, never going back
    """

    cinder: Any
    nova: Any
    roster: rosters.Roster
    agenda: agendas.Agenda
    board: host_health.Board
    observer: observers.Observer
    triage: triages.Triage
    settings: own_settings.Settings
    waits: backoff.Backoff
    clock: Callable[[], float]
    #: set once there is one, as it is made with the coordinator
    dispatcher: dispatchers.Dispatcher = dataclasses.field(init=False)

    def spent(self) -> dict[str, int]:
        """Return the questions that this thread has asked, by kind."""
        return {**self.cinder.spent, **self.nova.spent}

    def plan_partial(self, name: str, own: backend_state.BackendState) -> None:
        """Plan to look at the servers that become due next."""
        due = own.tries.next_time()
        if due is not None:
            self.agenda.add(name, max(due, own.partial_after),
                            agendas.Kind.PARTIAL)

    def begin(self, name: str, own: backend_state.BackendState,
              works: Sequence[work_items.Work]) -> None:
        """Tell that a recovery begins, if it is the first to be dispatched."""
        if works and own.began_at is None:
            own.began_at = self.clock()
            self.observer.began(name, own.id_for_work(), own.target or '',
                                len(works))

    def supersede(self, name: str, own: backend_state.BackendState) -> None:
        """Drop what waits, because Cinder has moved on."""
        _waiting, in_flight = self.dispatcher.counts(name)
        self.dispatcher.replace(name, [])
        if own.began_at is None:
            return
        own.began_at = None
        self.observer.superseded(name, own.failover_id or '', max(
            0, own.standings.open() - in_flight))
        own.standings.supersede()


def signature(backend: model.Backend) -> tuple[str, str | None]:
    """Return what tells one failover of a backend from another."""
    return backend.active_backend_id, backend.present.replication_status

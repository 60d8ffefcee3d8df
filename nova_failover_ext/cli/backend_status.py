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


"""Where the servers of a backend stand, and what that means; pure functions.

What a monitoring system gets as an exit code is decided here.
"""

import collections
from collections.abc import Collection, Iterable, Mapping
import dataclasses
from typing import Any

from nova_failover_ext.api import server_state
from nova_failover_ext.api import wording
from nova_failover_ext.cli import exitcodes
from nova_failover_ext.cli import rows
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import server_plans

ServerState = server_state.ServerState

#: Somebody has to look after a server in such a state.
_FAILED = frozenset((ServerState.FAILED, ServerState.RETRIES_EXHAUSTED,
                     ServerState.BLOCKED))
#: A server in such a state waits for the engine only.
_GOING_ON = frozenset((ServerState.UNKNOWN, ServerState.WAITING,
                       ServerState.RECOVERING, ServerState.SUPERSEDED))

_AT_REST = frozenset((ServerState.DEFERRED, ServerState.EXCLUDED))


@dataclasses.dataclass(frozen=True)
class BackendStatus:
    """Where the servers of one backend stand.

    :ivar plan: a verdict on each of them, by the records
    :ivar recoveries: the latest of each server, by its id
    :ivar remembered: what an engine says, see ``EngineAPI.status``; empty if
        none could be asked
    """

    plan: snapshot.BackendPlan
    recoveries: Mapping[str, model.Recovery]
    remembered: Mapping[str, Any]

    def state_of(self, server: server_plans.ServerPlan) -> ServerState:
        """Return where a server stands."""
        return rows.state_of(server, self.recoveries.get(server.server.id),
                             self.remembered)

    def states(self) -> list[ServerState]:
        """Return where each server stands."""
        return [self.state_of(server) for server in self.plan.servers]

    @property
    def settled(self) -> bool:
        """Whether Cinder has ended its failover, and every cell was read."""
        return self.plan.gate.open and not self.plan.problems

    @property
    def converged(self) -> bool:
        """Whether every server is known to be in sync with Cinder."""
        return self.settled and set(self.states()) <= {ServerState.CONVERGED}

    @property
    def at_rest(self) -> bool:
        """Whether no server waits for the engine only."""
        return self.settled and _GOING_ON.isdisjoint(self.states())

    def rows(self) -> list[rows.Row]:
        """Return a row per server, fit for ``rows.STATUS_COLUMNS``."""
        return rows.status_rows(self.plan, self.recoveries, self.remembered)

    def in_states(self, wanted: Collection[str]) -> 'BackendStatus':
        """Leave out the servers that are in no such state.

        :param wanted: values of ServerState, none for all
        """
        return dataclasses.replace(self, plan=dataclasses.replace(
            self.plan, servers=tuple(
                server for server in self.plan.servers
                if not wanted or self.state_of(server).value in wanted)))


def of(plan: snapshot.BackendPlan, recoveries: Mapping[str, model.Recovery],
       said: Mapping[str, Any]) -> BackendStatus:
    """Return where the servers of a plan stand.

    :param recoveries: the latest of each server, by its id
    :param said: see ``EngineAPI.status``; empty if no engine could be asked
    """
    # They are as long as the servers are many, and looked up for each.
    sets = {name: frozenset(said.get(name) or ())
            for name in ('in_flight', 'waiting')}
    return BackendStatus(plan, recoveries, {**said, **sets})


def summary(found: BackendStatus) -> str:
    """Return one line about the servers of a backend that are shown."""
    return rows.headline(found.plan, counted(found.states()))


def counted(states: Collection[ServerState]) -> str:
    """Return how many servers stand where, in words."""
    present = collections.Counter(states)
    counts = ', '.join('%d %s' % (present[state], state.value)
                       for state in ServerState if present[state])
    return wording.count(len(states), 'server') + (counts and ': ' + counts)


def exit_code(every: Iterable[BackendStatus], answered: bool,
              paused: bool) -> int:
    """Return the exit code for monitoring, that of the worst that is found.

    :param answered: whether an engine has answered
    :param paused: whether recoveries of any of the backends are paused
    """
    every = list(every)
    states = {state for found in every for state in found.states()}
    unsettled = not all(found.settled for found in every)
    findings = ((exitcodes.UNUSABLE, not answered),
                (exitcodes.FAILED, states & _FAILED),
                (exitcodes.PAUSED, paused),
                (exitcodes.NOT_CONVERGED, unsettled or states & _GOING_ON),
                (exitcodes.DEFERRED, states & _AT_REST))
    return next((code for code, holds in findings if holds), exitcodes.OK)

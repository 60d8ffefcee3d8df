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

"""What past recoveries were, as plain data."""

from collections.abc import Iterable, Sequence
import dataclasses
import datetime
from typing import Any

from nova_failover_ext.api import server_state
from nova_failover_ext.recovery import instance_action

ServerState = server_state.ServerState

_STATES = {instance_action.SUCCESS: ServerState.CONVERGED,
              instance_action.DEFERRED: ServerState.DEFERRED,
              instance_action.ERROR: ServerState.FAILED,
              None: ServerState.RECOVERING}


@dataclasses.dataclass(frozen=True, slots=True)
class Failover:
    """A failover, as its servers' actions tell of it.

    Which backend it was is not recorded by Nova.

    :ivar failover_id: request id of the actions
    :ivar started_at: when its first server was begun, UTC
    :ivar last_at: when its latest try ended, None if none has
    :ivar servers: how many were begun
    :ivar recovered: servers whose latest try succeeded
    :ivar deferred: servers whose latest try was put off
    :ivar failed: servers whose latest try failed
    :ivar open: servers whose first try has not ended, as far as is known
    """

    failover_id: str
    started_at: datetime.datetime
    last_at: datetime.datetime | None
    servers: int
    recovered: int
    deferred: int
    failed: int
    open: int


@dataclasses.dataclass(frozen=True, slots=True)
class Try:
    """One try to recover a server.

    :ivar host: the compute host that tried
    :ivar result: ``Success``, ``Deferred`` or ``Error``
    :ivar details: why, '' after a success; free of secrets
    """

    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    host: str
    result: str
    details: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class ServerHistory:
    """What one failover has meant for one server.

    :ivar server_id: the instance's uuid
    :ivar name: '' if Nova no longer knows the server
    :ivar host: where it is now, '' if nowhere
    :ivar cell: uuid of its cell
    :ivar began_at: when its first try began, UTC
    :ivar tries: in the order of time
    :ivar followed_by: request id of a later recovery of the same server, ''
        if there is none or this one has succeeded
    """

    server_id: str
    name: str = ''
    project_id: str = ''
    host: str = ''
    cell: str = ''
    began_at: datetime.datetime | None = None
    tries: tuple[Try, ...] = ()
    followed_by: str = ''

    @property
    def state(self) -> ServerState:
        """Where the failover has left it."""
        if self.followed_by:
            return ServerState.SUPERSEDED
        return state_after(self.tries)

    @property
    def recovered_at(self) -> datetime.datetime | None:
        """When its latest successful try ended, None if it has not."""
        if self.state is not ServerState.CONVERGED:
            return None
        return self.tries[-1].finished_at

    @property
    def reason(self) -> str:
        """What its latest try said, '' after a success."""
        return self.tries[-1].details if self.tries else ''

    def seconds_since(self, start: datetime.datetime | None) -> float | None:
        """Return how long it took from ``start`` to :attr:`recovered_at`.

        :param start: when the site was lost, or the failover began
        :returns: None if it is not recovered or the start not known
        """
        ended = self.recovered_at
        if ended is None or start is None:
            return None
        return max(0.0, (ended - start).total_seconds())


def state_after(tries: Sequence[Try]) -> ServerState:
    """Return where a server stands after some tries."""
    return _server_state(tries[-1].result if tries else None)


def failovers(rows: Iterable[Any]) -> list[Failover]:
    """Add up what the cells tell of each failover, the latest first.

    :param rows: see :func:`.queries.total_rows_between`
    """
    by_id: dict[str, list[Any]] = {}
    for row in rows:
        by_id.setdefault(row.request_id or '', []).append(row)
    found = [_failover(failover_id, parts)
             for failover_id, parts in by_id.items()]
    return sorted(found, key=lambda f: f.started_at, reverse=True)


def _failover(failover_id: str, rows: list[Any]) -> Failover:
    counts = dict.fromkeys(ServerState, 0)
    for row in rows:
        counts[_server_state(row.result)] += row.servers
    ended = [row.ended for row in rows if row.ended]
    return Failover(
        failover_id, min(row.started for row in rows).replace(
            tzinfo=datetime.UTC), utc(max(ended, default=None)),
        sum(counts.values()), counts[ServerState.CONVERGED],
        counts[ServerState.DEFERRED], counts[ServerState.FAILED],
        counts[ServerState.RECOVERING])


def _server_state(result: str | None) -> ServerState:
    return _STATES.get(result, ServerState.FAILED)


def utc(when: datetime.datetime | None) -> datetime.datetime | None:
    """Return what a column of Nova means, aware."""
    return when and when.replace(tzinfo=datetime.UTC)

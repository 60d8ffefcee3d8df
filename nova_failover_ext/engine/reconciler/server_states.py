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


"""How many servers stand where, kept as it changes rather than counted."""

import collections
from collections.abc import Callable, Collection
import threading

from nova_failover_ext.api import server_state

ServerState = server_state.ServerState

#: Nothing is to be done for a server that stands there.
_SETTLED = frozenset({ServerState.CONVERGED, ServerState.EXCLUDED})


class ServerStates:
    """Where each server of a backend stands; counting costs nothing."""

    def __init__(self) -> None:
        """Know of no server."""
        self._lock = threading.Lock()
        self._by_server: dict[str, ServerState] = {}
        self._counts: collections.Counter[ServerState] = collections.Counter()

    def get(self, server_id: str) -> ServerState | None:
        """Return where a server stands, None if it is not known."""
        return self._by_server.get(server_id)

    def set(self, server_id: str, state: ServerState) -> None:
        """Note where a server stands."""
        with self._lock:
            self._drop(server_id)
            self._by_server[server_id] = state
            self._counts[state] += 1

    def drop(self, server_id: str) -> None:
        """Forget a server that is gone."""
        with self._lock:
            self._drop(server_id)

    def supersede(self) -> None:
        """Note that what is open is superseded."""
        self._change(lambda state: (
            state if state in _SETTLED else ServerState.SUPERSEDED))

    def doubt(self) -> None:
        """Note that what has converged may have done so no longer."""
        self._change(lambda state: (
            ServerState.UNKNOWN if state is ServerState.CONVERGED else state))

    def counts(self, in_flight: int) -> dict[ServerState, int]:
        """Return how many stand where; none is left out.

        :param in_flight: how many of those that wait are being recovered
        """
        with self._lock:
            found = {one: self._counts[one] for one in ServerState}
        found[ServerState.RECOVERING] = min(in_flight,
                                            found[ServerState.WAITING])
        found[ServerState.WAITING] -= found[ServerState.RECOVERING]
        return found

    def keep_only(self, server_ids: Collection[str]) -> None:
        """Forget all other servers."""
        with self._lock:
            for server_id in set(self._by_server) - set(server_ids):
                self._drop(server_id)

    def open(self) -> int:
        """Return how many servers are neither converged nor excluded."""
        with self._lock:
            return len(self._by_server) - sum(
                self._counts[one] for one in _SETTLED)

    def _change(self, new: Callable[[ServerState], ServerState]) -> None:
        with self._lock:
            self._by_server = {server_id: new(state) for server_id, state
                               in self._by_server.items()}
            self._counts = collections.Counter(self._by_server.values())

    def _drop(self, server_id: str) -> None:
        old = self._by_server.pop(server_id, None)
        if old is not None:
            self._counts[old] -= 1

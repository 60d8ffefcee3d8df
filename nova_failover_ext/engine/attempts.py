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

"""When a server that has not converged may be tried again, and why it waits.

A server whose recovery converged is simply no longer in the plan; what is
kept here is only pacing. It may be lost at any time without harm.
"""

from collections.abc import Collection, Iterable
import dataclasses
import threading

from nova_failover_ext.engine import backoff
from nova_failover_ext.engine import plan
from nova_failover_ext import results


@dataclasses.dataclass(frozen=True)
class Attempt:
    """The tries of one server for one active_backend_id.

    :ivar target: the active_backend_id it is to be brought to
    :ivar count: tries so far
    :ivar not_before: earliest time of the next, seconds of the engine's
        clock
    :ivar outcome: of the latest try
    :ivar reason: of the latest try
    """

    target: str
    count: int
    not_before: float
    outcome: results.Outcome
    reason: str


class Attempts:
    """The tries of the servers of one backend."""

    def __init__(self, waits: backoff.Backoff, limit: int) -> None:
        """Start with no tries.

        :param waits: how long to wait between tries
        :param limit: tries after which only a reconcile tries again
        """
        self._limit = limit
        self._waits = waits
        self._lock = threading.Lock()
        self._by_server: dict[str, Attempt] = {}

    def record(self, server_id: str, target: str, outcome: results.Outcome,
               reason: str, now: float) -> Attempt:
        """Note how a try ended, or why none was made.

        :param now: the engine's clock in seconds
        """
        with self._lock:
            last = self._by_server.get(server_id)
            count = last.count + 1 if last and last.target == target else 1
            attempt = Attempt(target, count, now + self._waits.seconds(count),
                              outcome, reason)
            self._by_server[server_id] = attempt
            return attempt

    def ready(self, server_id: str, target: str, now: float,
              reconcile: bool) -> bool:
        """Tell whether a server may be tried now.

        :param reconcile: whether servers that ran out of tries may be
        """
        last = self._by_server.get(server_id)
        if last is None or last.target != target:
            return True
        return last.not_before <= now and (
            reconcile or last.count < self._limit)

    def keep_only(self, servers: Iterable[plan.ServerPlan]) -> None:
        """Forget the tries of servers that have nothing to recover."""
        open_ids = {s.server.id for s in servers
                    if s.verdict is not plan.Verdict.SKIP}
        with self._lock:
            self._by_server = {
                server_id: attempt
                for server_id, attempt in self._by_server.items()
                if server_id in open_ids}

    def forget(self) -> None:
        """Forget all tries, so that every server is ready."""
        with self._lock:
            self._by_server = {}

    def next_time(self, without: Collection[str] = ()) -> float | None:
        """Return when the next server becomes ready by itself, if any.

        :param without: ids of servers that are waiting or in flight
        """
        return min((attempt.not_before
                    for server_id, attempt in self.all().items()
                    if attempt.count < self._limit
                    and server_id not in without), default=None)

    def all(self) -> dict[str, Attempt]:
        """Return the tries by server id."""
        with self._lock:
            return dict(self._by_server)

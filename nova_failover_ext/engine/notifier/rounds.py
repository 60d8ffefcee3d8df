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


"""What is known of a backend's recovery, for its notifications."""

import collections
import dataclasses
import datetime

from nova_failover_ext.engine.notifier import recovery_payloads

_RETRIES_EXHAUSTED = ('servers out of retries, which are tried again now and '
                      'then: %d')


@dataclasses.dataclass(slots=True)
class Round:
    """The recovery of one backend's servers for one failover.

    :ivar target: the active_backend_id, None for the primary
    :ivar started_at: None if another engine has begun it
    :ivar began: the same by the engine's clock
    :ivar due: when the servers that have exhausted their retries are to be
        told of, if there are any
    """

    backend: str
    failover_id: str
    target: str | None = None
    servers: int = 0
    started_at: datetime.datetime | None = None
    began: float | None = None
    counts: collections.Counter[str] = dataclasses.field(
        default_factory=collections.Counter)
    failures: dict[str, str] = dataclasses.field(default_factory=dict)
    due: float | None = None

    def count(self, outcome: str) -> None:
        """Count a try that has ended."""
        self.counts[outcome] += 1

    def give_up(self, server_id: str, reason: str, due: float) -> None:
        """Note a server that was out of retries.

        :param due: when to tell, if nobody has been noted before
        """
        self.failures[server_id] = reason
        if self.due is None:
            self.due = due

    def retries_exhausted(
            self, now: float,
            most: int) -> recovery_payloads.FailoverRecoveryPayload:
        """Return the payload of what is out of retries, and forget it."""
        payload = self.payload(
            now, most, reason=_RETRIES_EXHAUSTED % len(self.failures))
        self.failures = {}
        self.due = None
        return payload

    def payload(self, now: float, most: int, reason: str | None = None,
                seconds: float | None = None
                ) -> recovery_payloads.FailoverRecoveryPayload:
        """Return how it stands.

        :param now: by the engine's clock
        :param most: number of servers to name
        :param reason: for an error
        :param seconds: what it took, None for the time until now
        """
        if seconds is None and self.began is not None:
            seconds = now - self.began
        named = sorted(self.failures.items())[:most]
        return recovery_payloads.FailoverRecoveryPayload(
            [recovery_payloads.FailedServerPayload(*one) for one in named],
            failover_id=self.failover_id, backend=self.backend,
            target=self.target, started_at=self.started_at, seconds=seconds,
            servers=self.servers, counts=dict(self.counts),
            truncated=len(self.failures) > most, reason=reason)

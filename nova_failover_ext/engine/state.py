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

"""What the engine remembers of a backend: pacing and reasons, never truth.

It may be lost with the process; the next look computes everything anew.
"""

import dataclasses
import datetime
from typing import Any

from oslo_context import context as oslo_context
from oslo_utils import timeutils
from oslo_utils import uuidutils

from nova_failover_ext.engine import attempts
from nova_failover_ext import results

_ANSWERS = frozenset((results.Outcome.RECOVERED, results.Outcome.UNCHANGED,
                      results.Outcome.SKIPPED))


#: How many requests of operators are remembered.
REQUESTS = 20


def valid_failover_id(text: str | None) -> bool:
    """Tell whether a failover id is a request id, ``req-<uuid>``."""
    return (text is not None and text.startswith('req-')
            and uuidutils.is_uuid_like(text[4:]))


@dataclasses.dataclass
class BackendState:
    """What is remembered of one backend.

    :ivar tries: see :class:`.attempts.Attempts`
    :ivar target: the active_backend_id that ``failover_id`` is about
    :ivar failover_id: request id of the failover, None while unknown
    :ivar asked_ids: the request ids of operators who asked since the last
        look
    :ivar begun: those whose round has begun, the latest last
    :ivar unasked: ids of the servers that this round has still to ask
        about, whatever their stamps say
    :ivar closed_since: when the gate was first found closed for the reason
        that it has now, in seconds
    :ivar closed_for: the target, and whether only volume rows were missing,
        that ``closed_since`` is about
    :ivar errors: looks in a row that could not read the truth
    :ivar reason: why nothing is done at present, '' if it is
    """

    tries: attempts.Attempts
    target: str | None = None
    failover_id: str | None = None
    asked_ids: list[str] = dataclasses.field(default_factory=list)
    begun: list[str] = dataclasses.field(default_factory=list)
    unasked: set[str] = dataclasses.field(default_factory=set)
    closed_since: float | None = None
    closed_for: tuple[str, bool] | None = None
    errors: int = 0
    reason: str = ''
    looked_at: datetime.datetime | None = None

    def adopt(self, target: str,
              announced_id: str | None) -> list[str]:
        """Note the present target, and whose failover it is.

        The first id that comes with the right target is kept, until an
        operator asks.

        :param target: the backend's present active_backend_id
        :param announced_id: id of a failover to that target, if one is known
        :returns: the requests of operators that :meth:`begin` has to follow
        """
        if target != self.target:
            self.target = target
            self.failover_id = None
            # Of the stamps, none is right any more.
            self.unasked = set()
        if self.failover_id is None and valid_failover_id(announced_id):
            self.failover_id = announced_id
        asked, self.asked_ids = self.asked_ids, []
        self.failover_id = asked[-1] if asked else self.failover_id
        self.looked_at = timeutils.utcnow()
        return asked

    def adopt_group(self, announced_id: str | None,
                    server_ids: set[str]) -> None:
        """Note that a replication group has failed over.

        Cinder does not record where to, so stamps may say too little.

        :param announced_id: id of that failover
        :param server_ids: of the servers with volumes of the group
        """
        if valid_failover_id(announced_id):
            self.failover_id = announced_id
        self.unasked = self.unasked | server_ids

    def begin(self, asked_ids: list[str], server_ids: set[str]) -> None:
        """Begin a round in which stamps do not count.

        :param asked_ids: the requests of operators that it answers
        :param server_ids: of all servers with a volume of the backend
        """
        self.unasked = server_ids
        self.begun = [*self.begun, *asked_ids][-REQUESTS:]

    def answered(self, server_id: str, failover_id: str,
                 outcome: results.Outcome) -> None:
        """Note that a server was asked about, if it was in this round."""
        if failover_id == self.failover_id and outcome in _ANSWERS:
            self.unasked.discard(server_id)

    def closed_for_seconds(self, cause: tuple[str, bool],
                           now: float) -> float:
        """Note that the gate is closed, and return for how long it is.

        :param cause: see ``closed_for``; another one is waited for anew
        :param now: the engine's clock in seconds
        """
        if self.closed_since is None or cause != self.closed_for:
            self.closed_since, self.closed_for = now, cause
        return now - self.closed_since

    def id_for_work(self) -> str:
        """Return the failover id, a new one if none is known."""
        if self.failover_id is None:
            self.failover_id = oslo_context.generate_request_id()
        return self.failover_id

    def report(self) -> dict[str, Any]:
        """Return it as plain data for the bus."""
        return {
            'reason': self.reason,
            'failover_id': self.failover_id,
            'begun': self.begun,
            'unasked': sorted(self.unasked),
            'looked_at': self.looked_at and self.looked_at.isoformat(),
            'servers': {
                server_id: {'tries': attempt.count,
                            'outcome': attempt.outcome.value,
                            'reason': attempt.reason}
                for server_id, attempt in self.tries.all().items()}}

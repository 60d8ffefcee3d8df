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


"""What the engine remembers of a backend: pacing and reasons only.

It may be lost with the process; the next scan computes everything anew.
"""

from collections.abc import Collection, Hashable, Mapping
import dataclasses
import datetime
import threading
from typing import Any

from oslo_context import context as oslo_context
from oslo_utils import timeutils
from oslo_utils import uuidutils

from nova_failover_ext.api import requests
from nova_failover_ext.engine.dispatcher import attempts
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.reconciler import server_states as states

#: How many requests of operators are remembered.
REQUESTS = 20

#: A compute host: uuid of its cell, and its name.
Host = tuple[str, str]


def valid_failover_id(text: str | None) -> bool:
    """Return whether a failover id is a request id, ``req-<uuid>``."""
    return (text is not None and text.startswith('req-')
            and uuidutils.is_uuid_like(text[4:]))


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """How long Cinder has been waited for.

    :ivar started: when that began, in seconds of the engine's clock
    :ivar cause: the target; another one is waited for anew
    :ivar since: when that began
    :ivar until: when it is no longer scanned often
    """

    started: float
    cause: str
    since: datetime.datetime
    until: datetime.datetime


@dataclasses.dataclass
class BackendState:
    """What is remembered of one backend.

    :ivar tries: see :class:`.dispatcher.attempts.Attempts`
    :ivar server_states: see :class:`.server_states.ServerStates`
    :ivar target: the active_backend_id that ``failover_id`` is about
    :ivar returned: whether the backend may have been at a replica before
    :ivar failover_id: request id of the failover, None while unknown
    :ivar sought: whether the databases were asked for ``failover_id``
    :ivar asked: what operators have asked for since the last scan
    :ivar begun: ids of the requests whose round has begun, the latest last
    :ivar unasked: ids of the servers that this round has still to ask
        about, whatever their stamps say
    :ivar wanted: ids of the servers that operators have asked for
    :ivar policies: what operators want done with servers, by id
    :ivar behind: ids of the servers that wait for more urgent ones to end,
        as operators want it
    :ivar expected: priorities of the servers that wait for Cinder to write
        their records, by id
    :ivar ids: request ids by server, where it is not ``failover_id``
    :ivar retrying: ids of servers whose hosts could not do it yet
    :ivar wait: how long the gate is closed, None if it is open
    :ivar late: since when the record of a volume is waited for, on the
        engine's clock in seconds, by the volume's id
    :ivar ask_late: ids of those that have been waited for long enough
    :ivar signature: what Cinder's service said when works were planned
    :ivar records: what the last full scan has read, without mappings
    :ivar known: the volumes that the last full scan has found, by id; where
        they are may have changed since
    :ivar cells: the cell of each server that has not converged
    :ivar held: ids of the servers that wait for their host, by host
    :ivar moving: ids of the backend's servers, while Cinder fails it over
    :ivar claims: results since the last full scan that it has to confirm
    :ivar began_at: when the recovery began, None if none goes on
    :ivar full_scan_after: earliest time of the next full scan
    :ivar server_scan_after: earliest time of the next scan at some servers
    :ivar service_scan_after: earliest time of the next scan at the services
    :ivar full_scan_at: when the latest full scan ended
    :ivar errors: scans in a row that could not read the records
    :ivar unread: full scans in a row that could not read a cell
    :ivar reason: why nothing is done at present, '' if it is
    :ivar told: what was logged last, by subject
    """

    tries: attempts.Attempts
    server_states: states.ServerStates = dataclasses.field(
        default_factory=states.ServerStates)
    lock: Any = dataclasses.field(default_factory=threading.RLock)
    target: str | None = None
    returned: bool = False
    failover_id: str | None = None
    sought: bool = False
    asked: list[requests.Request] = dataclasses.field(default_factory=list)
    begun: list[str] = dataclasses.field(default_factory=list)
    unasked: set[str] = dataclasses.field(default_factory=set)
    wanted: set[str] = dataclasses.field(default_factory=set)
    policies: dict[str, str] = dataclasses.field(default_factory=dict)
    behind: set[str] = dataclasses.field(default_factory=set)
    expected: dict[str, int] = dataclasses.field(default_factory=dict)
    ids: dict[str, str] = dataclasses.field(default_factory=dict)
    retrying: set[str] = dataclasses.field(default_factory=set)
    wait: Wait | None = None
    late: dict[str, float] = dataclasses.field(default_factory=dict)
    ask_late: frozenset[str] = frozenset()
    signature: tuple[str, str | None] | None = None
    records: snapshot.Records | None = None
    known: Mapping[str, model.Volume] = dataclasses.field(
        default_factory=dict)
    cells: dict[str, str] = dataclasses.field(default_factory=dict)
    held: dict[Host, set[str]] = dataclasses.field(default_factory=dict)
    moving: frozenset[str] = frozenset()
    claims: int = 0
    began_at: float | None = None
    full_scan_after: float = 0.0
    server_scan_after: float = 0.0
    service_scan_after: float = 0.0
    full_scan_at: float = 0.0
    errors: int = 0
    unread: int = 0
    reason: str = ''
    last_checked: datetime.datetime | None = None
    told: dict[str, Hashable] = dataclasses.field(default_factory=dict)

    def adopt(self, target: str, announced_id: str | None) -> None:
        """Note the present target, and whose failover it is.

        The first id that comes with the right target is kept, until an
        operator asks.

        :param target: the backend's present active_backend_id
        :param announced_id: id of a failover to that target, if one is known
        """
        if target != self.target:
            self.returned = self.returned or self.target is not None
            self.target = target
            self.failover_id = None
            # Of the stamps, none is right any more.
            self.unasked, self.wanted = set(), set()
            self.policies, self.ids, self.behind = {}, {}, set()
        if self.failover_id is None and valid_failover_id(announced_id):
            self.failover_id = announced_id
            self.returned = True
        self.last_checked = timeutils.utcnow()

    def begin_anew(self, signature: tuple[str, str | None], target: str,
                   announced_id: str | None) -> None:
        """Note that servers are dispatched before all is read.

        Until a full scan has ended, nobody counts as converged.

        :param signature: see :attr:`signature`
        :param target: the backend's present active_backend_id
        :param announced_id: see :meth:`adopt`
        """
        self.signature, self.records = signature, None
        self.wait, self.reason, self.sought = None, '', True
        if target != self.target:
            self.forget_late()
        self.adopt(target, announced_id)
        self.server_states.doubt()

    def adopt_group(self, announced_id: str | None,
                    server_ids: frozenset[str]) -> None:
        """Note that a replication group has failed over.

        Cinder does not record where to, so stamps may say too little.

        :param announced_id: id of that failover
        :param server_ids: of the servers with volumes of the group
        """
        if valid_failover_id(announced_id):
            self.failover_id = announced_id
        self.unasked = self.unasked | server_ids

    def begin(self, request: requests.Request, server_ids: set[str]) -> None:
        """Begin the round that an operator asks for.

        :param request: its failover id is set
        :param server_ids: of the servers that it is about
        """
        made = request.failover_id or ''
        self.begun = [*self.begun, made][-REQUESTS:]
        self.wanted |= server_ids
        self.tries.forget(server_ids)
        if request.whole:
            self.failover_id = made
            self.ids = {}
        else:
            self.ids.update(dict.fromkeys(server_ids, made))
        self.behind -= server_ids
        if request.barrier:
            self.behind |= server_ids
        for server_id in server_ids:
            self.policies.pop(server_id, None)
            if request.policy:
                self.policies[server_id] = request.policy
        if request.ignore_stamps:
            self.unasked = self.unasked | server_ids

    def settle(self, server_id: str) -> None:
        """Note that nothing is left to do for a server."""
        self.unasked.discard(server_id)
        self.wanted.discard(server_id)
        self.retrying.discard(server_id)

    def closed(self, cause: str, now: float, timeout: float) -> float:
        """Note that the gate is closed, and return for how long it is.

        :param cause: see :class:`Wait`
        :param now: the engine's clock in seconds
        :param timeout: seconds to scan often
        """
        self.wait = _waited(self.wait, cause, now, timeout)
        return now - self.wait.started

    def note_late(self, volume_ids: Collection[str], now: float,
                  timeout: float) -> None:
        """Note which records of volumes are not written yet.

        Each is waited for by itself: one that is never written must not cut
        short the wait for those of a later failover.

        :param volume_ids: ids of all such volumes
        :param now: the engine's clock in seconds
        :param timeout: seconds to wait for a record
        """
        self.late = {one: self.late.get(one, now) for one in volume_ids}
        self.ask_late = frozenset(one for one, since in self.late.items()
                                  if now - since >= timeout)

    def forget_late(self) -> None:
        """Wait anew for each record: another failover has begun."""
        self.late, self.ask_late = {}, frozenset()

    def id_for_work(self, server_id: str = '') -> str:
        """Return the failover id, a new one if none is known."""
        if self.failover_id is None:
            self.failover_id = oslo_context.generate_request_id()
        return self.ids.get(server_id, self.failover_id)

    def is_news(self, subject: str, fact: Hashable) -> bool:
        """Note that something is logged; return whether it has changed.

        Scans of a cloud in which nothing happens find the same each time.
        """
        old = self.told.get(subject)
        self.told[subject] = fact
        return fact != old

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do.

        That a replication group has failed over is in no record but those of
        its volumes, so a backend with groups never is.
        """
        return bool(
            self.records and not self.server_states.open()
            and not (self.wait or self.errors or self.unread or self.asked
                     or self.claims or self.retrying
                     or self.late.keys() - self.ask_late)
            and not any(one.group_id for one in self.records.volumes.values()))

    def report(self) -> dict[str, Any]:
        """Return it as plain data for the bus."""
        return {
            'reason': self.reason,
            'failover_id': self.failover_id,
            'begun': self.begun,
            'unasked': sorted(self.unasked),
            'last_checked': (self.last_checked
                             and self.last_checked.isoformat()),
            'servers': {
                server_id: {'tries': attempt.count,
                            'state': getattr(
                                self.server_states.get(server_id), 'value',
                                None),
                            'outcome': attempt.outcome.value,
                            'reason': attempt.reason}
                for server_id, attempt in self.tries.all().items()}}

    def gate(self) -> dict[str, Any]:
        """Return how the gate stands as plain data for the bus."""
        wait = self.wait
        return {'open': wait is None and self.last_checked is not None,
                'reason': self.reason,
                'since': wait and wait.since.isoformat(),
                'until': wait and wait.until.isoformat()}


def _waited(wait: Wait | None, cause: str, now: float,
            timeout: float) -> Wait:
    if wait is not None and wait.cause == cause:
        return wait
    since = timeutils.utcnow()
    return Wait(now, cause, since,
                since + datetime.timedelta(seconds=timeout))

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


"""What a report tells, as plain data; collected from what others have read."""

from collections.abc import Iterable, Mapping
import dataclasses
import datetime
from typing import Any

from oslo_utils import timeutils

from nova_failover_ext.api import cell_problem
from nova_failover_ext.api import server_state
from nova_failover_ext.history import outcomes

ServerState = server_state.ServerState

#: Nothing is left to do for a server that stands there.
DONE = frozenset({ServerState.CONVERGED, ServerState.SUPERSEDED})


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One server of the report.

    :ivar state: where it stands when the report is made
    :ivar reason: why it is not recovered, '' if it is
    :ivar until: what it waits for, '' if for nothing that is known
    :ivar notes: what else the plan says of it
    :ivar tries: of this failover, in the order of time
    :ivar recovered_at: when this failover has recovered it, None if it has
        not
    :ivar followed_by: request id of the recovery that came after, or ''
    """

    server_id: str
    name: str = ''
    project_id: str = ''
    host: str = ''
    state: ServerState = ServerState.UNKNOWN
    reason: str = ''
    until: str = ''
    notes: tuple[str, ...] = ()
    tries: tuple[outcomes.Try, ...] = ()
    began_at: datetime.datetime | None = None
    recovered_at: datetime.datetime | None = None
    followed_by: str = ''

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name or self.server_id


@dataclasses.dataclass(frozen=True, slots=True)
class ReportData:
    """A failover, as it is to be told.

    :ivar failover_id: request id
    :ivar made_at: when the report was made, UTC
    :ivar entries: every server that it has begun or that is still open
    :ivar backend: its name, '' if it is not known
    :ivar target: its active_backend_id, '' for the primary, None if it is
        not known
    :ivar lost_at: when the site was lost, None if nobody has told
    :ivar unconcerned: servers of the backend for which nothing had to be
        done
    :ivar waiting_for: why recovery may not act at present, or ''
    :ivar problems: cells whose servers are missing
    """

    failover_id: str
    made_at: datetime.datetime
    entries: tuple[Entry, ...] = ()
    backend: str = ''
    target: str | None = None
    lost_at: datetime.datetime | None = None
    unconcerned: int = 0
    waiting_for: str = ''
    problems: tuple[cell_problem.CellProblem, ...] = ()

    @property
    def began_at(self) -> datetime.datetime | None:
        """When the first server was begun."""
        return min((e.began_at for e in self.entries if e.began_at),
                   default=None)

    @property
    def counted_from(self) -> datetime.datetime | None:
        """When the clock of every server's recovery time starts."""
        return self.lost_at or self.began_at

    def seconds(self, entry: Entry) -> float | None:
        """Return a server's recovery time, None if it has none."""
        start = self.counted_from
        if start is None or entry.recovered_at is None:
            return None
        return max(0.0, (entry.recovered_at - start).total_seconds())


def collect(failover_id: str, histories: Iterable[outcomes.ServerHistory],
            found: Any = None,
            problems: Iterable[cell_problem.CellProblem] = (),
            lost_at: datetime.datetime | None = None,
            retries_exhausted: Mapping[str, str] | None = None) -> ReportData:
    """Put together what a report tells.

    :param failover_id: request id
    :param histories: see :meth:`.history.action_reader.HistoryReader.servers`
    :param found: a :class:`.engine.inventory.snapshot.BackendPlan` of the
        backend as it is now, None for a report from the records alone
    :param problems: cells that could not be read; those of ``found`` are
        added
    :param lost_at: when the site was lost; recovery times are counted from
        there, otherwise from the begin of the first server
    :param retries_exhausted: reason by id of each server that the engine has
        given up
    """
    plans = {s.server.id: s for s in found.servers} if found else {}
    histories = list(histories)
    entries = [_entry(history, plans.get(history.server_id))
               for history in histories]
    known = {history.server_id for history in histories}
    unbegun = [s for s in plans.values() if s.server.id not in known]
    entries += [_open_entry(s) for s in unbegun if _is_open(s)]
    if retries_exhausted:
        entries = [_retries_exhausted(entry,
                                      retries_exhausted) for entry in entries]
    missing = {*problems, *(found.problems if found else ())}
    return ReportData(
        failover_id, timeutils.utcnow(with_timezone=True), tuple(entries),
        lost_at=lost_at,
        backend=found.backend.name if found else '',
        target=found.backend.active_backend_id if found else None,
        unconcerned=sum(not _is_open(s) for s in unbegun),
        waiting_for=found.gate.reason if found else '',
        problems=tuple(sorted(missing, key=lambda p: p.cell)))


def _entry(history: outcomes.ServerHistory, planned: Any) -> Entry:
    entry = Entry(
        history.server_id, history.name, history.project_id, history.host,
        history.state, history.reason, tries=history.tries,
        began_at=history.began_at, recovered_at=history.recovered_at,
        followed_by=history.followed_by)
    if planned is None or entry.state in DONE:
        return entry
    if not _is_open(planned):
        # Its owner may have rebooted it, for instance.
        return dataclasses.replace(entry, state=ServerState.CONVERGED,
                                   reason='', notes=(planned.reason,))
    if planned.verdict.value == 'recover' and not planned.blocked:
        return entry
    now = _open_entry(planned)
    return dataclasses.replace(entry, state=now.state,
                               reason=now.reason, until=now.until,
                               notes=now.notes)


def _open_entry(planned: Any) -> Entry:
    server = planned.server
    state = ServerState.WAITING
    if planned.blocked:
        state = ServerState.BLOCKED
    elif planned.verdict.value == 'defer':
        state = ServerState.DEFERRED
    elif planned.verdict.value == 'exclude':
        state = ServerState.EXCLUDED
    return Entry(server.id, server.name, server.project_id,
                 server.host or '', state, planned.reason, planned.until,
                 tuple(planned.notes))


def _is_open(planned: Any) -> bool:
    return bool(planned.blocked) or planned.verdict.value != 'skip'


def _retries_exhausted(entry: Entry, reasons: Mapping[str, str]) -> Entry:
    if (entry.state in DONE or entry.state is ServerState.EXCLUDED
            or entry.server_id not in reasons):
        return entry
    return dataclasses.replace(
        entry, state=ServerState.RETRIES_EXHAUSTED,
        reason=reasons[entry.server_id] or entry.reason)

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


"""What becomes of one server: sent to its host, or left for later, and why."""

from collections.abc import Container
import dataclasses

from nova_failover_ext.api import server_state
from nova_failover_ext.engine.dispatcher import attempts
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine.planner import rules
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import settings as reconciler_settings
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness

Outcome = results.Outcome
ServerState = server_state.ServerState

#: Seconds after which a server whose host is down or silent is scanned
#: again, even if nobody has told that its host is back.
HELD = 60.0

_SETTLED = frozenset((Outcome.RECOVERED, Outcome.UNCHANGED,
                      Outcome.DETACHED))


@dataclasses.dataclass(frozen=True)
class Situation:
    """What a scan knows beside a server's plan.

    :ivar backend: its name
    :ivar target: its active_backend_id
    :ivar began: when the scan began to read, in seconds
    :ivar now: the engine's clock in seconds
    :ivar busy: ids of the servers that are in flight, or wait already
    :ivar others: whether other backends are failing over
    """

    backend: str
    target: str
    began: float
    now: float
    busy: Container[str]
    others: bool = False


class Triage:
    """Decides on servers one by one; the caller holds the state's lock."""

    def __init__(self, settings: reconciler_settings.Settings,
                 hosts: host_health.HostHealth,
                 observer: observers.Observer) -> None:
        """Remember what to decide by.

        :param settings: may be replaced at any time
        :param hosts: which hosts can be asked
        :param observer: told of servers that are out of retries
        """
        self.settings = settings
        self._hosts = hosts
        self._observer = observer

    def consider(self, state: backend_state.BackendState,
                 server: server_plans.ServerPlan,
                 at: Situation) -> work_items.Work | None:
        """Note where a server stands.

        :returns: the work to be dispatched, None for none
        """
        server_id = server.server.id
        state.cells[server_id] = server.server.cell
        if server_id in at.busy and not _ended_since(state, server_id,
                                                     at):
            # What we do to a server ourselves is no reason to defer it.
            state.server_states.set(server_id, ServerState.WAITING)
            return None
        state.tries.mark(server_id, at.target, _marks(server))
        if server.verdict is server_plans.Verdict.SKIP:
            self._converge(state, server_id)
        elif server.verdict is server_plans.Verdict.EXCLUDE:
            # It is ready as soon as it is included again.
            state.tries.forget([server_id])
            state.settle(server_id)
            state.server_states.set(server_id, ServerState.EXCLUDED)
        elif server.blocked:
            state.retrying.discard(server_id)
            state.server_states.set(server_id, ServerState.BLOCKED)
        elif not self._admitted(state, server_id):
            state.retrying.discard(server_id)
            state.server_states.set(server_id, ServerState.UNKNOWN)
        elif not self._ready(state, server_id, at):
            state.tries.schedule(server_id)
            _note_state(state, server_id, at)
        elif server.verdict is server_plans.Verdict.DEFER:
            state.retrying.discard(server_id)
            self._defer(state, server, at)
        else:
            return self._send(state, server, at)
        return None

    def ended(self, state: backend_state.BackendState,
              part: work_items.Part,
              work: work_items.Work, result: results.ServerResult,
              now: float) -> None:
        """Note how a server's recovery ended."""
        server_id = work.server_id
        if part.target != state.target:
            # It has to be brought to the newer target now that it can be.
            state.server_states.set(server_id, ServerState.UNKNOWN)
            state.tries.wake([server_id], now)
            return
        settled = result.outcome in _SETTLED
        moved = result.outcome is Outcome.SKIPPED
        silent = (result.outcome is Outcome.FAILED
                  and not self._hosts.may_send(work.cell, work.host))
        self._note(state, part.backend, server_id, attempts.Try(
            part.target, result.outcome, result.reason,
            free=moved or silent, wait=0.0 if moved else None,
            host=work.host, silent=silent), now, again=not settled)
        if settled:
            # Claims are confirmed by a full scan.
            state.claims += 1
            state.retrying.discard(server_id)
            if part.failover_id == state.id_for_work(server_id):
                state.settle(server_id)
        else:
            state.retrying.add(server_id)

    def _admitted(self, state: backend_state.BackendState,
                  server_id: str) -> bool:
        return self.settings.automatic or server_id in state.wanted

    def _ready(self, state: backend_state.BackendState,
               server_id: str,
               at: Situation) -> bool:
        last = state.tries.get(server_id, at.target)
        # What ended while this was being read, is not in it.
        return last is None or (last.not_before <= at.now
                                and last.at <= at.began)

    def _converge(self, state: backend_state.BackendState,
                  server_id: str) -> None:
        state.server_states.set(server_id, ServerState.CONVERGED)
        state.tries.forget([server_id])
        state.settle(server_id)
        state.cells.pop(server_id, None)

    def _defer(self, state: backend_state.BackendState,
               server: server_plans.ServerPlan,
               at: Situation) -> None:
        down = bool(server.server.host) and not server.server.compute_up
        late = server.until == rules.WRITTEN
        self._note(state, at.backend, server.server.id, attempts.Try(
            at.target, Outcome.DEFERRED, server.reason,
            free=down or at.others or late,
            wait=HELD if down else 0.0 if late else None,
            # Only a full scan can see that the record is written.
            patient=True), at.now, again=not late)
        if down:
            self._hosts.note_up(*_hold(state, server), False)

    def _send(self, state: backend_state.BackendState,
              server: server_plans.ServerPlan,
              at: Situation) -> work_items.Work | None:
        server_id = server.server.id
        last = state.tries.get(server_id, at.target)
        self._hosts.note_up(server.server.cell, server.server.host or '',
                            True)
        if not self._hosts.may_send(server.server.cell,
                                    server.server.host or ''):
            _hold(state, server)
            self._wait(state, server, at,
                       'nova-compute on %s gives no sign '
                       'of life' % server.server.host, HELD)
        elif last and self._at_work(server, last, at.now):
            self._wait(state, server, at, 'its host is still at work')
        elif last and _stayed(server, last):
            # It says so of a server that it has: that is an answer.
            state.unasked.discard(server_id)
            self._note(state, at.backend, server_id, attempts.Try(
                at.target, Outcome.DEFERRED, last.reason,
                host=last.host), at.now)
        else:
            state.server_states.set(server_id, ServerState.WAITING)
            return _work(state, server, at, self.settings.barrier
                         or server_id in state.behind)
        return None

    def _at_work(self, server: server_plans.ServerPlan, last: attempts.Attempt,
                 now: float) -> bool:
        return (server.server.task_state == staleness.TASK_STATE
                and last.silent_since is not None
                and now - last.silent_since < self.settings.patience)

    def _wait(self, state: backend_state.BackendState,
              server: server_plans.ServerPlan,
              at: Situation, reason: str, wait: float | None = None) -> None:
        self._note(state, at.backend, server.server.id, attempts.Try(
            at.target, Outcome.DEFERRED, reason, free=True, wait=wait),
            at.now)

    def _note(self, state: backend_state.BackendState, backend: str,
              server_id: str,
              tried: attempts.Try, now: float, again: bool = True) -> None:
        attempt = state.tries.record(server_id, tried, now, again)
        state.server_states.set(server_id, _server_state(attempt))
        if attempt.retries_exhausted:
            state.retrying.discard(server_id)
        if attempt.news and again:
            self._observer.retries_exhausted(backend,
                                             state.id_for_work(
                                                 server_id),
                                             server_id, attempt.reason)


def _ended_since(state: backend_state.BackendState, server_id: str,
                 at: Situation) -> bool:
    last = state.tries.get(server_id, at.target)
    return last is not None and last.at > at.began


def _note_state(state: backend_state.BackendState,
                server_id: str, at: Situation) -> None:
    last = state.tries.get(server_id, at.target)
    current = _server_state(last) if last else ServerState.UNKNOWN
    if current is ServerState.CONVERGED and last and last.at <= at.began:
        # So it was said, but the records do not.
        current = ServerState.UNKNOWN
        state.retrying.add(server_id)
    state.server_states.set(server_id, current)


def _server_state(attempt: attempts.Attempt) -> ServerState:
    if attempt.outcome in _SETTLED:
        return ServerState.CONVERGED
    if attempt.retries_exhausted:
        return ServerState.RETRIES_EXHAUSTED
    return (ServerState.FAILED if attempt.outcome is Outcome.FAILED
            else ServerState.DEFERRED)


def _stayed(server: server_plans.ServerPlan, last: attempts.Attempt) -> bool:
    return (last.outcome is Outcome.SKIPPED
            and last.host == server.server.host)


def _hold(state: backend_state.BackendState,
          server: server_plans.ServerPlan) -> backend_state.Host:
    key = (server.server.cell, server.server.host or '')
    state.held.setdefault(key, set()).add(server.server.id)
    return key


def _marks(server: server_plans.ServerPlan) -> tuple[str, ...]:
    task = server.server.task_state
    return (server.server.host or '', server.server.vm_state or '',
            '' if task == staleness.TASK_STATE else task or '')


def _work(state: backend_state.BackendState,
          server: server_plans.ServerPlan,
          at: Situation, barrier: bool) -> work_items.Work:
    stale = server.volumes_to(server_plans.Verdict.RECOVER)
    server_id = server.server.id
    return work_items.Work(
        server_id=server_id, host=server.server.host or '',
        cell=server.server.cell, priority=server.priority,
        parts=(work_items.Part(
            at.backend, state.id_for_work(server_id), at.target,
            tuple((v.volume_id, v.stamp) for v in stale)),),
        policy=state.policies.get(server_id), barrier=barrier,
        project_id=server.server.project_id,
        begun=server.server.task_state == staleness.TASK_STATE)

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
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import settings as own_settings
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness

Outcome = results.Outcome
Standing = server_state.Standing

#: Seconds after which a server whose host is down or silent is looked at
#: again, even if nobody has told that its host is back.
HELD = 60.0

_SETTLED = frozenset((Outcome.RECOVERED, Outcome.UNCHANGED,
                      Outcome.DETACHED))


@dataclasses.dataclass(frozen=True)
class Situation:
    """What a look knows beside a server's plan.

    :ivar backend: its name
    :ivar target: its active_backend_id
    :ivar began: when the look began to read, in seconds
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

    def __init__(self, settings: own_settings.Settings,
                 board: host_health.Board,
                 observer: observers.Observer) -> None:
        """Remember what to decide by.

        :param board: which hosts can be asked
        :param observer: told of servers that are given up
        """
        self._settings = settings
        self._board = board
        self._observer = observer

    def consider(self, own: backend_state.BackendState,
                 server: server_plans.ServerPlan,
                 at: Situation) -> work_items.Work | None:
        """Note where a server stands.

        :returns: the work to be dispatched, None for none
        """
        server_id = server.server.id
        own.cells[server_id] = server.server.cell
        if server_id in at.busy and not _ended_since(own, server_id, at):
            # What we do to a server ourselves is no reason to defer it.
            own.standings.set(server_id, Standing.WAITING)
            return None
        own.tries.mark(server_id, at.target, _marks(server))
        if server.verdict is server_plans.Verdict.SKIP:
            self._converge(own, server_id)
        elif server.blocked:
            own.retrying.discard(server_id)
            own.standings.set(server_id, Standing.BLOCKED)
        elif not self._admitted(own, server_id):
            own.retrying.discard(server_id)
            own.standings.set(server_id, Standing.UNSURE)
        elif not self._ready(own, server_id, at):
            own.tries.schedule(server_id)
            _stand(own, server_id, at)
        elif server.verdict is server_plans.Verdict.DEFER:
            own.retrying.discard(server_id)
            self._defer(own, server, at)
        else:
            return self._send(own, server, at)
        return None

    def ended(self, own: backend_state.BackendState, part: work_items.Part,
              work: work_items.Work, result: results.ServerResult,
              now: float) -> None:
        """Note how a server's recovery ended."""
        server_id = work.server_id
        if part.target != own.target:
            # It has to be brought to the newer target now that it can be.
            own.standings.set(server_id, Standing.UNSURE)
            own.tries.wake([server_id], now)
            return
        settled = result.outcome in _SETTLED
        moved = result.outcome is Outcome.SKIPPED
        silent = (result.outcome is Outcome.FAILED
                  and not self._board.may_send(work.cell, work.host))
        self._note(own, part.backend, server_id, attempts.Try(
            part.target, result.outcome, result.reason,
            free=moved or silent, wait=0.0 if moved else None,
            host=work.host, silent=silent), now, again=not settled)
        if settled:
            # Claims are confirmed by a whole look.
            own.claims += 1
            own.retrying.discard(server_id)
            if part.failover_id == own.id_for_work(server_id):
                own.settle(server_id)
        else:
            own.retrying.add(server_id)

    def _admitted(self, own: backend_state.BackendState,
                  server_id: str) -> bool:
        return self._settings.automatic or server_id in own.wanted

    def _ready(self, own: backend_state.BackendState, server_id: str,
               at: Situation) -> bool:
        last = own.tries.get(server_id, at.target)
        # What ended while this was being read, is not in it.
        return last is None or (last.not_before <= at.now
                                and last.at <= at.began)

    def _converge(self, own: backend_state.BackendState,
                  server_id: str) -> None:
        own.standings.set(server_id, Standing.CONVERGED)
        own.tries.forget([server_id])
        own.settle(server_id)
        own.cells.pop(server_id, None)

    def _defer(self, own: backend_state.BackendState,
               server: server_plans.ServerPlan,
               at: Situation) -> None:
        down = bool(server.server.host) and not server.server.compute_up
        self._note(own, at.backend, server.server.id, attempts.Try(
            at.target, Outcome.DEFERRED, server.reason,
            free=down or at.others, wait=HELD if down else None,
            patient=True), at.now)
        if down:
            self._board.note_up(*_hold(own, server), False)

    def _send(self, own: backend_state.BackendState,
              server: server_plans.ServerPlan,
              at: Situation) -> work_items.Work | None:
        server_id = server.server.id
        last = own.tries.get(server_id, at.target)
        self._board.note_up(server.server.cell, server.server.host or '',
                            True)
        if not self._board.may_send(server.server.cell,
                                    server.server.host or ''):
            _hold(own, server)
            self._wait(own, server, at, 'nova-compute on %s gives no sign '
                       'of life' % server.server.host, HELD)
        elif last and self._at_work(server, last, at.now):
            self._wait(own, server, at, 'its host is still at work')
        elif last and _stayed(server, last):
            # It says so of a server that it has: that is an answer.
            own.unasked.discard(server_id)
            self._note(own, at.backend, server_id, attempts.Try(
                at.target, Outcome.DEFERRED, last.reason,
                host=last.host), at.now)
        else:
            own.standings.set(server_id, Standing.WAITING)
            return _work(own, server, at)
        return None

    def _at_work(self, server: server_plans.ServerPlan, last: attempts.Attempt,
                 now: float) -> bool:
        return (server.server.task_state == staleness.TASK_STATE
                and last.silent_since is not None
                and now - last.silent_since < self._settings.patience)

    def _wait(self, own: backend_state.BackendState,
              server: server_plans.ServerPlan,
              at: Situation, reason: str, wait: float | None = None) -> None:
        self._note(own, at.backend, server.server.id, attempts.Try(
            at.target, Outcome.DEFERRED, reason, free=True, wait=wait),
            at.now)

    def _note(self, own: backend_state.BackendState, backend: str,
              server_id: str,
              tried: attempts.Try, now: float, again: bool = True) -> None:
        attempt = own.tries.record(server_id, tried, now, again)
        own.standings.set(server_id, _standing(attempt))
        if attempt.given_up:
            own.retrying.discard(server_id)
        if attempt.news and again:
            self._observer.gave_up(backend, own.id_for_work(server_id),
                                   server_id, attempt.reason)


def _ended_since(own: backend_state.BackendState, server_id: str,
                 at: Situation) -> bool:
    last = own.tries.get(server_id, at.target)
    return last is not None and last.at > at.began


def _stand(own: backend_state.BackendState,
           server_id: str, at: Situation) -> None:
    last = own.tries.get(server_id, at.target)
    standing = _standing(last) if last else Standing.UNSURE
    if standing is Standing.CONVERGED and last and last.at <= at.began:
        # So it was said, but the records do not.
        standing = Standing.UNSURE
        own.retrying.add(server_id)
    own.standings.set(server_id, standing)


def _standing(attempt: attempts.Attempt) -> Standing:
    if attempt.outcome in _SETTLED:
        return Standing.CONVERGED
    if attempt.given_up:
        return Standing.GIVEN_UP
    return (Standing.FAILED if attempt.outcome is Outcome.FAILED
            else Standing.DEFERRED)


def _stayed(server: server_plans.ServerPlan, last: attempts.Attempt) -> bool:
    return (last.outcome is Outcome.SKIPPED
            and last.host == server.server.host)


def _hold(own: backend_state.BackendState,
          server: server_plans.ServerPlan) -> backend_state.Host:
    key = (server.server.cell, server.server.host or '')
    own.held.setdefault(key, set()).add(server.server.id)
    return key


def _marks(server: server_plans.ServerPlan) -> tuple[str, ...]:
    task = server.server.task_state
    return (server.server.host or '', server.server.vm_state or '',
            '' if task == staleness.TASK_STATE else task or '')


def _work(own: backend_state.BackendState, server: server_plans.ServerPlan,
          at: Situation) -> work_items.Work:
    stale = server.volumes_to(server_plans.Verdict.RECOVER)
    server_id = server.server.id
    return work_items.Work(
        server_id=server_id, host=server.server.host or '',
        cell=server.server.cell, priority=server.priority,
        parts=(work_items.Part(
            at.backend, own.id_for_work(server_id), at.target,
            tuple((v.volume_id, v.stamp) for v in stale)),),
        policy=own.policies.get(server_id))

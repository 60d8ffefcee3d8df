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

"""Looks at backends, and has done what a look shows is to be done.

Every reason to look (a notification, the timer, an operator, a result) ends
in the same look, which reads the truth and acts on nothing else.
"""

from collections.abc import Callable, Iterable
import dataclasses
import threading
import time
import traceback
from typing import Any

import futurist
from oslo_context import context as oslo_context
from oslo_log import log as logging

from nova_failover_ext.engine import agenda
from nova_failover_ext.engine import attempts
from nova_failover_ext.engine import backoff
from nova_failover_ext.engine import dispatcher
from nova_failover_ext.engine import gate
from nova_failover_ext.engine import pace
from nova_failover_ext.engine import plan
from nova_failover_ext.engine import state
from nova_failover_ext.engine import survey
from nova_failover_ext import exception
from nova_failover_ext import results

LOG = logging.getLogger(__name__)

#: Stands for every replicated backend on the agenda; no host has this name.
EVERY = 'every replicated backend'


@dataclasses.dataclass(frozen=True)
class Hint:
    """What somebody says of a backend; only a reason to look.

    :ivar failover_id: of the failover they tell of
    :ivar target: the active_backend_id they tell of, None if they do not
    :ivar group_id: the replication group that has failed over, None for the
        backend
    """

    failover_id: str | None
    target: str | None
    group_id: str | None = None


class Coordinator:
    """Brings every replicated backend's servers to the truth."""

    def __init__(self, cinder: survey.Cinder, nova: survey.Nova,
                 executor: futurist.ThreadPoolExecutor,
                 waits: backoff.Backoff, limit: int, gate_timeout: float,
                 interval: float,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Remember what to work with; :meth:`use` must follow.

        :param executor: runs the looks
        :param waits: how long to wait between tries and looks
        :param limit: tries of one server
        :param gate_timeout: seconds to look often at a closed gate
        :param interval: seconds between two reconciles
        :param clock: seconds, never going back
        """
        self._cinder = cinder
        self._nova = nova
        self._executor = executor
        self._waits = waits
        self._limit = limit
        self._gate_timeout = gate_timeout
        self._interval = interval
        self._clock = clock
        self._agenda = agenda.Agenda()
        self._lock = threading.Lock()
        self._states: dict[str, state.BackendState] = {}
        #: what backends are called here, by their other names
        self._names: dict[str, str] = {}
        self._hints: dict[str, list[Hint]] = {}
        self._dispatcher: dispatcher.Dispatcher

    def use(self, own: dispatcher.Dispatcher) -> None:
        """Set the dispatcher, whose ``done`` is :meth:`done`."""
        self._dispatcher = own

    def hint(self, backend: str, hint: Hint) -> None:
        """Look at a backend because of a notification."""
        with self._lock:
            backend = self._names.get(backend, backend)
            known = self._hints.setdefault(backend, [])
            # The latest of the backend, and of each group.
            known[:] = [one for one in known
                        if one.group_id != hint.group_id] + [hint]
        self._agenda.add(backend, self._clock())
        self.tick()

    def recover(self, backend: str, failover_id: str | None) -> str:
        """Look at a backend because an operator asks; forget all waits.

        For one round, every server is asked about, whatever the stamps say:
        a connection may have changed without a failover.

        :param failover_id: the request id to record, None for any
        :returns: the request id that is recorded
        """
        backend = self._name(backend)
        own = self._state(backend)
        own.tries.forget()
        chosen = (failover_id if failover_id
                  and state.valid_failover_id(failover_id)
                  else oslo_context.generate_request_id())
        own.asked_ids.append(chosen)
        self._agenda.add(backend, self._clock(), reconcile=True)
        self.tick()
        return chosen

    def start(self) -> None:
        """Plan the first look at every replicated backend."""
        self._agenda.add(EVERY, self._clock(), reconcile=True)
        self.tick()

    def tick(self) -> None:
        """Start the looks that are due."""
        for look in self._agenda.take_due(self._clock()):
            self._executor.submit(self._run, look)

    def done(self, work: pace.Work, result: results.ServerResult) -> None:
        """Note a result, and look again once nothing else is going on."""
        own = self._state(work.backend)
        now = self._clock()
        attempt = own.tries.record(work.server_id, work.target,
                                   result.outcome, result.reason, now)
        own.answered(work.server_id, work.failover_id, result.outcome)
        alone = self._busy(work.backend) <= {work.server_id}
        # It has to be brought to the newer target now that it can be.
        superseded = work.target != own.target
        self._agenda.add(work.backend, now if alone or superseded
                         else attempt.not_before)

    def report(self, backend: str) -> dict[str, Any]:
        """Return what is known of a backend as plain data for the bus."""
        backend = self._name(backend)
        return {**self._state(backend).report(),
                'in_flight': sorted(self._dispatcher.in_flight(backend)),
                'waiting': sorted(self._dispatcher.waiting(backend))}

    def look(self, look: agenda.Look) -> None:
        """Read the truth about a backend, and act if it is settled.

        :raises FailoverException: if the truth cannot be read
        """
        try:
            read = survey.read(self._cinder, self._nova, look.backend)
        except exception.BackendNotFound as exc:
            LOG.warning('Nothing is done: %s', exc)
            self._forget(look.backend)
            return
        if read.backend.name != look.backend:
            self._rename(look.backend, read.backend.name)
            self._agenda.add(read.backend.name, self._clock(), look.reconcile)
            return
        own = self._state(look.backend)
        own.errors = 0
        if self._may_act(look, own, read):
            self._adopt(look.backend, own, read)
            # The gate has given up waiting for the rows that are missing.
            self._act(look, own, read.judge(
                plan.Ask(read.gate.partial, frozenset(own.unasked))))
        else:
            # It was planned for what may be the target no longer.
            self._dispatcher.replace(look.backend, [])

    def reconcile(self) -> None:
        """Plan a look at every replicated backend, and the next reconcile.

        :raises CinderUnavailable: if Cinder cannot be asked
        """
        now = self._clock()
        for backend in self._cinder.backends():
            if gate.is_replicated(backend):
                self._agenda.add(backend.name, now, reconcile=True)
        self._state(EVERY).errors = 0
        self._agenda.add(EVERY, now + self._interval, reconcile=True)

    def _run(self, look: agenda.Look) -> None:
        try:
            if look.backend == EVERY:
                self.reconcile()
            else:
                self.look(look)
        except exception.FailoverException as exc:
            self._put_off(look, str(exc))
        except Exception as exc:  # noqa: BLE001
            # The thread ends here; nobody else would tell of it. The text
            # of what nobody expects may hold anything, so it stays here.
            LOG.error('Looking at %s failed with %s:\n%s', look.backend,
                      type(exc).__name__,
                      ''.join(traceback.format_tb(exc.__traceback__)))
            self._put_off(look, 'an unexpected error, see the engine\'s log')
        finally:
            self._agenda.done(look.backend)
        self.tick()

    def _put_off(self, look: agenda.Look, reason: str) -> None:
        own = self._state(look.backend)
        own.errors += 1
        own.reason = reason
        LOG.warning('Looking at %s is put off: %s', look.backend, reason)
        self._agenda.add(look.backend, self._clock()
                         + self._waits.seconds(own.errors), look.reconcile)

    def _name(self, backend: str) -> str:
        with self._lock:
            return self._names.get(backend, backend)

    def _rename(self, other: str, name: str) -> None:
        # Each member of a cluster tells of it by its own name.
        with self._lock:
            self._names.pop(name, None)
            self._names[other] = name
            self._hints.setdefault(name, []).extend(
                self._hints.pop(other, []))
            old = self._states.pop(other, None)
        if old and old.asked_ids:
            own = self._state(name)
            own.tries.forget()
            own.asked_ids += old.asked_ids

    def _forget(self, backend: str) -> None:
        with self._lock:
            self._names = {other: name for other, name in self._names.items()
                           if name != backend}
            self._hints.pop(backend, None)
            self._states.pop(backend, None)

    def _adopt(self, name: str, own: state.BackendState,
               read: survey.Records) -> None:
        with self._lock:
            hints = self._hints.pop(name, [])
        present = read.backend.active_backend_id
        asked = own.adopt(present, _announced(name, present, hints))
        for hint in hints:
            if hint.group_id:
                own.adopt_group(hint.failover_id,
                                read.servers_of(hint.group_id))
        if asked:
            own.begin(asked, {a.server.id for a in read.attachments})

    def _may_act(self, look: agenda.Look, own: state.BackendState,
                 read: survey.Records) -> bool:
        own.reason = read.gate.reason
        if read.gate.open:
            own.closed_since = None
            return True
        now = self._clock()
        cause = (read.backend.active_backend_id, read.gate.partial)
        if own.closed_for_seconds(cause, now) < self._gate_timeout:
            LOG.info('Waiting: %s', read.gate.reason)
            self._agenda.add(look.backend, now + self._waits.seconds(1),
                             look.reconcile)
            return False
        return read.gate.partial

    def _act(self, look: agenda.Look, own: state.BackendState,
             found: survey.Survey) -> None:
        now = self._clock()
        target = found.backend.active_backend_id
        own.tries.keep_only(found.servers)
        if not found.problems:
            own.unasked &= {s.server.id for s in found.servers
                            if s.verdict is not plan.Verdict.SKIP}
        # What we do to a server ourselves is no reason to defer it.
        busy = self._dispatcher.in_flight(look.backend)
        ready = {s.server.id for s in found.servers
                 if s.server.id not in busy and own.tries.ready(
                     s.server.id, target, now, look.reconcile)}
        for server in found.servers_to(plan.Verdict.DEFER):
            if server.server.id in ready:
                own.tries.record(server.server.id, target,
                                 results.Outcome.DEFERRED, server.reason, now)
        self._dispatcher.replace(look.backend, [
            _work(look.backend, own, server, target)
            for server in found.servers_to(plan.Verdict.RECOVER)
            if server.server.id in ready])
        self._plan_next(look, own, found, now)

    def _plan_next(self, look: agenda.Look, own: state.BackendState,
                   found: survey.Survey, now: float) -> None:
        busy = self._busy(look.backend)
        due = own.tries.next_time(without=busy)
        if found.problems:
            own.errors += 1
            own.reason = '; '.join('cell %s: %s' % (p.cell, p.reason)
                                   for p in found.problems)
            again = now + self._waits.seconds(own.errors)
            due = min(due or again, again)
        if due is not None:
            self._agenda.add(look.backend, due)
        counts = {v.value: len(found.servers_to(v)) for v in plan.Verdict}
        LOG.info('%s is on %r: %s, busy %d', look.backend,
                 found.backend.active_backend_id, counts, len(busy))

    def _busy(self, backend: str) -> set[str]:
        return (self._dispatcher.in_flight(backend)
                | self._dispatcher.waiting(backend))

    def _state(self, backend: str) -> state.BackendState:
        with self._lock:
            return self._states.setdefault(
                backend, state.BackendState(
                    attempts.Attempts(self._waits, self._limit)))


def _announced(backend: str, present: str,
               hints: Iterable[Hint]) -> str | None:
    announced = None
    for hint in hints:
        if hint.group_id:
            continue
        if (hint.target or '') == present:
            announced = hint.failover_id
        else:
            LOG.info('A notification of failover %s says that %s is on %r, '
                     'Cinder says %r: Cinder counts', hint.failover_id,
                     backend, hint.target or '', present)
    return announced


def _work(backend: str, own: state.BackendState, server: plan.ServerPlan,
          target: str) -> pace.Work:
    stale = server.volumes_to(plan.Verdict.RECOVER)
    return pace.Work(
        server_id=server.server.id, host=server.server.host or '',
        cell=server.server.cell, backend=backend,
        failover_id=own.id_for_work(), priority=server.priority,
        target=target, volumes=tuple((v.volume_id, v.stamp) for v in stale))

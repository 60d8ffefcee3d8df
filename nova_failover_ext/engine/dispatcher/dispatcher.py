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

"""Runs recoveries on compute hosts, as many at a time as they may be."""

from collections.abc import Callable, Iterable, Mapping
import threading
import time
import traceback

import futurist
from oslo_log import log as logging

from nova_failover_ext.api import load as loads
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.engine.dispatcher import throttle
from nova_failover_ext.engine.dispatcher import work_queue
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)

Recover = Callable[[work_items.Work], tuple[results.ServerResult, loads.Load]]
Done = Callable[[work_items.Part, work_items.Work, results.ServerResult,
                 loads.Load],
                None]


class Dispatcher:
    """Keeps what waits and what is in flight, and starts what may start.

    Waiting work of a backend is replaced as a whole by each full plan, so
    that work which a newer failover has superseded never starts.
    """

    def __init__(self, caps: work_items.Caps, recover: Recover, done: Done,
                 executor: futurist.ThreadPoolExecutor,
                 limits: throttle.Limits, hosts: host_health.HostHealth,
                 observer: observers.Observer,
                 clock: Callable[[], float] = time.monotonic,
                 held: Callable[[str], bool] | None = None,
                 excluded: Callable[[work_items.Work], bool] | None = None,
                 at_most: Callable[[str], int] | None = None) -> None:
        """Start with nothing waiting.

        :param recover: recovers one server; what it raises counts as failed
        :param done: told of each result once for each part of the work, in
            the executor's thread, while it still counts as in flight
        :param executor: has at least ``caps.total`` workers
        :param limits: told of each load, asked for each backend
        :param hosts: asked for each host
        :param observer: told of each start and end
        :param clock: seconds, never going back
        :param held: asked for each backend whether operators have paused it;
            it answers at once
        :param excluded: asked before each server is sent whether operators
            have excluded it since; it answers at once
        :param at_most: asked for each backend how many of its servers may be
            in flight, whatever ``limits`` say; it answers at once
        """
        self._recover = recover
        self._done = done
        self._executor = executor
        self._limits = limits
        self._observer = observer
        self._clock = clock
        self._excluded = excluded or (lambda _work: False)
        self._lock = threading.Lock()
        self._at_most = at_most or (lambda _backend: caps.total)
        self._queue = work_queue.Queue(
            caps, lambda backend: min(limits.startable(backend),
                                      self._at_most(backend)),
            hosts.may_start, held, clock)
        self._paused = False
        self._stopped = False
        #: how often it was paused; what was chosen before is not sent
        self._epoch = 0

    def change(self, caps: work_items.Caps) -> None:
        """Have other numbers of servers in flight; none is cut off.

        :param caps: with the same total
        """
        with self._lock:
            self._queue.change(caps)
        self._limits.change(caps.per_backend)
        self.start_more()

    @property
    def term(self) -> int:
        """How often it was paused; what was planned before does not start."""
        return self._epoch

    def replace(self, backend: str, works: Iterable[work_items.Work],
                expected: Mapping[str, int] | None = None,
                term: int | None = None) -> None:
        """Let these wait instead of what waited for the backend.

        What is in flight stays in flight, and is not started again.

        :param expected: see :meth:`.work_queue.Queue.replace`
        :param term: nothing changes unless it is :attr:`term`, None for any
        """
        with self._lock:
            if self._accepts(term):
                self._queue.replace(backend, works, expected)
        self._start()

    def add(self, backend: str, works: Iterable[work_items.Work],
            term: int | None = None) -> None:
        """Let these wait too, for instance after a scan of some servers.

        :param backend: the one that their parts are of
        :param term: see :meth:`replace`
        """
        with self._lock:
            if self._accepts(term):
                self._queue.add(works)
        self._start()

    def pause(self) -> None:
        """Start nothing, and drop what waits; what is in flight goes on."""
        with self._lock:
            self._paused = True
            self._epoch += 1
            self._queue.clear()

    def resume(self) -> None:
        """Start again what will be added from now on."""
        with self._lock:
            self._paused = False

    def stop(self) -> None:
        """Pause for good."""
        self.pause()
        with self._lock:
            self._stopped = True

    def start_more(self, host: host_health.Host | None = None) -> None:
        """Start what may start, now that a host or a limit has changed.

        :param host: the host that has changed, None for any
        """
        with self._lock:
            self._queue.recheck(host)
        self._start()

    def give_up(self, host: host_health.Host, reason: str) -> None:
        """Let all that waits for a host fail, because it does not answer.

        :param reason: one sentence without a full stop
        """
        with self._lock:
            works = self._queue.drop(host)
        for work in works:
            result = results.ServerResult(
                work.server_id, results.Outcome.FAILED, reason)
            for part in work.parts:
                self._tell(part, work, result, loads.Load())

    def in_flight(self, backend: str) -> set[str]:
        """Return the ids of servers being recovered for a backend."""
        with self._lock:
            return self._queue.in_flight_ids(backend)

    def waiting(self, backend: str) -> set[str]:
        """Return the ids of servers that wait for their turn."""
        with self._lock:
            return self._queue.waiting_ids(backend)

    def awaited(self, backend: str) -> set[str]:
        """Return the ids of servers that others wait for at a barrier."""
        with self._lock:
            return self._queue.awaited(backend)

    def counts(self, backend: str) -> tuple[int, int]:
        """Return how many servers wait, and how many are in flight."""
        with self._lock:
            return (self._queue.waiting(backend),
                    self._queue.in_flight(backend))

    def waited(self, backend: str) -> float:
        """Return for how many seconds the oldest has waited, 0 if none."""
        with self._lock:
            return self._queue.waited(backend)

    def limit(self, backend: str) -> int:
        """Return how many servers of a backend may be in flight now."""
        return min(self._limits.limit(backend), self._at_most(backend))

    def _start(self) -> None:
        chosen = []
        with self._lock:
            epoch = self._epoch
            while not self._idle:
                work = self._queue.take()
                if work is None:
                    break
                chosen.append(work)
        for work in chosen:
            self._executor.submit(self._run, work, epoch)

    @property
    def _idle(self) -> bool:
        return self._paused or self._stopped

    def _accepts(self, term: int | None) -> bool:
        return not self._idle and term in (None, self._epoch)

    def _run(self, work: work_items.Work, epoch: int) -> None:
        try:
            with self._lock:
                send = epoch == self._epoch
            if send and not self._excluded(work):
                self._send(work)
        except Exception as exc:  # noqa: BLE001
            # The thread ends here; nobody else would tell of it.
            _log_unexpected(work, exc)
        finally:
            with self._lock:
                self._queue.release(work)
            self._start()

    def _send(self, work: work_items.Work) -> None:
        self._observer.started(work)
        since = self._clock()
        result, load = self._result(work)
        LOG.info('Server %(server)s on %(host)s: %(outcome)s%(reason)s '
                 '(failover %(id)s, %(seconds).1f s)',
                 {'server': work.server_id, 'host': work.host,
                  'outcome': result.outcome.value,
                  'reason': result.reason and ': ' + result.reason,
                  'id': work.failover_id,
                  'seconds': self._clock() - since})
        for part in work.parts:
            self._limits.note(part, result.outcome, load)
            self._tell(part, work, result, load)
        self._observer.ended(work, result, load)

    def _result(self, work: work_items.Work
                ) -> tuple[results.ServerResult, loads.Load]:
        try:
            return self._recover(work)
        except Exception as exc:  # noqa: BLE001
            # oslo.messaging raises some errors of the host as they were
            # raised there, and kombu has errors of its own.
            _log_unexpected(work, exc)
            return results.ServerResult(
                work.server_id, results.Outcome.FAILED,
                'asking nova-compute on %s failed (%s)'
                % (work.host, type(exc).__name__)), loads.Load()

    def _tell(self, part: work_items.Part, work: work_items.Work,
              result: results.ServerResult, load: loads.Load) -> None:
        try:
            self._done(part, work, result, load)
        except Exception as exc:  # noqa: BLE001
            # The other backends of the server have to hear of it.
            _log_unexpected(work, exc)


def _log_unexpected(work: work_items.Work, exc: Exception) -> None:
    # The text of what nobody expects may hold anything.
    LOG.error('Recovering server %s on %s failed with %s:\n%s',
              work.server_id, work.host, type(exc).__name__,
              ''.join(traceback.format_tb(exc.__traceback__)))

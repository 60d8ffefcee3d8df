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

"""Runs recoveries on compute hosts, as many at a time as the caps allow."""

from collections.abc import Callable
import dataclasses
import threading
import traceback

import futurist
from oslo_log import log as logging

from nova_failover_ext.engine import pace
from nova_failover_ext import results

LOG = logging.getLogger(__name__)

Recover = Callable[[pace.Work], results.ServerResult]
Done = Callable[[pace.Work, results.ServerResult], None]


class Dispatcher:
    """Keeps what waits and what is in flight.

    Waiting work of a backend is replaced as a whole by each new plan, so
    that work which a newer failover has superseded never starts.
    """

    def __init__(self, caps: pace.Caps, recover: Recover, done: Done,
                 executor: futurist.ThreadPoolExecutor) -> None:
        """Start with nothing waiting.

        :param recover: recovers one server; what it raises counts as failed
        :param done: told of each result, in the executor's thread
        :param executor: has at least ``caps.total`` workers
        """
        self._caps = caps
        self._recover = recover
        self._done = done
        self._executor = executor
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], pace.Work] = {}
        self._in_flight: dict[str, pace.Work] = {}
        self._stopped = False

    def replace(self, backend: str, works: list[pace.Work]) -> None:
        """Let these wait instead of what waited for the backend.

        What is in flight stays in flight, and is not started again.
        """
        with self._lock:
            kept = {key: work for key, work in self._waiting.items()
                    if work.backend != backend}
            added = {(work.backend, work.server_id): work for work in works
                     if not self._runs(work)}
            self._waiting = {**kept, **added}
        self._start()

    def stop(self) -> None:
        """Start nothing any more; what is in flight goes on."""
        with self._lock:
            self._stopped = True
            self._waiting = {}

    def in_flight(self, backend: str) -> set[str]:
        """Return the ids of servers being recovered for a backend."""
        with self._lock:
            return {work.server_id for work in self._in_flight.values()
                    if work.backend == backend}

    def waiting(self, backend: str) -> set[str]:
        """Return the ids of servers that wait for their turn."""
        with self._lock:
            return {work.server_id for work in self._waiting.values()
                    if work.backend == backend}

    def _runs(self, work: pace.Work) -> bool:
        running = self._in_flight.get(work.server_id)
        return running is not None and set(work.volumes) <= set(
            running.volumes)

    def _start(self) -> None:
        with self._lock:
            if self._stopped:
                return
            chosen = [self._merged(work) for work in pace.pick(
                self._waiting.values(), self._in_flight.values(),
                self._caps)]
            for work in chosen:
                self._in_flight[work.server_id] = work
        for work in chosen:
            self._executor.submit(self._run, work)

    def _merged(self, work: pace.Work) -> pace.Work:
        # A server with volumes on several backends is recovered once.
        keys = [key for key in self._waiting if key[1] == work.server_id]
        volumes = [pair for key in keys
                   for pair in self._waiting.pop(key).volumes]
        return dataclasses.replace(work, volumes=tuple(sorted(volumes)))

    def _run(self, work: pace.Work) -> None:
        try:
            self._tell(work, self._result(work))
        except Exception as exc:  # noqa: BLE001
            # The thread ends here; nobody else would tell of it.
            _log_unexpected(work, exc)
        finally:
            with self._lock:
                del self._in_flight[work.server_id]
            self._start()

    def _result(self, work: pace.Work) -> results.ServerResult:
        try:
            return self._recover(work)
        except Exception as exc:  # noqa: BLE001
            # oslo.messaging raises some errors of the host as they were
            # raised there, and kombu has errors of its own.
            _log_unexpected(work, exc)
            return results.ServerResult(
                work.server_id, results.Outcome.FAILED,
                'asking nova-compute on %s failed (%s)'
                % (work.host, type(exc).__name__))

    def _tell(self, work: pace.Work, result: results.ServerResult) -> None:
        LOG.info('Server %(server)s on %(host)s: %(outcome)s%(reason)s '
                 '(failover %(id)s)',
                 {'server': work.server_id, 'host': work.host,
                  'outcome': result.outcome.value,
                  'reason': result.reason and ': ' + result.reason,
                  'id': work.failover_id})
        self._done(work, result)


def _log_unexpected(work: pace.Work, exc: Exception) -> None:
    # The text of what nobody expects may hold anything.
    LOG.error('Recovering server %s on %s failed with %s:\n%s',
              work.server_id, work.host, type(exc).__name__,
              ''.join(traceback.format_tb(exc.__traceback__)))

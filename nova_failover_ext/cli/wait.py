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

"""Waits for what an engine was asked for.

The engine's counters are polled, which costs little whatever the number of
servers; the records are read when they say that nothing is left to do, and now
and then, as another engine may have taken over that knows nothing of it.
"""

from collections.abc import Callable, Sequence
import time
from typing import Any, TextIO

import tenacity

from nova_failover_ext.api import requests
from nova_failover_ext.cli import engine_client
from nova_failover_ext.cli import progress
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext import exception

#: Seconds between two questions to the engine.
POLL = 1
#: Seconds between two readings of the records while the engine reports nothing
# new.
LOOK = 30

_PASSING = (exception.CinderUnavailable, exception.DatabaseUnavailable,
            exception.EngineUnavailable, exception.BrokerUnavailable)


class Waiter:
    """Waits for one command's requests."""

    def __init__(self, client: engine_client.EngineClient,
                 read: Callable[[str], snapshot.BackendPlan],
                 wanted: Sequence[requests.Request], failover_id: str,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Remember what to wait for.

        :param read: takes a backend's name, and reads the records of the
            servers that were asked for
        :param wanted: what was asked for, one for each backend
        :param failover_id: what it is recorded under
        :param clock: tells seconds
        """
        self._client = client
        self._read = read
        self._backends = [request.backend for request in wanted]
        self._stale = any(request.ignore_stamps for request in wanted)
        self._failover_id = failover_id
        self._clock = clock
        self._looked_at = clock()
        self._seen: Any = None
        self._surveys: list[snapshot.BackendPlan] = []

    def wait(self, timeout: float,
             stream: TextIO) -> tuple[list[snapshot.BackendPlan], bool]:
        """Wait until all is converged or excluded, or the time is up.

        What is down for a while is waited for.

        :param timeout: in seconds
        :param stream: where to show how it goes on
        :returns: a plan for each request, and whether all is converged
        :raises FailoverException: if the records could never be read
        """
        retrying = tenacity.Retrying(
            retry=(tenacity.retry_if_result(lambda done: not done)
                   | tenacity.retry_if_exception_type(_PASSING)),
            wait=tenacity.wait_fixed(POLL),
            stop=tenacity.stop_after_delay(timeout))
        with progress.Progress(stream) as display:
            try:
                retrying(self._step, display)
            except tenacity.RetryError:
                done = False
            else:
                done = True
        if not done:
            self._surveys = [self._read(name) for name in self._backends]
        return self._surveys, done

    def _step(self, display: progress.Progress) -> bool:
        counts = self._client.progress(self._backends)
        # An engine that took over never begins it, and heals all the same.
        display.show(counts, bool(self._surveys) or progress.has_begun(
            counts, self._failover_id))
        ended = progress.ended(counts, self._failover_id)
        if not self._due(counts, ended):
            return False
        self._surveys = [self._read(name) for name in self._backends]
        self._seen, self._looked_at = counts, self._clock()
        return (all(found.finished for found in self._surveys)
                and (ended or not self._stale))

    def _due(self, counts: progress.Counts, ended: bool) -> bool:
        if self._clock() - self._looked_at >= LOOK:
            return True
        return ended and counts != self._seen

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

"""Fewer servers at a time while Cinder or its array slows down.

The limit of a backend is halved when a request to Cinder was refused or took
much longer than before in the same failover, and grows by one with each round
of good results, as TCP does. An array that is slow from the start is as it
is: fewer requests at a time would make it no faster.
"""

import collections
from collections.abc import Callable
import threading
import time

from nova_failover_ext.api import load as loads
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results

#: Results that say how fast Cinder answers.
_SAMPLES = 200
#: Others may have asked Cinder only what it knows without its array.
_TELLING = frozenset((results.Outcome.RECOVERED, results.Outcome.UNCHANGED,
                      results.Outcome.DETACHED))
#: How many it takes to know what is usual.
_ENOUGH = 10
#: The share of the fastest of these that is taken for the usual.
_USUAL = 0.2
#: Seconds in which the limit is halved once at most: what was in flight
#: when Cinder slowed down tells of it one after the other.
_ONCE_IN = 5.0


class Limiter:
    """How many servers of one backend may be in flight, in one failover."""

    def __init__(self, maximum: int, factor: float, seconds: float,
                 pause: float) -> None:
        """Start with the maximum.

        :param maximum: see ``[failover_engine] max_in_flight_per_backend``
        :param factor: see ``[failover_engine] slow_factor``
        :param seconds: see ``[failover_engine] slow_seconds``
        :param pause: seconds in which nothing starts after a refusal
        """
        self._maximum = maximum
        self._factor = factor
        self._seconds = seconds
        self._pause = pause
        self._limit = maximum
        self._good = 0
        self._samples: collections.deque[float] = collections.deque(
            maxlen=_SAMPLES)
        self._halved_until = float('-inf')
        self._paused_until = float('-inf')

    @property
    def limit(self) -> int:
        """How many may be in flight, 1 or more."""
        return self._limit

    def change(self, maximum: int) -> None:
        """Set another maximum; a limit that was halved grows as before."""
        self._limit = (maximum if self._limit >= self._maximum
                       else min(self._limit, maximum))
        self._maximum = maximum

    def paused(self, now: float) -> bool:
        """Return whether nothing is to start because of a refusal."""
        return now < self._paused_until

    def note(self, outcome: results.Outcome, load: loads.Load,
             now: float) -> None:
        """Take in how Cinder bore one recovery.

        :param outcome: of the server
        :param now: in seconds, on the same clock each time
        """
        if load.refused:
            self._paused_until = now + self._pause
            self._halve(load, now)
        elif load.calls and outcome in _TELLING:
            mean = load.seconds / load.calls
            slow = mean > self._slow_from()
            self._samples.append(mean)
            if slow:
                self._halve(load, now)
            else:
                self._grow()

    def _slow_from(self) -> float:
        if len(self._samples) < _ENOUGH:
            return float('inf')
        usual = sorted(self._samples)[int(len(self._samples) * _USUAL)]
        return max(self._seconds, self._factor * usual)

    def _halve(self, load: loads.Load, now: float) -> None:
        self._good = 0
        if now >= self._halved_until:
            self._limit = max(1, self._limit // 2)
            self._halved_until = now + max(_ONCE_IN, load.slowest)

    def _grow(self) -> None:
        self._good += 1
        if self._good >= self._limit:
            self._good = 0
            self._limit = min(self._maximum, self._limit + 1)


class Limits:
    """The limiters of all backends."""

    def __init__(self, maximum: int, factor: float = 3.0,
                 seconds: float = 2.0, pause: float = 5.0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Start with the maximum for each; see :class:`Limiter`.

        :param clock: seconds, never going back
        """
        self._maximum = maximum
        self._make = lambda: Limiter(self._maximum, factor, seconds, pause)
        self._clock = clock
        self._lock = threading.Lock()
        self._limiters: dict[str, tuple[str, Limiter]] = {}

    def change(self, maximum: int) -> None:
        """Set another maximum for each."""
        with self._lock:
            self._maximum = maximum
            for _target, limiter in self._limiters.values():
                limiter.change(maximum)

    def note(self, part: work_items.Part, outcome: results.Outcome,
             load: loads.Load) -> None:
        """Take in how Cinder bore a recovery, for one of its backends.

        What was usual in another failover says nothing of this one: the
        other array answers now.
        """
        with self._lock:
            target, limiter = self._limiters.get(part.backend, (None, None))
            if limiter is None or target != part.target:
                limiter = self._make()
                self._limiters[part.backend] = (part.target, limiter)
            limiter.note(outcome, load, self._clock())

    def limit(self, backend: str) -> int:
        """Return how many servers of a backend may be in flight."""
        with self._lock:
            _target, limiter = self._limiters.get(backend, (None, None))
            return limiter.limit if limiter else self._maximum

    def startable(self, backend: str) -> int:
        """Return the limit, or 0 shortly after Cinder refused a request."""
        with self._lock:
            _target, limiter = self._limiters.get(backend, (None, None))
            if limiter is None:
                return self._maximum
            return 0 if limiter.paused(self._clock()) else limiter.limit

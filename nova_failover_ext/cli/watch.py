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


"""Follows where servers stand: ``status --watch``.

The engine's counters are read at each step, which costs little. Cinder and the
databases are read when the counters have changed, and now and then, but only
for a small part of the time: a list of all volumes is much work for Cinder.
"""

from collections.abc import Callable
import contextlib
import time
from typing import TextIO

import tenacity

from nova_failover_ext.cli import picture
from nova_failover_ext.cli import progress
from nova_failover_ext.cli import status_view
from nova_failover_ext import exception

#: Seconds between two questions to the engine.
INTERVAL = 2
#: Seconds between two readings of the records while the counters stay.
LOOK = 30
#: The records are left alone for this many times as long as reading takes.
SPACING = 5

_PASSING = (exception.CinderUnavailable, exception.DatabaseUnavailable)


class Watch:
    """Looks again and again, until nothing changes by itself."""

    def __init__(self, counts: Callable[[], progress.Counts],
                 look: Callable[[], status_view.View],
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Remember how to look.

        :param counts: asks the engine, see ``EngineAPI.progress``; empty if
            none answers
        :param look: reads the records
        :param clock: tells seconds
        """
        self._counts = counts
        self._look = look
        self._clock = clock
        self._remaining = progress.Remaining(clock)
        self._seen: progress.Counts = {}
        self._looked_at = self._due_at = float('-inf')

    def run(self, stream: TextIO) -> status_view.View:
        """Show it until all is done, or the operator interrupts.

        What is down for a while is waited for, unless it is down at first.

        :param stream: stderr, so that the table stays apart
        :returns: what was seen last
        :raises FailoverException: if the records cannot be read at first
        """
        self._seen = self._counts()
        self._view = self._read()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda done: not done),
            wait=tenacity.wait_fixed(INTERVAL))
        with (picture.on(stream) as shown,
              contextlib.suppress(KeyboardInterrupt)):
            retrying(self._step, shown)
        return self._view

    def _step(self, shown: picture.Picture) -> bool:
        counts, problem = self._counts(), ''
        if self._due(counts):
            self._seen = counts
            try:
                self._view = self._read()
            except _PASSING as exc:
                problem = str(exc)
        counted = filter(None, [progress.describe(counts),
                                self._remaining.note(counts)]
                         if counts else [])
        shown.show(list(filter(None, [', '.join(counted), problem])),
                   self._view)
        return self._view.done and not problem

    def _due(self, counts: progress.Counts) -> bool:
        now = self._clock()
        return now >= self._due_at and (
            counts != self._seen or now - self._looked_at >= LOOK)

    def _read(self) -> status_view.View:
        began = self._clock()
        try:
            return self._look()
        finally:
            self._looked_at = self._clock()
            self._due_at = self._looked_at + SPACING * (
                self._looked_at - began)

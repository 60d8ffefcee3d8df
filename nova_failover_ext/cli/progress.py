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

"""Shows how a recovery goes on: a bar on a terminal, lines elsewhere.

What is shown is what the engine counts, see ``EngineAPI.progress``.
"""

from collections.abc import Callable, Mapping
import datetime
import math
import time
from types import TracebackType
from typing import Any, TextIO

from rich import console as rich_console
from rich import progress as rich_progress

from nova_failover_ext.api import server_state
from nova_failover_ext.api import wording

#: By backend, see ``EngineAPI.progress``.
Counts = Mapping[str, Mapping[str, Any]]

_CONVERGED = server_state.ServerState.CONVERGED.value
#: In these states servers are in the engine's queue.
_QUEUED = (server_state.ServerState.WAITING.value,
           server_state.ServerState.RECOVERING.value)
#: The rate of a recovery is that of the latest seconds, this many.
RATE_PERIOD = 300


class Remaining:
    """How long the engine's queue lasts, by the rate at which it shrinks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Know of no rate.

        :param clock: tells seconds
        """
        # It only counts: without a total, it is never shown nor complete.
        self._rate = rich_progress.Progress(
            disable=True, get_time=clock, speed_estimate_period=RATE_PERIOD)
        self._task = self._rate.add_task('', total=None)

    def note(self, counts: Counts) -> str:
        """Take in counters that are about the request.

        :returns: how long it will take, in words; '' while that is not known
        """
        queued = sum(_count(counts, state) for state in _QUEUED)
        self._rate.update(self._task, completed=_total(counts) - queued)
        speed = self._rate.tasks[0].speed
        if not (queued and speed):
            return ''
        return 'about %s left' % datetime.timedelta(
            seconds=math.ceil(queued / speed))


class Progress:
    """A context in which counters are shown as they come in."""

    def __init__(self, stream: TextIO,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Show on a stream.

        :param stream: stderr, so that the table stays apart
        :param clock: tells seconds
        """
        self._stream = stream
        self._remaining = Remaining(clock)
        self._bar: rich_progress.Progress | None = None
        self._task = rich_progress.TaskID(0)
        self._last = ''
        if stream.isatty():
            self._bar = rich_progress.Progress(
                # Reasons quote options as [group], which is markup of rich.
                rich_progress.TextColumn('{task.description}', markup=False),
                rich_progress.BarColumn(),
                rich_progress.MofNCompleteColumn(),
                rich_progress.TimeElapsedColumn(),
                console=rich_console.Console(file=stream))
            self._task = self._bar.add_task('asking', total=None)

    def __enter__(self) -> 'Progress':
        """Begin to show."""
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """End the bar."""
        if self._bar:
            self._bar.stop()

    def show(self, counts: Counts, begun: bool = True) -> None:
        """Show where it stands; lines are written only if it changed.

        :param begun: whether the counts are already about the request
        """
        text = describe(counts, begun)
        left = self._remaining.note(counts) if begun else ''
        shown = ', '.join(filter(None, [text, left]))
        if self._bar:
            self._bar.update(
                self._task, description=shown,
                completed=_converged(counts) if begun else 0,
                total=_total(counts) or None)
        elif text != self._last:
            self._stream.write('%s\n' % shown)
            self._stream.flush()
        self._last = text


def describe(counts: Counts, begun: bool = True) -> str:
    """Return one line about how far it is.

    :param begun: whether the counts are already about the request
    """
    waits = [gate['reason'] for known in counts.values()
             if (gate := known.get('gate') or {}).get('reason')
             and not gate.get('open', True)]
    if waits:
        return 'waiting: %s' % '; '.join(waits)
    if not begun:
        return 'waiting for the engine to begin'
    others = ['%d %s' % (number, state.value)
              for state in server_state.ServerState
              if state.value != _CONVERGED
              and (number := _count(counts, state.value))]
    if unasked := _unasked(counts):
        others.append('%d to be asked about' % unasked)
    return ', '.join(['%d of %s converged' % (
        _converged(counts),
        wording.count(_total(counts), 'server')), *others])


def has_begun(counts: Counts, failover_id: str) -> bool:
    """Return whether the counts are about a request, not of before it.

    :param failover_id: what the request is recorded under
    """
    return bool(counts) and all(failover_id in known.get('begun', ())
                                for known in counts.values())


def ended(counts: Counts, failover_id: str) -> bool:
    """Return whether the engine has nothing left to do for a request.

    An engine that took over since then knows nothing of the request.

    :param failover_id: what the request is recorded under
    """
    return has_begun(counts, failover_id) and all(
        known.get('done') and not known.get('unasked')
        for known in counts.values())


def _converged(counts: Counts) -> int:
    # A server that was converged, and is to be asked about again, still
    # counts as that until its turn comes.
    return max(0, min(_count(counts, _CONVERGED),
                      _total(counts) - _unasked(counts)))


def _unasked(counts: Counts) -> int:
    return sum(int(known.get('unasked') or 0) for known in counts.values())


def _count(counts: Counts, state: str) -> int:
    return sum(int((known.get('counts') or {}).get(state, 0))
               for known in counts.values())


def _total(counts: Counts) -> int:
    return sum(_count(counts, state.value)
               for state in server_state.ServerState)

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

"""Shows how a recovery goes on: a bar on a terminal, lines elsewhere."""

from types import TracebackType
from typing import TextIO

from rich import console as rich_console
from rich import progress as rich_progress

from nova_failover_ext.engine import plan
from nova_failover_ext.engine import survey


class Progress:
    """A context in which surveys are shown as they are taken."""

    def __init__(self, stream: TextIO) -> None:
        """Show on a stream.

        :param stream: stderr, so that the table stays apart
        """
        self._stream = stream
        self._bar: rich_progress.Progress | None = None
        self._task = rich_progress.TaskID(0)
        self._last = ''
        if stream.isatty():
            self._bar = rich_progress.Progress(
                rich_progress.TextColumn('{task.description}'),
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

    def show(self, found: survey.Survey) -> None:
        """Show where it stands; lines are written only if it changed."""
        text = describe(found)
        if self._bar:
            done = len(found.servers_to(plan.Verdict.SKIP))
            self._bar.update(self._task, description=text, completed=done,
                             total=len(found.servers))
        elif text != self._last:
            self._stream.write('%s\n' % text)
            self._stream.flush()
        self._last = text


def describe(found: survey.Survey) -> str:
    """Return one line about how far it is."""
    if not found.gate.open:
        return 'waiting: %s' % found.gate.reason
    done = len(found.servers_to(plan.Verdict.SKIP))
    deferred = len(found.servers_to(plan.Verdict.DEFER))
    return '%d of %d servers converged%s' % (
        done, len(found.servers),
        ', %d deferred' % deferred if deferred else '')

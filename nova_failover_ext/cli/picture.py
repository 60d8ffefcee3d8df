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


"""What ``status --watch`` draws: a picture on a terminal, lines elsewhere."""

from collections.abc import Sequence
import contextlib
from typing import Any, Protocol, TextIO

from rich import console as rich_console
from rich import live as rich_live
from rich import table as rich_table
from rich import text as rich_text

from nova_failover_ext.api import server_state
from nova_failover_ext.api import wording
from nova_failover_ext.cli import status_view

ServerState = server_state.ServerState

#: What of a table of servers, or of one of backends, has room on a terminal.
_BRIEF = {'State': ('Name', 'Host', 'Backend', 'State', 'Reason'),
          'Remaining': ('Backend', 'Active', 'Servers', 'Converged',
                        'Remaining', 'In Flight', 'Waiting For')}
#: Whom somebody has to look after comes first.
_ORDER = [state.value for state in (
    ServerState.RETRIES_EXHAUSTED, ServerState.FAILED, ServerState.BLOCKED,
    ServerState.DEFERRED, ServerState.RECOVERING, ServerState.WAITING,
    ServerState.UNKNOWN, ServerState.SUPERSEDED, ServerState.EXCLUDED)]
#: Lines of a table beside its rows, and of what follows it.
_FRAME = 5


class Picture(Protocol):
    """Where it is shown."""

    def show(self, counted: Sequence[str], view: status_view.View) -> None:
        """Show it in place of what was shown before.

        :param counted: what the engine counts, as lines
        :param view: what was read last
        """


class Lines:
    """Writes the lines that it has not just written; never redraws."""

    def __init__(self, stream: TextIO) -> None:
        """Write to a file or a pipe."""
        self._stream = stream
        self._last: list[str] = []

    def show(self, counted: Sequence[str], view: status_view.View) -> None:
        """Write what is new; see :class:`Picture`."""
        lines = [*counted, *view.sentences]
        self._stream.writelines(
            '%s\n' % line for line in lines if line not in self._last)
        self._stream.flush()
        self._last = lines


class Screen:
    """Draws on a terminal, no more than it has room for."""

    def __init__(self, live: rich_live.Live) -> None:
        """Draw with this."""
        self._live = live

    def show(self, counted: Sequence[str], view: status_view.View) -> None:
        """Draw it; see :class:`Picture`."""
        lines = [rich_text.Text(line) for line in (*counted, *view.sentences)]
        room = max(1, self._live.console.height - len(lines) - _FRAME)
        self._live.update(rich_console.Group(
            *lines, table(view, room), *more(view, room)), refresh=True)


def on(stream: TextIO) -> contextlib.AbstractContextManager[Picture]:
    """Return a context in which something is shown.

    :param stream: a terminal, or not
    """
    return _screen(stream) if stream.isatty() else contextlib.nullcontext(
        Lines(stream))


def table(view: status_view.View, room: int) -> rich_table.Table:
    """Return the first rows of a table, those first that matter most.

    :param room: how many rows
    """
    brief = next(names for column, names in _BRIEF.items()
                 if column in view.columns)
    drawn = rich_table.Table()
    for name in brief:
        drawn.add_column(name, no_wrap=True, overflow='ellipsis')
    places = [view.columns.index(name) for name in brief]
    for row in sorted(view.rows, key=lambda row: _urgency(view, row))[:room]:
        # What others report may look like markup.
        drawn.add_row(*(rich_text.Text(' '.join(str(row[at]).split()))
                        for at in places))
    return drawn


def more(view: status_view.View, room: int) -> list[rich_text.Text]:
    """Return what is said of the rows for which there is no room."""
    left = len(view.rows) - room
    return [rich_text.Text('and %s' % wording.count(left, 'more row'))
            ] if left > 0 else []


def _urgency(view: status_view.View, row: Sequence[Any]) -> int:
    if 'State' not in view.columns:
        return 0
    state = row[view.columns.index('State')]
    return _ORDER.index(state) if state in _ORDER else len(_ORDER)


@contextlib.contextmanager
def _screen(stream: TextIO) -> Any:
    with rich_live.Live(console=rich_console.Console(file=stream),
                        auto_refresh=False, transient=True) as live:
        yield Screen(live)

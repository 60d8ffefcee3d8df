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


"""What the page shows, worked out from a report's data."""

from collections.abc import Iterable
import dataclasses
import datetime
from typing import Any

from nova_failover_ext.api import server_state
from nova_failover_ext.history import outcomes
from nova_failover_ext.report import advice
from nova_failover_ext.report import figures
from nova_failover_ext.report import report_data as reports
from nova_failover_ext.report import svg

ServerState = server_state.ServerState

#: The longest reason that a try shows.
_LONGEST = 160
#: Servers up to which all projects are unfolded.
_UNFOLDED = 40
#: Between two labels of an axis, in percent.
_APART = 14
_CLASSES = {
    ServerState.CONVERGED: 'good', ServerState.SUPERSEDED: 'other',
    ServerState.FAILED: 'bad', ServerState.RETRIES_EXHAUSTED: 'bad',
    ServerState.BLOCKED: 'blocked', ServerState.EXCLUDED: 'other'}
_WORDS = {
    ServerState.CONVERGED: 'recovered', ServerState.UNKNOWN: 'not yet asked',
    ServerState.SUPERSEDED: 'left to a later recovery',
    ServerState.BLOCKED: 'beyond a refresh'}
_TRIES = {'Success': 'good', 'Deferred': 'wait'}
# What needs somebody comes first.
_ORDER = (ServerState.RETRIES_EXHAUSTED, ServerState.FAILED,
          ServerState.BLOCKED,
          ServerState.DEFERRED, ServerState.RECOVERING, ServerState.WAITING,
          ServerState.UNKNOWN, ServerState.EXCLUDED, ServerState.SUPERSEDED,
          ServerState.CONVERGED)


def class_of(state: ServerState) -> str:
    """Return the style of a standing."""
    return _CLASSES.get(state, 'wait')


def word(state: ServerState) -> str:
    """Return what the page calls a standing."""
    return _WORDS.get(state, state.value)


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """How many servers stand somewhere.

    :ivar percent: of all servers, for the width of a bar
    """

    style: str
    word: str
    count: int
    percent: float
    text: str


def shares(entries: Iterable[reports.Entry]) -> list[Share]:
    """Return how many servers stand where, the good ones first."""
    server_states = [entry.state for entry in entries]
    total = len(server_states)
    return [Share(class_of(one), word(one), server_states.count(one),
                  round(100 * server_states.count(one) / total, 3),
                  figures.share(server_states.count(one), total))
            for one in reversed(_ORDER) if one in server_states]


def headline(entries: Iterable[reports.Entry]) -> tuple[str, str]:
    """Return one sentence about all servers, and its style."""
    server_states = [entry.state for entry in entries]
    total = len(server_states)
    done = sum(one in reports.DONE for one in server_states)
    if not total:
        return 'No server was touched.', 'other'
    if done == total:
        return ('All %d servers are recovered.' % total if total > 1
                else 'The server is recovered.'), 'good'
    bad = any(class_of(one) in ('bad', 'blocked') for one in server_states)
    return ('%d of %d servers are recovered.' % (done, total),
            'bad' if bad else 'wait')


def key_figures(seconds: list[float]) -> list[tuple[str, str]]:
    """Return the recovery times that matter, each with its name."""
    if not seconds:
        return []
    return [(name, figures.duration(figures.percentile(seconds, percent)))
            for name, percent in (
                ('first server', 1e-9), ('half of them', 50),
                ('90 %', 90), ('95 %', 95), ('99 %', 99),
                ('last server', 100))]


def pictures(seconds: list[float]) -> dict[str, Any] | None:
    """Return the distribution of recovery times as paths and labels."""
    if not seconds:
        return None
    bins = figures.histogram(seconds)
    slots = len(bins.counts) + (2 if bins.beyond else 0)
    right = 100 * len(bins.counts) / slots
    top = figures.ceiling(max(*bins.counts, bins.beyond))
    most = figures.ceiling(len(seconds))
    line, area = svg.stairs(figures.curve(seconds, bins.end), bins.end, most)
    return {
        'bars': svg.bars(bins.counts, top, slots),
        'beyond': svg.last_bar(bins.beyond, top, slots),
        'beyond_count': bins.beyond,
        'end': figures.duration(bins.end),
        'top': top, 'most': most, 'line': line, 'area': area,
        # The label of the last bar needs a place, too.
        'axis': [one for one in svg.axis(bins.end, right)
                 if one[0] < 82 or not bins.beyond],
        'curve_axis': svg.axis(bins.end),
        'marks': [(name, round(svg.place(value, bins.end) * right / 100, 2),
                   figures.duration(value))
                  for name, value in (
                      ('half', figures.percentile(seconds, 50)),
                      ('95 %', figures.percentile(seconds, 95)))
                  if value <= bins.end],
        'width': figures.duration(bins.width)}


def open_groups(data: reports.ReportData) -> list[dict[str, Any]]:
    """Return the servers that are not recovered, by where they stand."""
    groups = []
    for state in _ORDER:
        found = [entry for entry in data.entries
                 if entry.state is state]
        if not found or state is ServerState.CONVERGED:
            continue
        groups.append({
            'word': word(state), 'style': class_of(state),
            'rows': [_open_row(entry, data) for entry in sorted(
                found, key=lambda e: (e.reason, e.label))]})
    return groups


def _open_row(entry: reports.Entry,
              data: reports.ReportData) -> dict[str, Any]:
    helps = advice.advise(entry, data.backend, data.failover_id)
    return {'entry': entry, 'advice': helps, 'tries': len(entry.tries),
            'last': entry.tries[-1].finished_at if entry.tries else None}


@dataclasses.dataclass(frozen=True, slots=True)
class Scale:
    """The time axis that all servers share.

    :ivar start: its left edge
    :ivar seconds: its length
    :ivar squeezed: whether late times are closer together than early ones
    """

    start: datetime.datetime
    seconds: float
    squeezed: bool

    def place(self, when: datetime.datetime) -> float:
        """Return where a time is, in percent."""
        passed = max(0.0, (when - self.start).total_seconds())
        return self._percent(passed)

    def axis(self) -> list[tuple[float, str]]:
        """Return places and texts of labels."""
        end = self.seconds
        marks = ([end * part for part in (.01, .05, .15, .35, .65)]
                 if self.squeezed else figures.ticks(end)[1:])
        marks = [_readable(mark) for mark in marks]
        shown = [(0.0, '0')]
        for mark in sorted(set(marks)):
            # On a phone a label is that wide.
            if mark <= end and self._percent(mark) >= shown[-1][0] + _APART:
                shown.append((self._percent(mark), figures.duration(mark)))
        return shown

    def _percent(self, seconds: float) -> float:
        part = min(1.0, seconds / self.seconds)
        return round(100 * (part ** .5 if self.squeezed else part), 2)


def _readable(seconds: float) -> float:
    return float(max((step for step in figures.STEPS if step <= seconds),
                     default=1))


def scale(data: reports.ReportData) -> Scale | None:
    """Return an axis on which every try has a place, None without tries."""
    start = data.counted_from
    ends = [when for entry in data.entries for one in entry.tries
            if (when := one.finished_at or one.started_at)]
    if start is None or not ends:
        return None
    passed = sorted(max(1.0, (end - start).total_seconds()) for end in ends)
    return Scale(start, passed[-1],
                 passed[-1] > 4 * figures.percentile(passed, 90))


def projects(data: reports.ReportData,
             axis: Scale | None) -> list[dict[str, Any]]:
    """Return each project with its servers, those with open ones first."""
    by_project: dict[str, list[reports.Entry]] = {}
    for entry in data.entries:
        by_project.setdefault(entry.project_id, []).append(entry)
    found = [_project(project, entries, data, axis)
             for project, entries in by_project.items()]
    found.sort(key=lambda p: (p['done'] == p['total'], p['id']))
    for project in found:
        project['open'] = len(data.entries) <= _UNFOLDED
    return found


def _project(project_id: str, entries: list[reports.Entry],
             data: reports.ReportData, axis: Scale | None) -> dict[str, Any]:
    seconds = [s for entry in entries
               if (s := data.seconds(entry)) is not None]
    ordered = sorted(entries, key=lambda e: (
        _ORDER.index(e.state), data.seconds(e) or 0.0, e.label))
    return {
        'id': project_id or 'no project', 'total': len(entries),
        'done': sum(e.state in reports.DONE for e in entries),
        'half': (figures.duration(figures.percentile(seconds, 50))
                 if seconds else ''),
        'last': figures.duration(max(seconds)) if seconds else '',
        'rows': [_row(entry, data, axis) for entry in ordered]}


def _row(entry: reports.Entry, data: reports.ReportData,
         axis: Scale | None) -> dict[str, Any]:
    took = data.seconds(entry)
    return {
        'entry': entry, 'style': class_of(entry.state),
        'took': (figures.duration(took) if took is not None
                 else word(entry.state)),
        'bars': [_bar(one, axis) for one in entry.tries] if axis else [],
        'back': (axis.place(entry.recovered_at)
                 if axis and entry.recovered_at else None)}


def _bar(one: outcomes.Try, axis: Scale) -> dict[str, Any]:
    ended = one.finished_at or one.started_at or axis.start
    left = axis.place(one.started_at or ended)
    return {'left': left, 'width': round(axis.place(ended) - left, 2),
            'style': _TRIES.get(one.result, 'bad'), 'try': one,
            'details': one.details[:_LONGEST]}

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


"""One look at where servers stand, as ``status`` shows it."""

import argparse
from collections.abc import Sequence
import dataclasses
from typing import Any

from nova_failover_ext.api import exclusions
from nova_failover_ext.api import wording
from nova_failover_ext.cli import backend_status
from nova_failover_ext.cli import command
from nova_failover_ext.cli import excluding
from nova_failover_ext.cli import pausing
from nova_failover_ext.cli import rows
from nova_failover_ext.cli import selection
from nova_failover_ext.cli import status_filters
from nova_failover_ext.engine.planner import server_plans

#: How many servers one sentence names.
NAMES = 5

_States = Sequence[backend_status.BackendStatus]


@dataclasses.dataclass(frozen=True)
class View:
    """What is shown.

    :ivar sentences: what comes before the table, the summary first
    :ivar columns: of the table
    :ivar rows: of the table
    :ivar exit_code: for monitoring
    :ivar done: whether nothing of it will change by itself
    """

    sentences: tuple[str, ...]
    columns: tuple[str, ...]
    rows: list[rows.Row]
    exit_code: int
    done: bool


def look(own: command.FailoverCommand,
         arguments: argparse.Namespace) -> View:
    """Read the records, and ask the engine.

    :param own: reads and asks
    :param arguments: of ``status``
    :raises FailoverException: if the records cannot be read
    """
    plans = [own.read_records(name).judge(server_plans.PlanOptions())
             for name in _names(own, arguments)]
    said, problem = command.ask_engine(lambda client: _asked(client, plans))
    excluded = exclusions.Exclusions.from_health(said.get('health', {}))
    plans = [plan.excluding(excluded) for plan in plans]
    every = [backend_status.of(plan, own.recoveries(plan), said.get(
        'status', {}).get(plan.backend.name, {})) for plan in plans]
    shown = _narrowed(own, arguments, every)
    columns, table = _table(arguments, shown, said)
    answered = not problem
    paused = any(pausing.in_effect(said.get('health', {}),
                                   plan.backend.name) for plan in plans)
    return View(
        (*_summaries(arguments, shown), *filter(None, [problem]),
         *(sentence for plan in plans
           for sentence in command.missing_cells(plan.problems)),
         *_engine_says(plans if arguments.backend else (), said)),
        columns, table, backend_status.exit_code(shown, answered, paused),
        _done(shown, said))


def _narrowed(own: command.FailoverCommand, arguments: argparse.Namespace,
              every: _States) -> _States:
    servers = [one.server for found in every for one in found.plan.servers]
    resolved = argparse.Namespace(**{
        **vars(arguments),
        'project': selection.project_ids(arguments.project, servers)})
    return status_filters.narrow(resolved, every, selection.hosts_within(
        arguments, own.readers()[1]))


def _names(own: command.FailoverCommand,
           arguments: argparse.Namespace) -> list[str]:
    if arguments.backend:
        return [arguments.backend]
    return [backend.name for backend in own.replicated()]


def _asked(client: Any, plans: Sequence[Any]) -> dict[str, Any]:
    names = [plan.backend.name for plan in plans]
    return {'health': client.health(),
            'counts': client.progress(names) if names else {},
            'status': {name: client.status(name) for name in names}}


def _table(arguments: argparse.Namespace, shown: _States,
           said: dict[str, Any]) -> tuple[tuple[str, ...], list[rows.Row]]:
    if arguments.backend or status_filters.given(arguments):
        return rows.STATUS_COLUMNS, [
            row for found in shown for row in found.rows()]
    counts = said.get('counts', {})
    return rows.BACKEND_COLUMNS, [
        rows.backend_row(found.plan, counts.get(found.plan.backend.name, {}),
                         said.get('health', {})) for found in shown]


def _summaries(arguments: argparse.Namespace, shown: _States) -> list[str]:
    if arguments.backend:
        return [backend_status.summary(found) for found in shown]
    every = [state for found in shown for state in found.states()]
    return ['%s on replicated backends' % backend_status.counted(every)]


def _engine_says(plans: Sequence[Any], said: dict[str, Any]) -> list[str]:
    sentences = pausing.sentences(
        said.get('health', {}), plans[0].backend.name if plans else '')
    if not plans:
        sentences += excluding.sentences(said.get('health', {}))
    for plan in plans:
        sentences += _awaited(plan, said.get('status', {}).get(
            plan.backend.name, {}))
    return sentences + [
        'The engine waits: %s' % known['reason'] for plan in plans
        if (known := said.get('status', {}).get(plan.backend.name, {})
            ).get('reason')]


def _awaited(plan: Any, known: dict[str, Any]) -> list[str]:
    ids = frozenset(known.get('awaited') or ())
    found = [one for one in plan.servers if one.server.id in ids]
    if not found:
        return []
    names = [one.server.name or one.server.id for one in found]
    return ['Less urgent servers wait for %s of priority %d: %s.' % (
        wording.count(len(found), 'server'), found[0].priority,
        ', '.join([*names[:NAMES], *(
            ['and %d more' % (len(names) - NAMES)] if names[NAMES:]
            else [])]))]


def _done(shown: _States, said: dict[str, Any]) -> bool:
    counts = said.get('counts', {})
    return all(found.converged or (found.at_rest and _idle(
        counts.get(found.plan.backend.name, {}))) for found in shown)


def _idle(known: dict[str, Any]) -> bool:
    return bool(known.get('done')) and not known.get('unasked')

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


"""Which servers ``status`` shows; pure functions."""

import argparse
from collections.abc import Callable, Iterable, Sequence
import dataclasses

from nova_failover_ext.cli import backend_status
from nova_failover_ext.cli import errors
from nova_failover_ext.cli import selection
from nova_failover_ext.engine import model

_States = Sequence[backend_status.BackendStatus]
_KINDS: dict[str, Callable[[model.Server], set[str | None]]] = {
    'server': lambda server: {server.id, server.name},
    'project': lambda server: {server.project_id},
    'host': lambda server: {server.host}}


def given(arguments: argparse.Namespace) -> bool:
    """Return whether only some servers are wanted."""
    return bool(arguments.state) or selection.narrows(arguments)


def narrow(arguments: argparse.Namespace, every: _States,
           within: frozenset[str] | None = None) -> _States:
    """Leave out the servers that are not wanted.

    :param arguments: with projects by their ids
    :param every: of each backend
    :param within: names of compute hosts; only servers there are wanted, None
        for wherever they are
    :raises NotFound: if a server, project or host that is named is not there
    """
    asked = {kind: wanted for kind in _KINDS
             if (wanted := getattr(arguments, kind))}
    for kind, wanted in asked.items():
        _require(kind, wanted, every)
    for kind, wanted in asked.items():
        every = [_only(found, wanted, _KINDS[kind]) for found in every]
    if within is not None:
        every = [_only(found, within, _KINDS['host']) for found in every]
    return [found.in_states(arguments.state) for found in every]


def _only(found: backend_status.BackendStatus, wanted: Iterable[str],
          named: Callable[[model.Server], set[str | None]]
          ) -> backend_status.BackendStatus:
    kept = tuple(one for one in found.plan.servers
                 if not named(one.server).isdisjoint(wanted))
    return dataclasses.replace(
        found, plan=dataclasses.replace(found.plan, servers=kept))


def _require(kind: str, wanted: Iterable[str], every: _States) -> None:
    there = {name for found in every for one in found.plan.servers
             for name in _KINDS[kind](one.server)}
    missing = sorted(set(wanted) - there)
    if missing:
        raise errors.NotFound('No %s %s has a volume of %s.' % (
            kind, ', '.join(missing),
            ' or '.join(found.plan.backend.name for found in every)
            or 'a replicated backend'))

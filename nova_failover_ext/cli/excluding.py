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

"""What an engine says of exclusions, as sentences and rows."""

from collections.abc import Iterable, Mapping
import shlex
from typing import Any

from nova_failover_ext.api import exclusions
from nova_failover_ext.api import wording
from nova_failover_ext.cli import errors
from nova_failover_ext.engine import model

COLUMNS = ('Kind', 'ID', 'Name', 'Since', 'Until', 'By', 'Reason')


def rows(said: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each exclusion, fit for COLUMNS.

    :param said: see ``EngineAPI.health``
    """
    return [(one.kind.words, one.target, one.name, one.when, one.end, one.who,
             one.reason) for one in exclusions.Exclusions.from_health(
                 said).all()]


def sentences(said: Mapping[str, Any]) -> list[str]:
    """Return what an operator has to know of exclusions.

    :param said: see ``EngineAPI.health``
    """
    return ['%s.' % one
            for one in exclusions.Exclusions.from_health(said).all()]


def counted(number: int) -> str:
    """Return how many servers are left alone, in words."""
    return '%s %s excluded' % (wording.count(number, 'server'),
                               'is' if number == 1 else 'are')


def refuse(servers: Iterable[model.Server],
           current: exclusions.Exclusions) -> None:
    """Refuse to recover what is excluded.

    :param servers: those that an operator has named
    :raises Excluded: if one of them is excluded
    """
    for server in servers:
        found = current.covering(server.id, server.project_id, server.host)
        if found:
            raise errors.Excluded(
                'Server %s is left alone: %s. To recover it, run '
                '"nova-failover include --%s %s" first.' % (
                    server.name or server.id, found, found.kind.value,
                    shlex.quote(found.target)))

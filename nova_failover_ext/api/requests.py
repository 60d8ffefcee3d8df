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

"""What an operator asks of the engines, as plain data for the bus."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from nova_failover_ext.recovery import policy as policies

#: The least urgent priority.
LAST_PRIORITY = 5
#: How many servers or projects a text names.
MOST_NAMES = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """Which servers are to be recovered, and how.

    :ivar backend: name of the backend
    :ivar projects: ids of projects, none for all
    :ivar servers: ids of servers, none for all
    :ivar ignore_stamps: ask about every server, whatever its stamps say
    :ivar policy: overrules metadata and configuration, None for neither
    :ivar priority_at_most: leave out less urgent servers (1 is the most
        urgent)
    :ivar limit: the number of servers to recover, None for all
    :ivar failover_id: request id to record, None for any
    :ivar barrier: whether less urgent servers wait until the more urgent ones
        have ended
    :ivar who: who asks for it, as USER@HOST; '' if that is not known
    """

    backend: str
    projects: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    ignore_stamps: bool = False
    policy: str | None = None
    priority_at_most: int = LAST_PRIORITY
    limit: int | None = None
    failover_id: str | None = None
    barrier: bool = False
    who: str = ''

    def __post_init__(self) -> None:
        """Refuse nonsense.

        :raises ValueError: if a value is out of range, in one sentence
        """
        if not self.backend:
            raise ValueError('a request needs a backend')
        if self.policy is not None:
            policies.Policy(self.policy)
        if not 1 <= self.priority_at_most <= LAST_PRIORITY:
            raise ValueError('a priority is a number from 1 to %d, not %s'
                             % (LAST_PRIORITY, self.priority_at_most))
        if self.limit is not None and self.limit < 1:
            raise ValueError('a limit is 1 or more, not %s' % self.limit)

    @property
    def whole(self) -> bool:
        """Whether every server of the backend is asked for."""
        return not (self.projects or self.servers or self.limit
                    or self.priority_at_most < LAST_PRIORITY)

    def __str__(self) -> str:
        """Return what is asked for, and by whom."""
        given = {field.name: getattr(self, field.name)
                 for field in dataclasses.fields(self)
                 if field.name not in ('backend', 'failover_id', 'who')
                 and getattr(self, field.name) != field.default}
        options = ['%s: %s' % (name.replace('_', ' '), _in_words(value))
                   for name, value in given.items()]
        return '%s asks for a recovery of %s (request %s)%s' % (
            self.who or 'An operator', self.backend, self.failover_id,
            options and '; ' + '; '.join(options) or '')

    def to_primitive(self) -> dict[str, Any]:
        """Return plain data for the bus."""
        return dict(dataclasses.asdict(self), projects=list(self.projects),
                    servers=list(self.servers))

    @classmethod
    def from_primitive(cls, primitive: Mapping[str, Any]) -> 'Request':
        """Rebuild it; keys of a newer sender are left out.

        :param primitive: what :meth:`to_primitive` returned, maybe elsewhere
        :raises ValueError: if a value is out of range or the backend missing
        """
        names = {field.name for field in dataclasses.fields(cls)}
        known = {k: v for k, v in primitive.items() if k in names}
        known['backend'] = known.get('backend') or ''
        for many in ('projects', 'servers'):
            known[many] = tuple(known.get(many) or ())
        return cls(**known)


def _in_words(value: Any) -> str:
    if not isinstance(value, tuple):
        return str(value)
    more = len(value) - MOST_NAMES
    return ', '.join([*value[:MOST_NAMES],
                      *(['and %d more' % more] if more > 0 else [])])

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

"""What it means to pause recoveries, as plain data for bus and database."""

from collections.abc import Iterable, Mapping
import dataclasses
import datetime
from typing import Any

from nova_failover_ext.api import decisions

#: Stands for every backend; no backend has this name.
EVERYTHING = ''
#: The user of a pause that the engine itself has decided.
ENGINE = 'nova-failover-engine'


@dataclasses.dataclass(frozen=True, slots=True)
class Pause(decisions.Decision):
    """A decision that no recovery may start, mostly an operator's.

    :ivar backend: name of the backend, :data:`EVERYTHING` for all
    :ivar reason: why, in one line
    :ivar user: who ran the command, :data:`ENGINE` for nobody
    :ivar host: name of the host on which that was
    :ivar since: when the engine was told, naive UTC in whole seconds
    """

    backend: str
    reason: str
    user: str
    host: str
    since: datetime.datetime = dataclasses.field(
        default_factory=decisions.now)

    def check(self) -> None:
        """Refuse nonsense before it takes effect.

        A pause that is in effect is never checked: it counts, whatever
        somebody has written into the database by hand.

        :raises ValueError: if a value is out of range, in one sentence
        """
        self.check_texts('a pause', self.backend)

    def __str__(self) -> str:
        """Return who decided what, when and why."""
        return 'Recoveries of %s are paused by %s since %s: %s' % (
            self.subject, self.who, self.when, self.reason)

    @property
    def subject(self) -> str:
        """What is paused, in words."""
        return self.backend or 'every backend'

    @property
    def by_engine(self) -> bool:
        """Whether the engine itself has decided it."""
        return self.user == ENGINE

    def to_primitive(self) -> dict[str, str]:
        """Return plain data for the bus."""
        return {'backend': self.backend, 'reason': self.reason,
                'user': self.user, 'host': self.host,
                'since': self.since.isoformat(timespec='seconds')}

    @classmethod
    def from_primitive(cls, primitive: Mapping[str, Any]) -> 'Pause':
        """Rebuild it; keys of a newer sender are left out.

        :param primitive: what :meth:`to_primitive` returned, maybe
            elsewhere; without ``since`` the pause begins now
        :raises ValueError: if ``since`` is not a time
        """
        values: dict[str, Any] = {
            name: str(primitive.get(name) or '')
            for name in ('backend', 'reason', 'user', 'host')}
        if primitive.get('since'):
            values['since'] = datetime.datetime.fromisoformat(
                primitive['since'])
        return cls(**values)


def applying(pauses: Iterable[Pause], backend: str) -> list[Pause]:
    """Return the pauses that hold a backend back, that of all first.

    :param pauses: those in effect
    :param backend: name of the backend, :data:`EVERYTHING` for all of them
    """
    return sorted((pause for pause in pauses
                   if not backend or pause.backend in (EVERYTHING, backend)),
                  key=lambda pause: pause.backend)

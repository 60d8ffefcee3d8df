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

"""What operators exclude from recovery, as plain data for bus and database."""

from collections.abc import Iterable, Mapping
import dataclasses
import datetime
import enum
from typing import Any

from nova_failover_ext.api import decisions


class Kind(enum.StrEnum):
    """What can be excluded; the values are also options of the commands."""

    SERVER = 'server'
    PROJECT = 'project'
    HOST = 'host'
    AGGREGATE = 'aggregate'
    ZONE = 'availability-zone'

    @property
    def words(self) -> str:
        """What it is called in a sentence."""
        return self.value.replace('-', ' ')


#: These stand for the hosts that are in them at present.
HOST_GROUPS = frozenset({Kind.AGGREGATE, Kind.ZONE})


@dataclasses.dataclass(frozen=True, slots=True)
class Exclusion(decisions.Decision):
    """An operator's decision that some servers are left alone.

    :ivar kind: what is excluded
    :ivar target: the id of a server, project or aggregate; the name of a
        host or availability zone
    :ivar name: what operators call it, the target itself where it has no
        other name
    :ivar reason: why, in one line
    :ivar user: who ran the command
    :ivar host: name of the host on which the command ran
    :ivar since: when the engine was told, naive UTC in whole seconds
    :ivar until: when it ends by itself, naive UTC, None for never
    :ivar hosts: the compute hosts that are in it at present; empty unless it
        is an aggregate or an availability zone
    """

    kind: Kind
    target: str
    name: str
    reason: str
    user: str
    host: str
    since: datetime.datetime = dataclasses.field(
        default_factory=decisions.now)
    until: datetime.datetime | None = None
    hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Bring the reason into one line, and have a name."""
        decisions.Decision.__post_init__(self)
        object.__setattr__(self, 'name', self.name or self.target)

    def check(self) -> None:
        """Refuse nonsense before it takes effect.

        An exclusion that is in effect is never checked: it counts, whatever
        somebody has written into the database by hand.

        :raises ValueError: if a value is out of range, in one sentence
        """
        if not self.target:
            raise ValueError('an exclusion needs a %s' % self.kind.words)
        self.check_texts('an exclusion', self.target, self.name)
        if self.until and self.until <= self.since:
            raise ValueError('the end of an exclusion is in the future')

    def __str__(self) -> str:
        """Return who decided what, when and why."""
        return '%s is excluded from recovery by %s since %s%s: %s' % (
            self.subject[0].upper() + self.subject[1:], self.who,
            self.when, ' until %s' % self.end if self.until else '',
            self.reason)

    @property
    def key(self) -> tuple[Kind, str]:
        """What no two exclusions have in common."""
        return self.kind, self.target

    @property
    def subject(self) -> str:
        """What is excluded, in words."""
        known = ' (%s)' % self.target if self.name != self.target else ''
        return '%s %s%s' % (self.kind.words, self.name, known)

    @property
    def end(self) -> str:
        """When it ends by itself, an ISO time with its zone, '' for never."""
        return decisions.iso(self.until) if self.until else ''

    def over(self, now: datetime.datetime) -> bool:
        """Return whether it has ended by itself.

        :param now: naive UTC
        """
        return self.until is not None and self.until <= now

    def to_primitive(self) -> dict[str, Any]:
        """Return plain data for the bus."""
        return {'kind': self.kind.value, 'target': self.target,
                'name': self.name, 'reason': self.reason, 'user': self.user,
                'host': self.host,
                'since': self.since.isoformat(timespec='seconds'),
                'until': self.until and self.until.isoformat(
                    timespec='seconds'),
                'hosts': sorted(self.hosts)}

    @classmethod
    def from_primitive(cls, primitive: Mapping[str, Any]) -> 'Exclusion':
        """Rebuild it; keys of a newer sender are left out.

        :param primitive: what :meth:`to_primitive` returned, maybe
            elsewhere; without ``since`` the exclusion begins now
        :raises ValueError: if its kind or a time is none
        """
        values: dict[str, Any] = {
            name: str(primitive.get(name) or '')
            for name in ('target', 'name', 'reason', 'user', 'host')}
        for name in ('since', 'until'):
            if primitive.get(name):
                values[name] = datetime.datetime.fromisoformat(
                    primitive[name])
        return cls(Kind(primitive.get('kind') or ''),
                   hosts=frozenset(primitive.get('hosts') or ()), **values)


class Exclusions:
    """Those in effect; to find that of a server costs nothing."""

    def __init__(self, exclusions: Iterable[Exclusion] = ()) -> None:
        """Put them in order.

        :param exclusions: no two of the same key
        """
        self._by_key = {one.key: one for one in sorted(
            exclusions, key=lambda one: (list(Kind).index(one.kind),
                                         one.name, one.target))}
        self._by_host: dict[str, Exclusion] = {}
        for one in self._by_key.values():
            for host in one.hosts:
                self._by_host.setdefault(host, one)

    @classmethod
    def from_health(cls, said: Mapping[str, Any]) -> 'Exclusions':
        """Return those that an engine tells of.

        :param said: see ``EngineAPI.health``; an older engine knows none
        """
        return cls(map(Exclusion.from_primitive,
                       said.get('exclusions') or ()))

    def __eq__(self, other: object) -> bool:
        """Return whether others are the same."""
        return (isinstance(other, Exclusions)
                and self._by_key == other._by_key)

    __hash__ = None  # type: ignore[assignment]

    def all(self) -> list[Exclusion]:
        """Return them, those of servers first."""
        return list(self._by_key.values())

    def get(self, key: tuple[Kind, str]) -> Exclusion | None:
        """Return that of a kind and target."""
        return self._by_key.get(key)

    def named(self, kind: Kind, text: str) -> Exclusion | None:
        """Return that of a target, or of a name that no two of a kind have.

        :param text: target or name
        """
        known = self.get((kind, text))
        called = [one for one in self.all()
                  if one.kind is kind and one.name == text]
        return known or (called[0] if len(called) == 1 else None)

    def covering(self, server_id: str, project_id: str,
                 host: str | None) -> Exclusion | None:
        """Return what excludes a server, None if nothing does.

        :param host: the compute host that it is on, None for none
        """
        return (self.get((Kind.SERVER, server_id))
                or self.get((Kind.PROJECT, project_id))
                or self.get((Kind.HOST, host or ''))
                or self._by_host.get(host or ''))

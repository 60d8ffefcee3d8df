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
"""Rounds of chaos: who dies when, drawn from a seed, and what came of it."""

import collections
import dataclasses
import itertools
import random
import statistics
import typing

from cloud.services import registry

#: All that may be killed. Of the first four, Cinder itself has need.
CINDERS = ('rabbitmq', 'mariadb', registry.CINDER_API.name,
           registry.CINDER_VOLUME.name)
VICTIMS = (*CINDERS, registry.NOVA_CONDUCTOR.name, registry.NOVA_COMPUTE.name,
           registry.ENGINE.name)
#: How often there is a second victim.
SECOND = 0.25
#: How long after the time that an undisturbed recovery takes one may die.
LATE = 1.3
#: Seconds for which a victim may stay dead.
DOWN = 20
#: Under this name all rounds are counted.
ALL = 'all'
#: Out of so many rounds, one kills in the midst of Cinder's own failover.
INSIDE = 4


@dataclasses.dataclass(frozen=True)
class Blow:
    """A victim's fate.

    :ivar victim: one of :data:`VICTIMS`
    :ivar part: the moment, in parts of the time that is disturbed
    :ivar down: seconds until it is started again
    """

    victim: str
    part: float
    down: float


@dataclasses.dataclass(frozen=True)
class Round:
    """A failover or a failback, and who dies in it.

    :ivar number: counted from 0
    :ivar inside: the blow falls before Cinder has ended its part
    :ivar lose: the site that is left is lost before
    :ivar blows: the victims
    """

    number: int
    inside: bool
    lose: bool
    blows: tuple[Blow, ...]

    @property
    def target(self) -> str:
        """The target of the failover, ``default`` in every other round."""
        return 'default' if self.number % 2 else 'secondary'

    def __str__(self) -> str:
        """For the line that is printed before."""
        blows = ', '.join(f'{blow.victim} at {blow.part:.2f} for '
                          f'{blow.down:.1f} s' for blow in self.blows)
        return (f'round {self.number + 1} to {self.target}'
                f'{", site lost" if self.lose else ""}'
                f'{", inside" if self.inside else ""}: {blows}')


def draw(seed: int, count: int) -> list[Round]:
    """Draw all rounds; the same seed and count give the same ones.

    :param seed: any number
    :param count: how many
    :returns: the rounds, of which each victim dies in about equally many
    """
    chance = random.Random(seed)  # noqa: S311
    inside = set(chance.sample(range(count), count // INSIDE))
    anybody, cinders = _turns(chance, VICTIMS), _turns(chance, CINDERS)
    rounds = []
    for number in range(count):
        within = number in inside
        victims = [next(cinders if within else anybody)]
        if not within and chance.random() < SECOND:
            victims.append(chance.choice(
                [name for name in VICTIMS if name not in victims]))
        late = 1 if within else LATE
        rounds.append(Round(
            # Going back needs both sites.
            number, within, not number % 2 and chance.random() < 0.5,
            tuple(Blow(name, chance.uniform(0, late),
                       chance.uniform(0, DOWN)) for name in victims)))
    return rounds


def _turns(chance: random.Random,
           names: tuple[str, ...]) -> typing.Iterator[str]:
    """Each name in turn, in an order of chance."""
    return itertools.cycle(chance.sample(names, len(names)))


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a round cost.

    :ivar seconds: from Cinder's record of the failover to the end of it all
    :ivar retries: recoveries of a server beyond the first
    :ivar cycles: how often QEMU was started
    :ivar revived: services that ended by themselves, and were started again
    :ivar commands: how often an operator had to act on Cinder
    """

    seconds: float
    retries: int = 0
    cycles: int = 0
    revived: int = 0
    commands: int = 0


class Tally:
    """Counts by victim."""

    COLUMNS = ('victim', 'rounds', 'seconds median', 'max', 'retries',
               'power cycles', 'revived', 'commands')

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self._outcomes: dict[str, list[Outcome]] = collections.defaultdict(
            list)

    def add(self, names: typing.Iterable[str], outcome: Outcome) -> None:
        """Note a round.

        :param names: whom to count it for
        :param outcome: what it cost
        """
        for name in names:
            self._outcomes[name].append(outcome)

    def lines(self) -> list[str]:
        """The table, a line for each victim.

        :returns: the lines, those with the names of the columns first
        """
        names = sorted(self._outcomes, key=lambda name: (name == ALL, name))
        rows = [self.COLUMNS, *(self._row(name, self._outcomes[name])
                                for name in names)]
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return ['  '.join(text.ljust(size) for text, size
                          in zip(row, wide, strict=True)).rstrip()
                for row in rows]

    @staticmethod
    def _row(name: str, outcomes: list[Outcome]) -> tuple[str, ...]:
        seconds = [each.seconds for each in outcomes]
        sums = (sum(each.retries for each in outcomes),
                sum(each.cycles for each in outcomes),
                sum(each.revived for each in outcomes),
                sum(each.commands for each in outcomes))
        return (name, str(len(outcomes)),
                f'{statistics.median(seconds):.1f}', f'{max(seconds):.1f}',
                *map(str, sums))

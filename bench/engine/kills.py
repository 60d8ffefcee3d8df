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


"""Two engines, and the acting one is killed at seeded moments."""

import collections
from collections.abc import Iterator
import dataclasses
import random
import time

from bench.engine import engines
from bench.engine import simulation

_TARGETS = ('site-b', '')
_PATIENCE = 400


@dataclasses.dataclass(frozen=True)
class Round:
    """What came of one failover.

    :ivar killed_at: part of the undisturbed span at which it was killed
    :ivar healed: servers that were when it was
    :ivar power_cycles: how many servers had that many of them
    :ivar failover_ids: request ids that the power cycles have
    :ivar twice: calls that found another one at work on their server
    """

    number: int
    killed: str
    killed_at: float
    healed: int
    seconds: float
    power_cycles: dict[int, int]
    failover_ids: int
    twice: int

    def good(self, servers: int) -> bool:
        """Return whether each server was power-cycled once."""
        return self.power_cycles == {1: servers}


class Kills:
    """Failovers and failbacks of the same servers by two engines."""

    def __init__(self, bench: simulation.Simulation, servers: int,
                 seed: int) -> None:
        """Start both engines."""
        self._bench = bench
        self._servers = servers
        self._random = random.Random(seed)
        bench.fill(servers)
        options = {**bench.options(), 'leader_timeout': 8}
        self._engines = {
            name: engines.Engine(bench.conf, name, **options)
            for name in ('engine-one', 'engine-two')}

    def run(self, rounds: int) -> Iterator[Round]:
        """Kill that many times, after a failover without a kill."""
        try:
            for engine in self._engines.values():
                engine.start()
            self._bench.leader()
            self._bench.wait_for_first_scan()
            span = self._undisturbed()
            for number in range(1, rounds + 1):
                yield self._round(number, span)
        finally:
            for engine in self._engines.values():
                engine.stop()

    def _begin(self, number: int) -> float:
        self._bench.data.forget_power_cycles()
        self._bench.total.begin()
        return self._bench.fail_over(_TARGETS[number % 2])

    def _undisturbed(self) -> float:
        began = self._begin(0)
        sums = self._bench.total.wait_for(self._servers, _PATIENCE)
        span = sums['last'] - began
        self._bench.wait_until_done(_PATIENCE)
        return span

    def _round(self, number: int, span: float) -> Round:
        leader = self._bench.leader()
        part = self._random.random()
        began = self._begin(number)
        time.sleep(max(0.0, began + part * span - time.time()))
        self._engines[leader].kill()
        healed = int(self._bench.total.update()['recovered'])
        sums = self._bench.total.wait_for(self._servers, _PATIENCE)
        seconds = sums['last'] - began
        # It is the standby from now on.
        self._engines[leader].start()
        self._bench.leader()
        self._bench.wait_until_done(_PATIENCE)
        sums = self._bench.total.update()
        return Round(
            number, leader, part, healed, seconds,
            dict(collections.Counter(self._bench.data.power_cycles())),
            len(self._bench.data.failover_ids()), int(sums['twice']))

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


"""One failover of a number of volumes, measured."""

import time

from bench.engine import engines
from bench.engine import ratios
from bench.engine import simulation

TARGET = 'site-b'
PATIENCE = 120


def measure(bench: simulation.Simulation, volumes: int,
            profile: bool = False) -> ratios.Run:
    """Fail over that many volumes, with an engine of their own.

    :param volumes: two for each server
    :param profile: whether the engine writes down where its time goes
    :raises waiting.WaitTimeout: if it takes too long by far
    """
    servers = volumes // 2
    bench.fill(servers)
    engine = engines.Engine(bench.conf, f'engine-{volumes}',
                            **bench.options())
    engine.start(profile)
    try:
        return _measure(bench, engine, servers)
    finally:
        engine.stop()


def _measure(bench: simulation.Simulation, engine: engines.Engine,
             servers: int) -> ratios.Run:
    size = bench.size
    bench.leader()
    bench.wait_for_first_scan()
    bench.total.begin()
    before = (engine.used().cpu, bench.data.statements(),
              bench.cinder.requests, bench.cinder.lists)
    limit = 2 * servers * size.latency / size.concurrency
    began = bench.fail_over(TARGET)
    bench.total.wait_for(servers, PATIENCE + 5 * limit)
    bench.wait_until_done(PATIENCE)
    sums = bench.total.update()
    used = engine.used()
    converged = time.time() - began
    return ratios.Run(
        volumes=2 * servers, servers=servers, concurrency=size.concurrency,
        latency=size.latency, calls=int(sums['array_calls']),
        most=int(sums['array_most']), seconds=sums['last'] - began,
        converged=converged, cpu=used.cpu - before[0],
        hosts_cpu=sums['cpu'], peak=used.peak,
        statements=bench.data.statements() - before[1],
        requests=bench.cinder.requests - before[2],
        full_scans=bench.cinder.lists - before[3])

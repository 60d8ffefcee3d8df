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


"""``python -m bench.engine``: fail many volumes over, or kill engines."""

import argparse
import pathlib

import prettytable

from bench.engine import conf
from bench.engine import kills
from bench.engine import measurement
from bench.engine import ratios
from bench.engine import simulation

SIZES = (100, 1000, 10000)


def main() -> int:
    """Read the command line, measure, and print a table.

    :returns: the exit code, 1 if a figure is not as wanted
    """
    args = _arguments()
    size = simulation.Size(latency=args.latency, hosts=args.hosts)
    with simulation.running(args.root, args.port_base, size) as bench:
        if args.kills:
            return _kills(bench, args)
        return _sizes(bench, args)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m bench.engine', description=__doc__)
    parser.add_argument('volumes', nargs='*', type=int, default=SIZES,
                        help='numbers of volumes, by default %s'
                             % ', '.join(map(str, SIZES)))
    parser.add_argument('--kills', type=int, metavar='NUMBER',
                        help='kill the acting one of two engines that often')
    parser.add_argument('--servers', type=int, default=500,
                        help='servers that are recovered while engines are '
                             'killed')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--latency', type=float, default=0.1,
                        help='seconds that the array takes for a connection')
    parser.add_argument('--hosts', type=int, default=50,
                        help='simulated compute hosts')
    parser.add_argument('--profile', action='store_true',
                        help='have the engine write down where its time '
                             'goes, to its log below the root')
    parser.add_argument('--root', type=pathlib.Path, default=conf.ROOT)
    parser.add_argument('--port-base', type=int, default=conf.PORT_BASE)
    return parser.parse_args()


def _sizes(bench: simulation.Simulation, args: argparse.Namespace) -> int:
    runs = []
    for volumes in sorted(args.volumes):
        runs.append(measurement.measure(bench, volumes, args.profile))
        print(ratios.text(runs), flush=True)
    missed = ratios.missed(runs)
    for sentence in missed:
        print('Missed: %s.' % sentence)
    return int(bool(missed))


def _kills(bench: simulation.Simulation, args: argparse.Namespace) -> int:
    print('seed %d, %d servers' % (args.seed, args.servers))
    rounds = []
    shown = prettytable.PrettyTable([
        'round', 'killed', 'at', 'healed then', 'seconds', 'power cycles',
        'failover ids', 'twice'])
    for one in kills.Kills(bench, args.servers, args.seed).run(args.kills):
        rounds.append(one)
        shown.add_row([
            one.number, one.killed, f'{one.killed_at:.2f}', one.healed,
            f'{one.seconds:.1f}', one.power_cycles, one.failover_ids,
            one.twice])
        print(shown, flush=True)
    bad = [one for one in rounds if not one.good(args.servers)]
    print('%d of %d rounds with one power cycle for each server'
          % (len(rounds) - len(bad), len(rounds)))
    return int(bool(bad))

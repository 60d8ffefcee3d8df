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


"""The table of the runs, and whether the figures are as wanted."""

import dataclasses

import prettytable

#: Total time against the limit that the array sets, at the largest size.
WANTED_RATIO = 1.25
#: Cost of a volume at the largest size against the one before.
WANTED_GROWTH = 1.15


@dataclasses.dataclass(frozen=True)
class Run:
    """One run; what is counted is the engine's unless it says otherwise.

    :ivar concurrency: servers that may be recovered at the same time
    :ivar latency: seconds that the array takes for a connection
    :ivar calls: connections that the array was asked for
    :ivar most: of them at the same time
    :ivar seconds: from the notification until the last server was healed
    :ivar converged: the same until the engine said that nothing is left
    :ivar cpu: seconds
    :ivar hosts_cpu: of the simulated hosts, in seconds
    :ivar peak: memory in MiB
    :ivar statements: sent to the databases
    :ivar requests: answered by Cinder
    :ivar full_scans: lists of all volumes
    """

    volumes: int
    servers: int
    concurrency: int
    latency: float
    calls: int
    most: int
    seconds: float
    converged: float
    cpu: float
    hosts_cpu: float
    peak: float
    statements: int
    requests: int
    full_scans: int

    @property
    def limit(self) -> float:
        """Seconds that one call for each volume takes, at best."""
        return self.volumes * self.latency / self.concurrency

    @property
    def cost(self) -> float:
        """Seconds for each volume."""
        return self.seconds / self.volumes


def figures(run: Run) -> dict[str, str]:
    """Return what is printed of a run, as text by its name."""
    return {
        'volumes': f'{run.volumes:,}',
        'servers': f'{run.servers:,}',
        'seconds until all are healed': f'{run.seconds:.1f}',
        'seconds until it says so': f'{run.converged:.1f}',
        'calls of the array for a volume':
            f'{run.calls / run.volumes:.2f}',
        'calls at a time, at most': str(run.most),
        'ratio to the limit': f'{run.seconds / run.limit:.2f}',
        'ms for a volume': f'{1000 * run.cost:.2f}',
        'CPU of the engine, s': f'{run.cpu:.1f}',
        'CPU of the engine for a server, ms':
            f'{1000 * run.cpu / run.servers:.1f}',
        'CPU of the simulated hosts, s': f'{run.hosts_cpu:.1f}',
        'peak memory of the engine, MiB': f'{run.peak:.0f}',
        'statements for a volume': f'{run.statements / run.volumes:.3f}',
        'requests to Cinder for a volume':
            f'{run.requests / run.volumes:.4f}',
        'full scans': str(run.full_scans)}


def text(runs: list[Run]) -> str:
    """Return the table, a column for each run."""
    table = prettytable.PrettyTable(header=False)
    for name in figures(runs[0]):
        table.add_row([name, *(figures(run)[name] for run in runs)])
    table.align = 'r'
    table.align['Field 1'] = 'l'
    return str(table)


def missed(runs: list[Run]) -> list[str]:
    """Return the figures that are not as wanted, in sentences.

    :param runs: the smallest first
    """
    last, found = runs[-1], []
    if last.seconds / last.limit > WANTED_RATIO:
        found.append('with %d volumes it takes %.2f times the limit, %.2f '
                     'is wanted' % (
                         last.volumes, last.seconds / last.limit,
                         WANTED_RATIO))
    if len(runs) > 1 and last.cost > WANTED_GROWTH * runs[-2].cost:
        found.append('a volume of %d costs %.2f times one of %d, %.2f is '
                     'wanted' % (last.volumes, last.cost / runs[-2].cost,
                                 runs[-2].volumes, WANTED_GROWTH))
    return found

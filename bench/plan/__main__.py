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

"""Measure a plan for a cloud of thousands.

Servers with volumes are made in two cells, databases of SQLite with Nova's
own schema; a process of its own stands in for Cinder's API and answers in
pages, as long as Cinder's are. Then one process takes a survey of the backend
through the real readers, and another one runs ``nova-failover plan -f csv``.
For both it prints the seconds, the CPU time and the peak memory, for the
survey also the seconds in requests to Cinder, those requests and the
statements. The exit code is 1 if one takes more than 60 s or 1 GiB, or if
there is more than one statement for cells and, in each cell, one for services
and two for each batch of volumes.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from bench.plan import sqlite_cloud
from bench.plan import subjects

SECONDS = 60.0
MEBIBYTES = 1024.0


def run(volumes: int) -> int:
    """Make the cloud, measure, and print a table.

    :returns: the exit code
    """
    own = [sys.executable, '-W', 'ignore', '-m', 'bench.plan',
           '--volumes', str(volumes)]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        # A process begins with the peak memory of the one that starts it.
        subprocess.run([*own, '--make', name], check=True)
        with subprocess.Popen([*own, '--serve'], stdout=subprocess.PIPE,
                              text=True) as server:
            try:
                port = server.stdout.readline() if server.stdout else ''
                conf = sqlite_cloud.write_conf(folder, int(port),
                                               subjects.BATCH)
                done = subprocess.run([*own, '--survey', str(conf)],
                                      check=True, stdout=subprocess.PIPE)
                figures = {
                    'survey': json.loads(done.stdout.splitlines()[-1]),
                    'nova-failover plan': subjects.command(str(conf), folder)}
            finally:
                server.kill()
    for part, values in figures.items():
        print('%s of %d volumes:' % (part, volumes))
        for figure, value in values.items():
            print('  %-30s %10.1f' % (figure, value))
    failures = [text for part, values in figures.items()
                for text in missed(part, values, volumes)]
    print('\n'.join(failures))
    return int(bool(failures))


def missed(name: str, figures: dict[str, Any], volumes: int) -> list[str]:
    """Return what is above its limit, as sentences."""
    batches = -(-volumes // subjects.BATCH)
    limits = {'seconds': SECONDS, 'peak MiB': MEBIBYTES,
              'statements': 1 + sqlite_cloud.CELLS * (1 + 2 * batches),
              'servers that are missing': 0, 'exit code': 0}
    figures = {'servers that are missing': volumes // 2 - figures['servers'],
               **figures}
    return ['%s: %s is %.1f, the limit is %.1f'
            % (name, figure, figures[figure], limit)
            for figure, limit in limits.items()
            if figures.get(figure, 0) > limit]


def main() -> int:
    """Read the command line, and do what it says.

    :returns: the exit code
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--volumes', type=int, default=100000,
                        help='how many, two for each server (%(default)s)')
    parser.add_argument('--make', metavar='FOLDER', type=pathlib.Path,
                        help='make the databases in this process')
    parser.add_argument('--serve', action='store_true',
                        help='stand in for Cinder in this process')
    parser.add_argument('--survey', metavar='CONF',
                        help='take a survey in this process, and print JSON')
    args = parser.parse_args()
    if args.make:
        sqlite_cloud.make(args.make, args.volumes)
    elif args.serve:
        sqlite_cloud.serve(args.volumes)
    elif args.survey:
        print(json.dumps(subjects.survey(args.survey)))
    else:
        return run(args.volumes)
    return 0


if __name__ == '__main__':
    sys.exit(main())

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

"""What is measured: a survey in this process, and the command in its own."""

import os
import pathlib
import resource
import subprocess
import sys
import time
from typing import Any

from bench import simulated_cinder

BATCH = 500
_PROGRAM = ('import sys; from nova_failover_ext.cli import main;'
            'sys.exit(main.main(sys.argv[1:]))')


def survey(conf: str) -> dict[str, Any]:
    """Take a survey in this process.

    :returns: names of figures to values
    """
    from nova_failover_ext import startup
    startup.choose_threads()
    from nova_failover_ext.engine.inventory import cinder_reader
    from nova_failover_ext.engine.inventory import nova_reader
    from nova_failover_ext.engine.inventory import snapshot as surveys
    startup.configure(['bench', '--config-file', conf], {})
    statements = _counted()
    readers = cinder_reader.CinderReader(BATCH), nova_reader.NovaReader(BATCH)
    began, cpu = time.monotonic(), time.process_time()
    found = surveys.take(*readers, simulated_cinder.BACKEND)
    return {
        'seconds': time.monotonic() - began,
        'CPU seconds': time.process_time() - cpu,
        'peak MiB': _peak(resource.getrusage(resource.RUSAGE_SELF)),
        'seconds in requests to Cinder': readers[0].waited,
        'requests to Cinder': readers[0].spent['cinder'],
        'statements': len(statements), 'servers': len(found.servers),
        'volumes': sum(len(s.volumes) for s in found.servers)}


def _counted() -> list[None]:
    import sqlalchemy as sa
    seen: list[None] = []

    @sa.event.listens_for(sa.Engine, 'before_cursor_execute')
    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        # SQLite is told to BEGIN by a statement of its own.
        if statement.startswith('SELECT'):
            seen.append(None)

    return seen


def _peak(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1024


def command(conf: str, folder: pathlib.Path) -> dict[str, Any]:
    """Run ``nova-failover plan`` in a process of its own.

    :returns: names of figures to values
    """
    began = time.monotonic()
    with (folder / 'plan.csv').open('wb') as output:
        process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', _PROGRAM,
             '--config-file', conf, 'plan',
             simulated_cinder.BACKEND, '-f', 'csv'],
            stdout=output)
        _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    lines = (folder / 'plan.csv').read_text().count('\n')
    return {'seconds': time.monotonic() - began,
            'CPU seconds': used.ru_utime + used.ru_stime,
            'peak MiB': _peak(used), 'servers': lines - 1,
            'exit code': process.returncode}

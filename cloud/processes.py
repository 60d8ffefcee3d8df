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
"""Start daemons, find them again by their pid files, and stop them.

A process is only ever signalled when its creation time is the one that was
written down at its start, so that a reused pid is nobody's victim.
"""

import collections.abc
import json
import logging
import os
import pathlib
import subprocess

import psutil

from cloud import waiting

LOG = logging.getLogger(__name__)

#: Not for daemons: the first slows each start down, and RabbitMQ takes the
#: second for its own.
UNWANTED = ('PYTHONDONTWRITEBYTECODE', 'LOGS', 'PYTHONPATH', 'VIRTUAL_ENV')


class CommandError(Exception):
    """A command failed."""


class DaemonError(Exception):
    """A daemon did not start, or ended when it should not."""


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """The environment for anything the cloud runs.

    :param extra: variables to add
    :returns: the whole environment
    """
    env = {key: value for key, value in os.environ.items()
           if key not in UNWANTED and not key.startswith('OS_')}
    env.update(extra or {})
    return env


def run(argv: collections.abc.Sequence[object],
        extra_env: dict[str, str] | None = None, timeout: float = 300,
        text: str | None = None) -> str:
    """Run a command to its end.

    :param argv: the command
    :param extra_env: variables to add to the environment
    :param timeout: seconds it may take
    :param text: what it reads from standard input
    :returns: what it wrote to standard output
    :raises CommandError: when it fails or takes too long
    """
    words = [str(word) for word in argv]
    LOG.debug('running %s', ' '.join(words))
    try:
        done = subprocess.run(
            words, env=environment(extra_env), text=True, input=text or '',
            capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise CommandError(f'{words[0]} took over {timeout} s') from error
    LOG.debug('%s: %d\n%s%s', words[0], done.returncode, done.stdout[-4000:],
              done.stderr[-4000:])
    if done.returncode:
        raise CommandError(f'{" ".join(words)} failed: '
                           f'{(done.stderr or done.stdout)[-1500:]}')
    return done.stdout


class Daemon:
    """A process that outlives the command which started it."""

    def __init__(self, name: str, run_folder: pathlib.Path,
                 log_folder: pathlib.Path) -> None:
        """Only names it; see :meth:`start`.

        :param name: name of the daemon, also of its log
        :param run_folder: where the pid file goes
        :param log_folder: where its output goes
        """
        self.name = name
        self.pid_file = run_folder / f'{name}.pid.json'
        self.log = log_folder / f'{name}.log'

    def start(self, argv: collections.abc.Sequence[object],
              extra_env: dict[str, str] | None = None) -> None:
        """Start it, unless it runs.

        :param argv: the command
        :param extra_env: variables to add to the environment
        """
        if self.process():
            return
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        words = [str(word) for word in argv]
        LOG.debug('starting %s: %s', self.name, ' '.join(words))
        with self.log.open('ab') as output:
            process = subprocess.Popen(
                words, env=environment(extra_env), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd='/')
        created = psutil.Process(process.pid).create_time()
        self.pid_file.write_text(json.dumps(
            {'pid': process.pid, 'created': created, 'argv': words}))

    def process(self) -> psutil.Process | None:
        """Find the running process.

        :returns: the process, or None when it does not run
        """
        try:
            kept = json.loads(self.pid_file.read_text())
            process = psutil.Process(kept['pid'])
            if (abs(process.create_time() - kept['created']) < 1
                    and process.status() != psutil.STATUS_ZOMBIE):
                return process
        except (OSError, ValueError, psutil.NoSuchProcess):
            pass
        return None

    def family(self) -> list[psutil.Process]:
        """Find the running process and its workers.

        :returns: the process first, nothing when it does not run
        """
        process = self.process()
        return ([process, *process.children(recursive=True)] if process
                else [])

    def ready(self, check: collections.abc.Callable[[], object],
              timeout: float = 90) -> None:
        """Wait until the daemon does its work.

        :param check: true once it does
        :param timeout: seconds it may take
        :raises DaemonError: when it ends, or takes too long
        """
        def look() -> bool:
            if not self.process():
                raise DaemonError(f'{self.name} ended: {self.tail()}')
            return bool(check())

        try:
            waiting.wait_for(f'{self.name} to be ready', look, timeout)
        except waiting.WaitTimeout as error:
            raise DaemonError(f'{error}: {self.tail()}') from error

    def tail(self, lines: int = 12) -> str:
        """The end of its log.

        :param lines: how many lines
        :returns: the path of the log and its last lines
        """
        if not self.log.exists():
            return f'no {self.log}'
        text = self.log.read_text(errors='replace').splitlines()
        return f'see {self.log}\n' + '\n'.join(text[-lines:])

    def stop(self, timeout: float = 10) -> None:
        """Stop it with all its children, by force if need be.

        :param timeout: seconds it gets to end in an orderly way
        """
        process = self.process()
        if process:
            LOG.debug('stopping %s (pid %d)', self.name, process.pid)
            stop_tree(process, timeout)
        self.pid_file.unlink(missing_ok=True)


def stop_tree(process: psutil.Process, timeout: float = 10) -> None:
    """End a process and its children, by force if need be.

    :param process: the parent
    :param timeout: seconds they get to end in an orderly way
    """
    family = [process]
    try:
        family += process.children(recursive=True)
        process.terminate()
    except psutil.NoSuchProcess:
        return
    _gone, left = psutil.wait_procs(family, timeout=timeout)
    for member in left:
        LOG.debug('killing pid %d', member.pid)
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=5)

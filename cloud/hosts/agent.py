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
"""The program that makes a host out of a kernel, and takes requests.

Run in the host as ``python -m cloud.hosts.agent JSON``. Each connection brings
one request, a line of JSON with ``call`` and its arguments, and is given one
line in return: ``result``, or ``error``. Only the standard library may be
imported here.
"""

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import sys
import typing

from cloud.hosts import look
from cloud.hosts import nfs_server
from cloud.hosts import relay
from cloud.hosts import target

#: What a host's memory has of files on the machine.
CACHES = pathlib.Path('/proc/sys/vm/drop_caches')


class Failed(Exception):
    """A request could not be carried out."""


def refresh() -> None:
    """Forget what the kernel keeps of the machine's files.

    It never learns of their changes. Beside a dead NFS server this hangs.
    """
    CACHES.write_text('3')


def write(path: str, text: str) -> None:
    """Write a file, with the folders that it is in.

    :param path: the file
    :param text: its content
    """
    file = pathlib.Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def run(argv: list[str], timeout: float = 60, text: str = '') -> dict:
    """Run a command.

    :param argv: the command
    :param timeout: seconds it may take
    :param text: what it reads from standard input
    :returns: its exit code and output
    :raises Failed: if it cannot be started, or takes too long
    """
    try:
        done = subprocess.run(argv, input=text, text=True, check=False,
                              capture_output=True, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Failed(f'{argv[0]}: {exc}') from exc
    return {'code': done.returncode, 'out': done.stdout, 'err': done.stderr}


class Daemons:
    """What the agent has started, by name."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._children: dict[str, subprocess.Popen] = {}

    def start(self, name: str, argv: list[str], log: str,
              env: dict[str, str] | None = None) -> int:
        """Start a daemon, unless it runs.

        :param name: what it is called
        :param argv: the command
        :param log: the file for its output
        :param env: variables to add to its environment
        :returns: its process id
        :raises Failed: if it cannot be started
        """
        if pid := self.pid(name):
            return pid
        try:
            with open(log, 'ab') as output:
                child = subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=output,
                    stderr=output, start_new_session=True, cwd='/',
                    env={**os.environ, **(env or {})})
        except OSError as exc:
            raise Failed(f'{argv[0]}: {exc}') from exc
        self._children[name] = child
        return child.pid

    def pid(self, name: str) -> int:
        """Return the process id of a daemon, 0 if it does not run.

        :param name: what it was called at its start
        """
        child = self._children.get(name)
        return child.pid if child and child.poll() is None else 0

    def stop(self, name: str, kill: bool = False,
             timeout: float = 10) -> None:
        """Stop a daemon.

        :param name: what it was called at its start
        :param kill: do not let it end in an orderly way
        :param timeout: seconds that it gets
        """
        child = self._children.pop(name, None)
        if not child or child.poll() is not None:
            return
        child.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired:
            child.kill()


class Agent:
    """Carries requests out.

    :ivar calls: what may be asked for, by name
    """

    def __init__(self, config: dict[str, typing.Any]) -> None:
        """Nothing has been asked for yet.

        :param config: what the machine says about the host
        """
        daemons = Daemons()
        self.calls: dict[str, typing.Callable[..., typing.Any]] = {
            'run': run, 'write': write, 'refresh': refresh,
            'look': look.everything, 'start': daemons.start,
            'stop': daemons.stop, 'pid': daemons.pid}
        if config['target']:
            served = target.Target(**config['target'])
            shared = nfs_server.Server(config['target']['site'],
                                       config['target']['pool'])
            self.calls |= {'serve': served.serve, 'export': served.export,
                           'unexport': served.unexport, 'luns': served.luns,
                           'share': shared.share}

    def answer(self, line: bytes) -> dict[str, typing.Any]:
        """Carry out a request.

        :param line: the request
        :returns: the answer
        """
        try:
            request = json.loads(line)
            return {'result': self.calls[request.pop('call')](**request)}
        except (Failed, KeyError, TypeError, ValueError, OSError,
                subprocess.CalledProcessError, target.TargetError) as exc:
            return {'error': f'{type(exc).__name__}: {exc}'}

    async def handle(self, reader: asyncio.StreamReader,
                     writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        line = await reader.readline()
        if line:
            found = await asyncio.get_running_loop().run_in_executor(
                None, self.answer, line)
            writer.write(json.dumps(found).encode() + b'\n')
        writer.close()


def prepare(config: dict[str, typing.Any]) -> None:
    """Give the host its name, addresses and devices.

    :param config: what the machine says about it
    """
    def ip(*words: str) -> None:
        subprocess.run(['ip', *words], check=True)

    pathlib.Path('/proc/sys/kernel/hostname').write_text(config['name'])
    pathlib.Path('/etc/hosts').write_text(''.join(
        f'{address} {name}\n' for name, address in config['hosts'].items()))
    ip('link', 'set', 'lo', 'up')
    for number, address in enumerate(config['addresses']):
        ip('link', 'set', f'vec{number}', 'up')
        ip('addr', 'replace', f'{address}/24', 'dev', f'vec{number}')
    if config['modules']:
        subprocess.run(['modprobe', '-a', *config['modules']], check=True)
    subprocess.run(['/usr/lib/systemd/systemd-udevd', '--daemon'],
                   check=True)


async def main(config: dict[str, typing.Any]) -> None:
    """Serve until the host ends.

    :param config: what the machine says about it
    """
    await relay.listen('127.0.0.1', config['ports'], config['gateway'])
    server = await asyncio.start_server(
        Agent(config).handle, '0.0.0.0', config['port'], limit=1 << 22)
    print('ready', flush=True)
    await server.serve_forever()


if __name__ == '__main__':
    described = json.loads(pathlib.Path(sys.argv[1]).read_text())
    # A second agent finds the host as the first has made it.
    PREPARED = pathlib.Path('/run/prepared')
    if not PREPARED.exists():
        prepare(described)
        PREPARED.touch()
    asyncio.run(main(described))

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
"""One host: boot it, ask its agent, kill it, freeze it."""

import contextlib
import json
import logging
import os
import pathlib
import shutil
import socket
import typing

import psutil

from cloud.hosts import host_plan
from cloud.hosts import kernel
from cloud.hosts import network
from cloud import processes
from cloud import settings

LOG = logging.getLogger(__name__)


class HostError(Exception):
    """A host does not answer, or could not do what it was asked for."""


class Machine:
    """A host and its kernel, which is a process of the machine.

    :ivar host: its name, addresses and memory
    :ivar folder: what it writes on the machine
    :ivar daemon: its kernel
    """

    #: What its kernel has to load.
    modules: tuple[str, ...] = ()

    def __init__(self, conf: settings.Settings, host: host_plan.Host) -> None:
        """Only names it.

        :param conf: the settings
        :param host: which host
        """
        self.conf = conf
        self.host = host
        self.folder = conf.root / 'hosts' / host.name
        self.network = network.Network(conf)
        self.daemon = processes.Daemon(f'host-{host.name}', conf.run,
                                       conf.log)

    # To be said by each kind of host

    def shares(self) -> list[pathlib.Path]:
        """The folders of the machine that it writes to."""
        return [self.folder]

    def target(self) -> dict[str, typing.Any] | None:
        """Its target, if it has one; see ``cloud.hosts.target``."""
        return None

    # Booting

    def boot(self) -> None:
        """Boot it, unless it runs, and wait for its agent."""
        if not self.daemon.process():
            for share in self.shares():
                share.mkdir(parents=True, exist_ok=True)
            self.network.plug(self.host)
            self._write_config()
            files = kernel.Kernel(self.conf)
            # User-mode Linux removes a folder of a former process.
            names = self.conf.run / 'umid'
            shutil.rmtree(names / self.host.name, ignore_errors=True)
            self.daemon.start(
                [*self.network.enter, files.program,
                 *self._command_line(files, names)],
                {'TMPDIR': '/dev/shm'})
        self.daemon.ready(self.answers)

    def _write_config(self) -> None:
        """Write down what its agent has to know."""
        config = {
            'name': self.host.name,
            'addresses': [self.host.address(link) for link in host_plan.LINKS],
            'hosts': {'localhost': '127.0.0.1', **{
                each.name: each.address(0)
                for each in host_plan.HOSTS.values()}},
            'modules': list(self.modules), 'target': self.target(),
            'gateway': host_plan.GATEWAY, 'port': host_plan.AGENT_PORT,
            'ports': [self.conf.port(name) for name in host_plan.SERVICES]}
        file = self.folder / 'agent.json'
        file.write_text(json.dumps(config, indent=1))
        (self.folder / 'agent.sh').write_text(
            f'cd {self.conf.checkout}\nexport PYTHONDONTWRITEBYTECODE=1\n'
            f'exec {self.conf.venv("tool")}/bin/python -m cloud.hosts.agent '
            f'{file}\n')

    def _command_line(self, files: kernel.Kernel,
                      names: pathlib.Path) -> list[str]:
        """The kernel's command line."""
        here = self.conf.checkout / 'cloud' / 'hosts' / 'init'
        return [
            f'mem={self.host.megabytes}M', 'rootfstype=hostfs',
            'rootflags=/', 'ro', f'init={here}', 'con=null',
            'con0=null,fd:1', f'umid={self.host.name}', f'uml_dir={names}/',
            'seccomp=on', 'quiet', f'hosts={files.folder}',
            f'agent={self.folder}/agent.sh',
            *(f'share={share}' for share in self.shares()),
            *(f'vec{link}:transport=tap,ifname={self.host.tap(link)},'
              f'depth=64,gro=1,mac={self.host.mac(link)}'
              for link in host_plan.LINKS)]

    # Asking

    def call(self, what: str, within: float = 90,
             **arguments: object) -> typing.Any:
        """Ask its agent.

        :param what: what for; see ``cloud.hosts.agent``
        :param within: seconds it may take
        :param arguments: of the call
        :returns: the result
        :raises HostError: when it does not answer, or the call fails
        """
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(within)
                link.connect(str(self.network.agent(self.host)))
                link.sendall(json.dumps({'call': what,
                                         **arguments}).encode() + b'\n')
                with link.makefile('rb') as file:
                    line = file.readline()
            answer = json.loads(line)
        except (OSError, ValueError) as exc:
            raise HostError(f'{self.host.name}: {what}: {exc}') from exc
        if 'error' in answer:
            raise HostError(f'{self.host.name}: {what}: {answer["error"]}')
        return answer['result']

    def answers(self) -> bool:
        """Whether its agent answers."""
        try:
            self.call('pid', 5, name='none')
        except HostError:
            return False
        return True

    def run(self, *argv: object, timeout: float = 60) -> str:
        """Run a command on it.

        :param argv: the command
        :param timeout: seconds it may take
        :returns: its output
        :raises HostError: when it fails
        """
        words = [str(word) for word in argv]
        done = self.call('run', timeout + 10, argv=words, timeout=timeout)
        LOG.debug('%s: %s: %s\n%s%s', self.host.name, ' '.join(words),
                  done['code'], done['out'][-2000:], done['err'][-2000:])
        if done['code']:
            raise HostError(f'{self.host.name}: {" ".join(words)}: '
                            f'{(done["err"] or done["out"])[-1000:]}')
        return done['out']

    # Losing it

    def family(self) -> list[psutil.Process]:
        """All processes of the machine that are this host."""
        main = self.daemon.process()
        if not main:
            return []
        found = {main.pid: main}
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == main.pid:
                    found[process.pid] = process
            except ProcessLookupError:
                continue
        return list(found.values())

    def kill(self) -> None:
        """End it at once, as a power failure does."""
        LOG.info('killing host %s', self.host.name)
        family = self.family()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)

    def freeze(self) -> None:
        """Stop it, without its noticing."""
        LOG.info('freezing host %s', self.host.name)
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw(self) -> None:
        """Let it go on."""
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def is_frozen(self) -> bool:
        """Whether it is stopped."""
        main = self.daemon.process()
        return main is not None and main.status() == psutil.STATUS_STOPPED

    def stop(self) -> None:
        """End it for good."""
        self.thaw()
        self.kill()
        self.daemon.stop(0.3)


class Site(Machine):
    """A host that is a site of the storage."""

    def shares(self) -> list[pathlib.Path]:
        """Its own folder, and that of its volumes."""
        return [self.folder, self.pool]

    @property
    def pool(self) -> pathlib.Path:
        """The folder of its volumes on the machine."""
        return self.conf.storage / 'sites' / self.host.name

    def target(self) -> dict[str, typing.Any]:
        """What its target is to be."""
        return {'site': self.host.name, 'pool': str(self.pool),
                'table': str(self.folder / 'luns.json'),
                'addresses': [self.host.address(link) for link in (1, 2)]}

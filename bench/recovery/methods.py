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
"""The ways to recover servers whose backend has failed over."""

import abc
import collections
import concurrent.futures
import contextlib
import pathlib
import threading
import time
import typing

from cloud import processes
from cloud.scenario import world as worlds
from cloud.services import registry
from cloud import settings
from cloud import waiting


class Method(abc.ABC):
    """A way to recover.

    :cvar name: for the table
    :cvar plugin: whether it needs the engine; else Nova is unmodified
    :ivar servers: the root and the data volume of each server, by id
    """

    name = ''
    plugin = False

    def __init__(self, world: worlds.World) -> None:
        """Nothing has been done yet.

        :param world: the cloud
        """
        self.world = world
        self.conf: settings.Settings = world.conf
        self._lock = threading.Lock()
        self._spent: dict[str, float] = collections.defaultdict(float)
        self.servers: dict[str, tuple[str, str]] = {}

    def prepare(self, servers: dict[str, tuple[str, str]]) -> None:
        """Do what may be done before the disaster.

        :param servers: the root and the data volume of each server, by id
        """
        self.servers = servers

    @abc.abstractmethod
    def recover(self) -> None:
        """Recover all servers; returns when all has been asked for."""

    @contextlib.contextmanager
    def step(self, name: str) -> typing.Iterator[None]:
        """Count the seconds that a step takes.

        :param name: of the step
        """
        began = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._spent[name] += time.monotonic() - began

    def spent(self) -> str:
        """Where the time went, of all servers together.

        :returns: each step with its seconds
        """
        return ', '.join(f'{name} {seconds:.1f} s'
                         for name, seconds in self._spent.items())

    def _wait_status(self, server: str, status: str) -> None:
        """Wait for a server's status, as closely as one may."""
        compute = self.world.admin.compute

        def look() -> bool:
            now = compute.get_server(server)
            return now.status == status and not now.task_state

        waiting.wait_for(f'{server} to be {status}', look, 300, 0.5)


class Ours(Method):
    """Nobody does anything: the engine recovers."""

    name = 'nova-failover-engine'
    plugin = True

    def recover(self) -> None:
        """Nothing has to be done."""


class Script(Method):
    """What an operator writes: stop, refresh each volume, start.

    :cvar width: for how many servers at the same time
    """

    name = 'nova-manage, one by one'
    width = 1

    def prepare(self, servers: dict[str, tuple[str, str]]) -> None:
        """Get the connector of the host; it does not change."""
        super().prepare(servers)
        self._connector = self.conf.run / 'connector.json'
        self._connector.write_text(registry.NOVA_COMPUTE.manage(
            self.conf, 'nova-manage', 'volume_attachment', 'get_connector',
            '--json'))

    def recover(self) -> None:
        """Recover one server after the other, or several at once."""
        with concurrent.futures.ThreadPoolExecutor(self.width) as pool:
            for job in [pool.submit(self._one, server, volumes)
                        for server, volumes in self.servers.items()]:
                job.result()

    def _one(self, server: str, volumes: tuple[str, str]) -> None:
        """Recover a server; it boots while the next one is stopped."""
        with self.step('stop'):
            self._openstack('server', 'stop', server)
            self._wait_status(server, 'SHUTOFF')
        for volume in volumes:
            with self.step('refresh'):
                registry.NOVA_API.manage(
                    self.conf, 'nova-manage', 'volume_attachment', 'refresh',
                    server, volume, self._connector)
        with self.step('start'):
            self._openstack('server', 'start', server)

    def _openstack(self, *words: str) -> None:
        """Run the command of an operator."""
        program: pathlib.Path = self.conf.venv('tool') / 'bin' / 'openstack'
        processes.run([program, *words], {
            'OS_CLIENT_CONFIG_FILE': str(self.conf.clouds_yaml),
            'OS_CLOUD': 'admin'})


class Together(Script):
    """The same, for all servers at the same time."""

    name = 'nova-manage, all at once'

    def prepare(self, servers: dict[str, tuple[str, str]]) -> None:
        """Take them all."""
        super().prepare(servers)
        self.width = len(servers)


class Api(Method):
    """Detach and attach the data volume, and reboot, by the API alone.

    A root volume cannot be detached.
    """

    name = 'detach, attach, reboot'

    def recover(self) -> None:
        """Recover one server after the other."""
        for server, (_root, data) in self.servers.items():
            self._one(server, data)

    def _one(self, server: str, data: str) -> None:
        """Do what can be done for a server."""
        compute = self.world.admin.compute
        with self.step('detach'):
            compute.delete_volume_attachment(server, data)
            self._wait_volume(data, 'available')
        with self.step('attach'):
            compute.create_volume_attachment(server, volume_id=data)
            self._wait_volume(data, 'in-use')
        with self.step('reboot'):
            compute.reboot_server(server, 'HARD')
            # Its root volume is still that of the lost site.
            self.world.wait_settled(server)

    def _wait_volume(self, volume: str, status: str) -> None:
        """Wait for a volume's status."""
        storage = self.world.admin.block_storage
        waiting.wait_for(f'volume {volume} to be {status}', lambda:
                         storage.get_volume(volume).status == status, 180,
                         0.5)


ALL: tuple[type[Method], ...] = (Ours, Script, Together, Api)

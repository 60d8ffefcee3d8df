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
"""The servers of the scenario, (a) to (e), and how each is made."""

import concurrent.futures
import logging

from cloud.scenario import facts
from cloud.scenario import world as worlds
from cloud.storage.ceph import kind as ceph
from cloud.storage import nfs
from cloud import waiting

LOG = logging.getLogger(__name__)


class Cast:
    """The servers and volumes that take part.

    :ivar cases: each server with each of its volumes
    :ivar projects: the owner of each server, by letter
    :ivar servers: ids by letter
    """

    def __init__(self, world: worlds.World) -> None:
        """Nobody takes part yet.

        :param world: the cloud
        """
        self.world = world
        self.cases: list[facts.Case] = []
        self.servers: dict[str, str] = {}
        self.projects: dict[str, str] = {}
        self.spare = ''

    def make(self, stopped: bool = True, spare: bool = True) -> None:
        """Make (a), (b), (d), and on demand (c) and the volume of (e).

        :param stopped: make (c), the stopped server
        :param spare: make the volume of (e)
        """
        LOG.info('making servers of two tenants')
        steps = [self._make_a, self._make_b]
        if self.world.kind.plain_type:
            steps.append(self._make_d)
        if stopped:
            steps.append(self._make_c)
        if spare:
            steps.append(self._make_spare)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for job in [pool.submit(step) for step in steps]:
                job.result()
        self.cases.sort(key=lambda case: (case.key, not case.root))

    def add(self, key: str, project: str, server: str, *volumes: str,
            root: str = '', replicated: bool = True) -> None:
        """Note who takes part.

        :param key: what the server is called in the scenario
        :param project: its owner
        :param server: its id
        :param volumes: ids of its data volumes
        :param root: id of the volume that it boots from
        :param replicated: whether the volumes can fail over
        """
        self.servers[key] = server
        self.projects[key] = project
        for volume in filter(None, (root, *volumes)):
            self.cases.append(facts.Case(key, project, server, volume,
                                         volume == root, replicated))

    def _make_a(self) -> None:
        """(a): an image-backed server with a data volume.

        It is plugged later, unless guests hang where a site is lost: those
        are power-cycled, which gives such a disk another PCI address, also
        without a failover.
        """
        volume = self.world.volume('alpha', 'a-data')
        if isinstance(self.world.kind, (ceph.Ceph, nfs.Nfs)):
            server = self.world.server('alpha', 'a', data=volume)
        else:
            server = self.world.server('alpha', 'a')
            self.world.attach('alpha', server, volume)
        self.add('a', 'alpha', server, volume)
        self.wait_speaks('a')

    def _make_b(self) -> None:
        """(b): a server that boots from a volume, with a data volume.

        It has the data volume from the start: any power cycle gives a disk
        that was plugged later another PCI address, also without a failover.
        """
        root = self.world.volume('beta', 'b-root', image='guest-boot')
        volume = self.world.volume('beta', 'b-data')
        server = self.world.server('beta', 'b', root=root, data=volume)
        self.add('b', 'beta', server, volume, root=root)
        self.wait_speaks('b')

    def _make_c(self) -> None:
        """(c): a server that boots from a volume, and is stopped."""
        root = self.world.volume('alpha', 'c-root', image='guest-boot')
        server = self.world.server('alpha', 'c', root=root)
        self.add('c', 'alpha', server, root=root)
        self.wait_speaks('c')

    def stop_c(self) -> None:
        """Stop (c), as its owner."""
        self.world.tenants['alpha'].compute.stop_server(self.servers['c'])
        self.world.wait_status(self.servers['c'], 'SHUTOFF')

    def start_c(self) -> None:
        """Start (c), as its owner."""
        self.world.tenants['alpha'].compute.start_server(self.servers['c'])
        self.world.wait_status(self.servers['c'], 'ACTIVE')

    def _make_d(self) -> None:
        """(d): a server with a volume that does not fail over."""
        volume = self.world.volume('beta', 'd-data',
                                   kind=self.world.kind.plain_type)
        server = self.world.server('beta', 'd')
        self.world.attach('beta', server, volume)
        self.add('d', 'beta', server, volume, replicated=False)
        self.wait_speaks('d')

    def _make_spare(self) -> None:
        """The volume of (e), from before the failover."""
        self.spare = self.world.volume('beta', 'e-data')

    def make_e(self) -> None:
        """(e): a server from after the failover."""
        LOG.info('making server (e), after the failover')
        server = self.world.server('beta', 'e')
        self.world.attach('beta', server, self.spare)
        self.add('e', 'beta', server, self.spare)
        self.wait_speaks('e')

    def make_one(self, key: str, image: str = 'guest', boot: bool = False,
                 policy: str = '', mounted: bool = False,
                 kind: str = '', group: str = '') -> None:
        """Make a server with a data volume, for a special test.

        :param key: what the server is called
        :param image: what it boots from
        :param boot: it boots from a volume instead
        :param policy: its metadata asks for this policy
        :param mounted: the volume has a file system, which the guest mounts
        :param kind: the type of its volumes, not the usual one
        :param group: id of the group that its volumes belong to
        """
        root = (self.world.volume('alpha', f'{key}-root', kind, 'guest-boot',
                                  group)
                if boot else '')
        volume = self.world.volume('alpha', f'{key}-data', kind,
                                   'tenant-data' if mounted else '', group)
        server = self.world.server(
            'alpha', key, root=root, data=volume, image=image,
            metadata={'failover:policy': policy} if policy else {})
        self.add(key, 'alpha', server, volume, root=root)
        self.wait_speaks(key)
        if mounted:
            waiting.wait_for(f'guest ({key}) to use its file system',
                             lambda: self.counts(key), 180)

    def counts(self, key: str) -> bool:
        """Whether a guest's file system takes writes."""
        mount = self.look(self.of(key)[-1]).mount
        return bool(mount and mount.state == 'ok')

    def wait_speaks(self, key: str) -> None:
        """Wait until a guest reads and writes all its volumes."""
        waiting.wait_for(
            f'guest ({key}) to use its volumes', lambda: all(
                self.look(case).writable for case in self.of(key)), 300)

    def of(self, key: str) -> list[facts.Case]:
        """The cases of a server."""
        return [case for case in self.cases if case.key == key]

    def look(self, case: facts.Case) -> facts.Facts:
        """The facts of a case."""
        return facts.gather(self.world, case)

    def look_at_all(self) -> dict[facts.Case, facts.Facts]:
        """The facts of all cases."""
        return {case: self.look(case) for case in self.cases}

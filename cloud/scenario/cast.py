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
        steps = [self._make_a, self._make_b, self._make_d]
        if stopped:
            steps.append(self._make_c)
        if spare:
            steps.append(self._make_spare)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for job in [pool.submit(step) for step in steps]:
                job.result()
        self.cases.sort(key=lambda case: (case.key, not case.root))

    def _add(self, key: str, project: str, server: str, *volumes: str,
             root: str = '', replicated: bool = True) -> None:
        """Note who takes part."""
        self.servers[key] = server
        self.projects[key] = project
        for volume in filter(None, (root, *volumes)):
            self.cases.append(facts.Case(key, project, server, volume,
                                         volume == root, replicated))

    def _make_a(self) -> None:
        """(a): an image-backed server with a data volume."""
        volume = self.world.volume('alpha', 'a-data')
        server = self.world.server('alpha', 'a')
        self.world.attach('alpha', server, volume)
        self._add('a', 'alpha', server, volume)
        self._speaks('a')

    def _make_b(self) -> None:
        """(b): a server that boots from a volume, with a data volume.

        It has the data volume from the start: any power cycle gives a disk
        that was plugged later another PCI address, also without a failover.
        """
        root = self.world.volume('beta', 'b-root', image='guest-boot')
        volume = self.world.volume('beta', 'b-data')
        server = self.world.server('beta', 'b', root=root, data=volume)
        self._add('b', 'beta', server, volume, root=root)
        self._speaks('b')

    def _make_c(self) -> None:
        """(c): a server that boots from a volume, and is stopped."""
        root = self.world.volume('alpha', 'c-root', image='guest-boot')
        server = self.world.server('alpha', 'c', root=root)
        self._add('c', 'alpha', server, root=root)
        self._speaks('c')

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
        volume = self.world.volume('beta', 'd-data', kind='plain')
        server = self.world.server('beta', 'd')
        self.world.attach('beta', server, volume)
        self._add('d', 'beta', server, volume, replicated=False)
        self._speaks('d')

    def _make_spare(self) -> None:
        """The volume of (e), from before the failover."""
        self.spare = self.world.volume('beta', 'e-data')

    def make_e(self) -> None:
        """(e): a server from after the failover."""
        LOG.info('making server (e), after the failover')
        server = self.world.server('beta', 'e')
        self.world.attach('beta', server, self.spare)
        self._add('e', 'beta', server, self.spare)
        self._speaks('e')

    def _speaks(self, key: str) -> None:
        """Wait until a guest reads and writes all its volumes."""
        waiting.wait_for(
            f'guest ({key}) to use its volumes', lambda: all(
                self.look(case).writable for case in self.of(key)), 120)

    def of(self, key: str) -> list[facts.Case]:
        """The cases of a server."""
        return [case for case in self.cases if case.key == key]

    def look(self, case: facts.Case) -> facts.Facts:
        """The facts of a case."""
        return facts.gather(self.world, case)

    def look_at_all(self) -> dict[facts.Case, facts.Facts]:
        """The facts of all cases."""
        return {case: self.look(case) for case in self.cases}

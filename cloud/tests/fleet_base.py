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
"""A test of one server on hosts that have kernels of their own."""

from cloud.hosts import compute_host
from cloud.hosts import fleet
from cloud.scenario import play
from cloud.tests import base
from cloud import waiting

#: Seconds in which a host has to be clean once its guests are healed.
TIDY = 90


class OneServerTestCase(base.OwnServersTestCase):
    """A server with a data volume, on some compute host.

    :cvar queue: whether multipath keeps what a dead map is asked for
    :cvar boot: whether the server boots from a volume
    """

    storage = ('iscsi',)
    queue = False
    boot = False

    def setUp(self) -> None:
        """Make the server."""
        super().setUp()
        self.fleet = fleet.Fleet(self.stage.conf)
        for host in self.fleet.computes.values():
            host.set_multipath(self.queue)
            self.addCleanup(host.set_multipath)
        self.addCleanup(self.renew)
        self.cast.make_one('one', boot=self.boot)
        self.before = self.look('one')

    @property
    def host(self) -> compute_host.Compute:
        """The host that the server is on."""
        found = self.world.host_of(self.cast.servers['one'])
        assert isinstance(found, compute_host.Compute)
        return found

    def lose_and_fail_over(self, how: str = 'kill') -> None:
        """Lose the primary, see that the guest notices, and fail over.

        :param how: kill or freeze
        """
        self.world.kind.lose('primary', how)
        waiting.wait_for('the guest to notice', lambda: self.look('one').site
                         in play.LOST, 120)
        self.world.failover('secondary')

    def strays(self) -> int:
        """How often the guest wrote to the primary when it was not active."""
        return self.world.sites.strays(
            'primary', f'volume-{self.case("one").volume}')

    def renew(self) -> None:
        """Boot the hosts again that have something left over.

        A process that hangs in a map does so until its kernel ends.
        """
        lines = ' '.join(self.world.kind.leftovers())
        for name, host in self.fleet.computes.items():
            if f'{name}: ' in lines:
                host.stop()
                host.boot()
                host.start_nova()

    def leftovers(self) -> list[str]:
        """What the hosts still have after a while, that no mapping names."""
        left: list[str] = []

        def look() -> bool:
            left[:] = self.world.kind.leftovers()
            return not left

        try:
            waiting.wait_for('hosts without leftovers', look, TIDY, 2)
        except waiting.WaitTimeout:
            return left
        return []

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
"""Servers that change their compute host around a failover, or lose it."""

from openstack import exceptions

from cloud.hosts import compute_host
from cloud.services import registry
from cloud.tests import fleet_base
from cloud import waiting

#: Seconds that a live migration may take on emulated guests.
MIGRATION = 300
#: Seconds until a server is healed, also behind what Nova has to end first.
HEALED = 600


class MoveTestCase(fleet_base.OneServerTestCase):
    """A server that boots from a volume, and may live on either host."""

    boot = True

    def setUp(self) -> None:
        """Wait for both hosts, one of which may have been lost before."""
        super().setUp()
        waiting.wait_for('both compute hosts to be up', lambda: all(
            service.state == 'up' and not service.is_forced_down
            for service in self.admin.services(
                binary=registry.NOVA_COMPUTE.name)), HEALED)

    def host_name(self) -> str:
        """The name of the host that Nova has the server on."""
        return self.admin.get_server(self.server).compute_host

    @property
    def admin(self):
        """The compute API, as the administrator sees it."""
        return self.world.admin.compute

    @property
    def server(self) -> str:
        """The server's id."""
        return self.cast.servers['one']

    def migrate(self) -> None:
        """Migrate the server to the other host, and see it arrive there."""
        left = self.host_name()
        self.admin.live_migrate_server(self.server, block_migration='auto')
        waiting.wait_for('the server to arrive at the other host',
                         lambda: self.host_name() != left, MIGRATION)
        self.world.wait_status(self.server, 'ACTIVE')

    def assert_heals(self) -> None:
        """The server becomes healthy, and no host keeps anything.

        Its attachments are others once Nova has moved it.
        """
        self.world.wait_status(self.server, 'ACTIVE', HEALED)
        self.stage.wait_healthy('secondary', HEALED)
        self.assertEqual([], self.leftovers())


class LiveMigrationTest(MoveTestCase):
    """Recovery looks for the server where it is now."""

    def test_migrated_before(self) -> None:
        """It is healed on the host that it was migrated to."""
        self.migrate()
        self.lose_and_fail_over()
        self.assert_heals()

    def test_migrated_after(self) -> None:
        """Its records lead the other host to the active site."""
        self.lose_and_fail_over()
        self.assert_heals()
        healed = self.look('one')
        self.migrate()
        self.assert_heals()
        self.assertEqual(healed.boot, self.look('one').boot)

    def test_migrates_meanwhile(self) -> None:
        """It is healed on whichever host it ends up on."""
        self.admin.live_migrate_server(self.server, block_migration='auto')
        waiting.wait_for(
            'the migration to begin', lambda: self.admin.get_server(
                self.server).task_state == 'migrating', 60)
        self.world.kind.lose('primary', 'kill')
        self.world.failover('secondary')
        self.assert_heals()


class LostHostTest(MoveTestCase):
    """The site is lost together with the compute host of the server."""

    def lose_both(self) -> compute_host.Compute:
        """Lose the host and the site, and fail over.

        :returns: the host
        """
        lost = self.host
        lost.kill()
        self.addCleanup(self.bring_back, lost)
        self.world.kind.lose('primary', 'kill')
        self.world.failover('secondary')
        return lost

    def bring_back(self, host: compute_host.Compute) -> None:
        """Power the host on, as after a power failure."""
        host.boot()
        host.start_nova()
        # Nova refuses until the host has removed what was evacuated from it.
        waiting.wait_for('Nova to take the host for up',
                         lambda: self.force_down(host, False), HEALED,
                         ignore=(exceptions.BadRequestException,))

    def force_down(self, host: compute_host.Compute, forced: bool) -> object:
        """Tell Nova that the host is down, or is not down any more."""
        return self.admin.update_service_forced_down(
            None, host.host.name, registry.NOVA_COMPUTE.name, forced)

    def test_host_comes_back(self) -> None:
        """Its guest starts on the active site."""
        self.bring_back(self.lose_both())
        self.assert_heals()

    def test_evacuated(self) -> None:
        """It starts on the other host, and the lost one keeps nothing."""
        lost = self.lose_both()
        self.force_down(lost, True)
        self.admin.evacuate_server(self.server)
        waiting.wait_for('the server to be on the other host',
                         lambda: self.host_name() != lost.host.name, HEALED)
        # Nova leaves an evacuated server stopped (microversion 2.95).
        self.world.wait_status(self.server, 'SHUTOFF', HEALED)
        self.admin.start_server(self.server)
        self.assert_heals()
        strays = self.strays()
        self.bring_back(lost)
        self.world.kind.bring_back('primary')
        self.assert_heals()
        self.assertEqual(strays, self.strays())


class SharedTest(fleet_base.OneServerTestCase):
    """A volume that servers on both hosts share."""

    def test_shared_by_both_hosts(self) -> None:
        """Both servers are healed, each by its own host."""
        volume = self.world.volume(
            'alpha', 'shared', kind=f'{self.world.kind.volume_type}-shared')
        one = self.cast.servers['one']
        self.world.attach('alpha', one, volume)
        self.cast.add('one', 'alpha', one, volume)
        two = self.elsewhere(volume)
        self.cast.add('two', 'alpha', two, volume)
        for key in ('one', 'two'):
            self.cast.wait_speaks(key)
        self.assertNotEqual(*(
            self.world.admin.compute.get_server(server).compute_host
            for server in (one, two)))
        before = self.snapshot()
        self.lose_and_fail_over()
        for case, then in before.items():
            self.wait_case_healed(case, then, 'secondary', HEALED)
        self.assertEqual([], self.leftovers())

    def elsewhere(self, volume: str) -> str:
        """Make a server on the host that the first one is not on."""
        compute = self.world.admin.compute
        service = next(compute.services(host=self.host.host.name,
                                        binary=registry.NOVA_COMPUTE.name))
        compute.disable_service(service)
        try:
            return self.world.server('alpha', 'two', data=volume)
        finally:
            compute.enable_service(service)

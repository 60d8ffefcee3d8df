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

"""A compute host that was down in the disaster heals its own servers."""

from cloud.scenario import checks
from cloud.scenario import records
from cloud.services import registry
from cloud.tests import base


class HostDownTest(base.OwnServersTestCase):
    """Nova would resume the guests where they were: on the old site."""

    core = True

    def setUp(self) -> None:
        """Make a server that boots from an image, and one from a volume."""
        super().setUp()
        self.make(lambda: self.cast.make_one('image', mounted=True),
                  lambda: self.cast.make_one('boot', boot=True))

    def test_heals_at_start(self) -> None:
        """No engine runs, and the primary still answers."""
        before = self.snapshot()
        if not self.stage.conf.patched:
            self.stage.stack.stop_one(registry.ENGINE.name)
            self.addCleanup(self.stage.stack.start_one,
                            registry.ENGINE.name)
        self.kill_host()
        dead = self.look('image')
        self.world.failover('secondary')
        strays = self.strays()
        self.stage.stack.start_one(registry.NOVA_COMPUTE.name)
        self.assert_recovers('secondary', before)
        for case in before:
            self.assertNotEqual(before[case].boot, self.cast.look(case).boot)
        self.assertEqual([], checks.failures(checks.usable(
            self.case('image'), dead, self.look('image'))))
        self.assertEqual(strays, self.strays())
        self.assertEqual([], records.wrong(self.world, 'primary'))

    def kill_host(self) -> None:
        """Kill nova-compute, then all guests, as a power failure does."""
        self.stage.stack.kill_one(registry.NOVA_COMPUTE.name)
        for guest in self.world.hypervisor.guests():
            guest.kill()

    def strays(self) -> list[int]:
        """How often guests wrote to the primary when it was not active."""
        return [self.world.sites.strays('primary', f'volume-{case.volume}')
                for case in self.cast.cases]

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

"""nova-compute is killed at random moments of recoveries."""

import os
import random
import time

from cloud import database
from cloud.scenario import records
from cloud.services import registry
from cloud.tests import base
from cloud import waiting

#: Set them to see the same moments again, or more of them.
SEED = 'FAILOVER_CLOUD_SEED'
ROUNDS = 'FAILOVER_CLOUD_KILLS'
#: From the start of nova-compute; a dead one is missed for some time first.
PATIENCE = 240


class KillTest(base.OwnServersTestCase):
    """However far a recovery came, the next ones finish it."""

    def setUp(self) -> None:
        """Make servers that are recovered in each way."""
        super().setUp()
        self.make(lambda: self.cast.make_one('hot'),
                  lambda: self.cast.make_one('boot', boot=True),
                  lambda: self.cast.make_one('cycled', policy='power-cycle'),
                  lambda: self.cast.make_one('off', boot=True))
        self.before = self.snapshot()
        off = self.cast.servers['off']
        self.owner('off').stop_server(off)
        self.world.wait_status(off, 'SHUTOFF')

    def test_killed(self) -> None:
        """The moments are spread over the time that recoveries took."""
        seed = int(os.environ.get(SEED) or random.SystemRandom().getrandbits(
            32))
        rounds = int(os.environ.get(ROUNDS) or 6)
        print(f'{SEED}={seed} {ROUNDS}={rounds}', flush=True)
        moments = random.Random(seed)  # noqa: S311
        spans = {target: self.undisturbed(target)
                 for target in ('secondary', 'default')}
        order = moments.sample(range(rounds), rounds)
        for number, part in enumerate(order):
            target = 'default' if number % 2 else 'secondary'
            seconds, cycles = spans[target]
            self.disturbed_by_kill(
                target, (part + moments.random()) / rounds * seconds, cycles)

    def undisturbed(self, target: str) -> tuple[float, dict[str, int]]:
        """Fail over without a kill.

        :param target: ``secondary`` or ``default``
        :returns: seconds from the first claim to the end of the last, and
            how often QEMU was started for each server
        """
        starts = self.starts()
        self.world.request_failover(target)
        began = self.wait_claimed()
        site = 'primary' if target == 'default' else target
        waiting.wait_for('recoveries to end', lambda: not (
            self.tasks() or records.elsewhere(self.world, site)), 150, 0.1)
        seconds = time.monotonic() - began
        self.wait_converged(target)
        return seconds, self.starts_since(starts)

    def disturbed_by_kill(self, target: str, moment: float,
                          cycles: dict[str, int]) -> None:
        """Fail over, and kill nova-compute in the midst of it.

        :param target: ``secondary`` or ``default``
        :param moment: seconds after the first claim
        :param cycles: how often QEMU is started without a kill
        """
        starts = self.starts()
        self.world.request_failover(target)
        at = self.wait_claimed() + moment
        waiting.wait_for('the moment', lambda: time.monotonic() >= at,
                         moment + 60, 0.01)
        self.stage.stack.kill_one(registry.NOVA_COMPUTE.name)
        print(f'to {target}: killed after {moment:.2f} s, with '
              f'{self.tasks()} servers claimed', flush=True)
        self.stage.stack.start_one(registry.NOVA_COMPUTE.name)
        self.wait_converged(target)
        for key, count in self.starts_since(starts).items():
            self.assertLessEqual(count, cycles[key] + 1, key)

    def wait_converged(self, target: str) -> None:
        """Everything is healthy, and no trace of the old site is left."""
        site = 'primary' if target == 'default' else target
        other, = {'primary', 'secondary'} - {site}
        self.world.wait_backend(target)
        self.stage.wait_healthy(site, PATIENCE)
        waiting.wait_for('recoveries to end', lambda: not self.tasks(), 180)
        self.assert_recovers(site, self.before)
        self.assertEqual('SHUTOFF', self.look('off').status)
        self.assertEqual([], records.wrong(self.world, other))

    def wait_claimed(self) -> float:
        """Wait until the first recovery begins.

        :returns: when that was, on the monotonic clock
        """
        waiting.wait_for('a recovery to begin', self.tasks, 180, 0.02)
        return time.monotonic()

    def tasks(self) -> int:
        """How many servers are being recovered."""
        return len(database.Database(self.stage.conf).execute(
            "SELECT 1 FROM instances WHERE deleted = 0 AND task_state = "
            "'recovering_volumes'", 'nova'))

    def starts(self) -> dict[str, int]:
        """How often QEMU was started for each server."""
        return {key: records.starts(self.world, server)
                for key, server in self.cast.servers.items()}

    def starts_since(self, earlier: dict[str, int]) -> dict[str, int]:
        """How often QEMU was started since."""
        return {key: count - earlier[key]
                for key, count in self.starts().items()}

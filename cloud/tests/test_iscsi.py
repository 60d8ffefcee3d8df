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
"""What is special on iSCSI: maps that queue, and hosts that keep things."""

from cloud.scenario import play
from cloud.services import registry
from cloud.tests import fleet_base
from cloud import waiting

#: Seconds in which a returning site has been found again by its initiators.
AGAIN = 150


class QueueTest(fleet_base.OneServerTestCase):
    """Multipath keeps what a dead device is asked for, for ever."""

    core = True
    queue = True

    def test_queueing_guest_is_healed(self) -> None:
        """Its map is made to fail what it queues, and is removed."""
        self.lose_and_fail_over()
        self.wait_healed('one', self.before, 'secondary', 400)
        self.assertEqual([], self.leftovers())


class FrozenTest(fleet_base.OneServerTestCase):
    """The site answers nothing, and does not close its connections."""

    queue = True

    def test_queueing_guest_of_a_frozen_site_is_healed(self) -> None:
        """Its paths are dead only once their sessions have timed out."""
        self.lose_and_fail_over('freeze')
        self.wait_healed('one', self.before, 'secondary', 400)
        self.assertEqual([], self.leftovers())


class StaleWriteTest(fleet_base.OneServerTestCase):
    """A queued write must not reach a site that was left."""

    queue = True

    def test_unfenced_host_writes(self) -> None:
        """Where nobody acts, the guest writes on to the site that was left.

        This is the danger, and shows that the other test would see it.
        """
        self.stage.stack.stop_one(registry.ENGINE.name)
        self.addCleanup(self.stage.stack.start_one, registry.ENGINE.name)
        self.lose_and_fail_over()
        before = self.strays()
        self.world.kind.bring_back('primary')
        waiting.wait_for('a stale write', lambda: self.strays() > before,
                         AGAIN)

    def test_recovered_guest_writes_no_more(self) -> None:
        """Nothing reaches the old volume of a guest that was recovered."""
        self.lose_and_fail_over()
        self.wait_healed('one', self.before, 'secondary', 600)
        before = self.strays()
        self.world.kind.bring_back('primary')
        self.assertEqual([], play.calm(60, lambda: [
            now for now in [self.strays()] if now != before]))
        self.assertEqual([], self.leftovers())

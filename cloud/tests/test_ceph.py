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
"""What is special on Ceph: clients that hang, and write on later."""

import time

from cloud.scenario import facts
from cloud.scenario import play
from cloud.services import registry
from cloud.storage.ceph import kind as ceph
from cloud.storage.ceph import witness
from cloud.tests import base
from cloud import waiting

#: Seconds from Cinder's end of the failover in which a guest that hangs has
#: to be healed: 30, and its boot.
SOON = 45
#: Seconds in which a client that hung has found its site again.
AGAIN = 90


class HangTestCase(base.OwnServersTestCase):
    """A server with a data volume, whose site is killed."""

    storage = ('ceph',)

    def setUp(self) -> None:
        """Make the server."""
        super().setUp()
        assert isinstance(self.world.kind, ceph.Ceph)
        self.kind = self.world.kind
        self.cast.make_one('hang')
        self.before = self.look('hang')

    def lose_and_fail_over(self) -> None:
        """Kill the primary, see the guest hang, and fail over."""
        self.kind.lose('primary', 'kill')
        waiting.wait_for('the guest to hang',
                         lambda: self.look('hang').site in play.LOST, 120)
        self.world.failover('secondary')

    def record(self, site: str) -> witness.Record | None:
        """What the guest wrote last, as a site has it."""
        case: facts.Case = self.case('hang')
        return self.kind.record(site, case.volume, case.server)


class HotDetachTest(HangTestCase):
    """A guest that hangs in librbd has to let go of its disk."""

    core = True

    def test_hanging_guest_is_healed_soon(self) -> None:
        """It is not asked for longer than ``release_timeout``."""
        self.lose_and_fail_over()
        began = time.monotonic()
        self.wait_healed('hang', self.before, 'secondary', 400)
        self.assertLess(time.monotonic() - began, SOON)


class StaleWriteTest(HangTestCase):
    """A site returns with guests that once wrote to it."""

    def test_recovered_guest_writes_no_more(self) -> None:
        """Nothing reaches the old image of a guest that was recovered."""
        self.lose_and_fail_over()
        self.wait_healed('hang', self.before, 'secondary', 400)
        self.kind.wake('primary')
        last = self.record('primary')
        self.assertIsNotNone(last)
        self.assertEqual([], play.calm(30, lambda: [
            now for now in [self.record('primary')] if now != last]))
        self.assertEqual([], self.kind.leftovers())

    def test_nobody_recovers(self) -> None:
        """Where nobody acts a guest writes on to the site that was left.

        This is the danger, and shows that the other test would see it.
        """
        self.stage.stack.stop_one(registry.ENGINE.name)
        self.lose_and_fail_over()
        self.kind.wake('primary')
        last = self.record('primary')
        waiting.wait_for('a stale write',
                         lambda: self.record('primary') != last, AGAIN)
        self.assertIn('/primary/volumes/',
                      ' '.join(self.look('hang').files))
        self.stage.stack.start_one(registry.ENGINE.name)
        self.wait_healed('hang', self.before, 'secondary', 400)

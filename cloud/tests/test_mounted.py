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

"""A file system that the guest has mounted works again, by itself."""

from cloud.scenario import checks
from cloud.tests import base
from cloud import waiting


class MountedTest(base.OwnServersTestCase):
    """Replacing the disk under a running guest would not be enough."""

    core = True

    def setUp(self) -> None:
        """Make two servers, each of which has to be power-cycled."""
        super().setUp()
        self.make(
            lambda: self.cast.make_one('agent', image='guest-agent',
                                       mounted=True),
            lambda: self.cast.make_one('policy', policy='power-cycle',
                                       mounted=True))

    def test_counter_goes_on(self) -> None:
        """One has a guest agent, the other says so in its metadata."""
        before = self.snapshot()
        self.lose_primary()
        waiting.wait_for('the file systems to fail', self.all_dead, 180)
        dead = self.snapshot()
        self.world.failover('secondary')
        self.assert_recovers('secondary', before)
        waiting.wait_for('the file systems to be mounted', lambda: all(
            self.look(key).mount for key in self.cast.servers), 120)
        wrong = []
        for case, then in dead.items():
            wrong += checks.failures(
                checks.usable(case, then, self.cast.look(case)))
        self.assertEqual([], wrong)

    def all_dead(self) -> bool:
        """Whether no file system takes writes, and their disks fail."""
        return all(now.site == 'EIO' and now.mount and now.mount.state != 'ok'
                   for now in self.snapshot().values())

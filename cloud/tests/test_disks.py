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

"""Disks that are not one virtio disk of one server."""

from cloud.scenario import checks
from cloud.scenario import records
from cloud.tests import base
from cloud import waiting


class DiskTest(base.OwnServersTestCase):
    """A volume that two servers share, and units of a SCSI controller."""

    def setUp(self) -> None:
        """Make two servers with a volume between them, and one with SCSI."""
        super().setUp()
        self.make(self.make_sharers,
                  lambda: self.cast.make_one('scsi', image='guest-scsi'))

    def make_sharers(self) -> None:
        """Make two servers, one after the other, with the same volume.

        Cinder refuses to reserve a volume for two at the same moment.
        """
        volume = self.world.volume('alpha', 'shared', kind='shared')
        for key in ('one', 'two'):
            server = self.world.server('alpha', key, data=volume)
            self.cast.add(key, 'alpha', server, volume)
        for key in ('one', 'two'):
            self.cast.wait_speaks(key)

    def test_shared_and_scsi(self) -> None:
        """All heal without a power cycle, there and back."""
        before = self.snapshot()
        self.lose_primary()
        waiting.wait_for('the guests to notice', lambda: all(
            now.site == 'EIO' for now in self.snapshot().values()), 30)
        self.move('secondary', 'secondary', before)
        self.world.sites.switch('primary', 'up')
        self.move('default', 'primary', before)

    def move(self, target: str, site: str, before: dict) -> None:
        """Fail over, and see that all is well and nobody was rebooted."""
        self.world.failover(target)
        self.assert_recovers(site, before)
        other, = {'primary', 'secondary'} - {site}
        self.assertEqual([], records.wrong(self.world, other))
        for case, then in before.items():
            now = self.cast.look(case)
            self.assertEqual(then.boot, now.boot)
            self.assertEqual([], checks.failures(
                [checks.replicated(case, now, then.boot)]))

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

"""What is done with a server whose owner asks for another policy."""

from cloud.scenario import checks
from cloud.scenario import facts
from cloud.scenario import records
from cloud.tests import base
from cloud import waiting


class PolicyTest(base.OwnServersTestCase):
    """The policies that leave something to the owner."""

    plugin = True

    def setUp(self) -> None:
        """Make a server for each, and two that wait for a power cycle."""
        super().setUp()
        self.make(*(lambda key=key, policy=policy:
                    self.cast.make_one(key, policy=policy)
                    for key, policy in (('detach', 'detach'),
                                        ('hard', 'refresh'),
                                        ('soft', 'refresh'),
                                        ('none', 'none'))))

    def test_detach_refresh_none(self) -> None:
        """The primary is lost, and nobody is power-cycled."""
        before = self.snapshot()
        self.lose_primary()
        waiting.wait_for('the guests to notice', lambda: all(
            now.site == 'EIO' for now in self.snapshot().values()), 120)
        dead = self.snapshot()
        self.world.failover('secondary')
        self.wait_detached(before[self.case('detach')])
        for key in ('hard', 'soft'):
            self.wait_marked(key)
        self.assert_calm({self.case('none'): dead[self.case('none')]}, 10)
        for key in ('detach', 'hard', 'soft'):
            self.assertEqual(before[self.case(key)].boot,
                             self.look(key).boot, key)
        self.heal_by_reboots(before)

    def heal_by_reboots(self, before: dict[facts.Case, facts.Facts]) -> None:
        """The owners reboot, softly or not, and use the secondary."""
        for key, kind in (('hard', 'HARD'), ('soft', 'SOFT')):
            self.owner(key).reboot_server(self.cast.servers[key], kind)
        for key in ('hard', 'soft'):
            case = self.case(key)
            self.wait_healed(key, before[case], 'secondary')
            now = self.look(key)
            self.assertEqual([], checks.failures([checks.replicated(
                case, now, before[case].boot)]))
            self.assertNotEqual(before[case].boot, now.boot)

    def wait_detached(self, before: facts.Facts) -> None:
        """The volume is its owner's again, and the server does not have it."""
        case = self.case('detach')

        def look() -> bool:
            now = self.look('detach')
            return (now.volume_status == 'available' and now.site == 'gone'
                    and not (now.attachment or now.device or now.xml_path))

        waiting.wait_for('the volume to be detached', look, 180, 0.5)
        self.assertNotIn(case.volume, str(records.in_cinder(self.world)))
        self.assertEqual('ACTIVE', self.look('detach').status)
        self.assertNotIn(before.files[0], ' '.join(
            records.connections(self.world, 'primary')))

    def wait_marked(self, key: str) -> None:
        """Only Cinder's record is right, and the status says what is left."""
        def look() -> bool:
            now = self.look(key)
            rows = {row['Server']: row for row in self.status()}
            row = rows[self.cast.servers[key]]
            moved = ['/secondary/' in file for file in now.files]
            return (moved == [True, False, False]
                    and now.attach_status == 'attached'
                    and now.volume_status == 'in-use'
                    and 'power cycle' in row['Reason'])

        waiting.wait_for(f'({key}) to wait for a power cycle', look, 180, 1)

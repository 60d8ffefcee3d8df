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


"""What drivers leave in the records, and what is told of it.

Each driver of ``drivers`` is acted by the one to test with.
"""

from typing import Any

import ddt

from cinder_failover_hooks import drivers
from cinder_failover_hooks import notifications
from cinder_failover_hooks.tests.functional import base

OVER = ('in-use', 'failed-over')
BACK = ('in-use', 'enabled')
LOST = ('error', 'failover-error')
NO_REASON, NOT_THROUGH, STATUS = None, 'could not fail', 'but its status is'

#: Driver to what the rows of volumes say, and what reason is given:
#: one that came through a failover and one that did not, and the same for the
#: failback after it.
EXPECTED: dict[str, tuple[Any, ...]] = {
    'rbd': (OVER, LOST, BACK, LOST),
    # Nothing of asynchronous replication comes back.
    'pure': (OVER, LOST, LOST, LOST),
    'pure-sync': (OVER, LOST, BACK, LOST),
    'netapp-san': (OVER, ('in-use', 'error'), BACK, LOST),
    'netapp-nfs': (OVER, ('in-use', 'error'), BACK, LOST),
    'powermax': (OVER, ('in-use', 'error'), BACK, ('in-use', 'error')),
    'powerstore': (OVER, LOST, BACK, ('in-use', 'error')),
    'unity': (OVER, LOST, BACK, LOST),
    'dell-sc': (OVER, LOST, ('available', 'enabled'), LOST),
    'vnx': (OVER, LOST, BACK, LOST),
    '3par': (OVER, ('in-use', 'error'), ('in-use', 'available'),
             ('in-use', 'error')),
    # Looks as if it had come through.
    'alletra': (OVER, OVER, ('in-use', 'available'), ('in-use', 'error')),
    'svf': (OVER, LOST, BACK, LOST),
    'ds8k': (OVER, LOST, BACK, LOST),
    'xiv': (('failed-over', 'failed-over'), LOST, ('available', 'enabled'),
            LOST),
    'huawei': (OVER, ('in-use', 'error'), ('in-use', 'available'),
               ('in-use', 'error')),
    'hitachi': (OVER, LOST, BACK, LOST),
    'solidfire': (OVER, LOST, BACK, LOST),
}
#: Drivers whose failover fails as a whole, so that no row changes.
FAILING = ('powerflex', 'inspur')


def reason_for(row: tuple[str, str]) -> str | None:
    """Return a part of the reason that goes with a row.

    :param row: status and replication status of an attached volume
    """
    if row[1] in ('error', 'failover-error'):
        return NOT_THROUGH
    return NO_REASON if row[0] == 'in-use' else STATUS


class DriversTestCase(base.FailoverTestCase):
    """Compares what is told with what is true."""

    def told(self, event_type: str, count: int = 1) -> dict[str, Any]:
        """Return what is told of each volume, once it is true.

        :param event_type: of the notification that is waited for
        :param count: how many there are with it
        """
        found = self.notifications.wait_for(event_type, count)[-1]
        rows = next(rows for one, rows in self.seen if one is found)
        for volume in found.payload.volumes:
            self.assertEqual(rows[volume.volume_id], (
                volume.status, volume.replication_status))
        return {volume.volume_id: volume for volume in found.payload.volumes}

    def check(self, volume: Any, expected: tuple[str, str]) -> None:
        """Compare what is told of a volume with what is expected.

        :param volume: the payload
        :param expected: status and replication status
        """
        self.assertEqual(expected, (volume.status, volume.replication_status))
        reason = reason_for(expected)
        if reason is None:
            self.assertIsNone(volume.reason)
        else:
            self.assertIn(reason, volume.reason or '')


@ddt.ddt
class TestDrivers(DriversTestCase):
    """Volumes that come through, and volumes that do not."""

    @ddt.data(*EXPECTED)
    def test_there_and_back(self, name: str) -> None:
        """Each volume is named, with what its row says, and why."""
        self.backend.script.behave_as(name)
        through, over, back = (
            self.attached(self.replicated)[0] for _ in range(3))
        self.backend.script.fail_volume(over)
        self.fail_over()
        told = self.told(notifications.END)
        self.assertEqual({through, over, back}, set(told))
        self.check(told[through], EXPECTED[name][0])
        self.check(told[over], EXPECTED[name][1])
        self.backend.script.fail_volume(back)
        self.fail_over('default')
        told = self.told(notifications.END, 2)
        self.assertEqual({through, over, back}, set(told))
        self.check(told[through], EXPECTED[name][2])
        self.check(told[back], EXPECTED[name][3])

    @ddt.data(*FAILING)
    def test_one_volume_fails_them_all(self, name: str) -> None:
        """Cinder takes the whole failover for failed."""
        self.backend.script.behave_as(name)
        volumes = {self.attached(self.replicated)[0] for _ in range(2)}
        self.backend.script.fail_volume(next(iter(volumes)))
        self.fail_over()
        told = self.told(notifications.ERROR)
        self.assertEqual(volumes, set(told))
        for volume in told.values():
            self.check(volume, BACK)
        self.assertEqual('failover-error', self.service_row()[0])

    def test_every_driver_is_acted(self) -> None:
        """None of the table is left out."""
        self.assertEqual(set(drivers.BY_NAME), {*EXPECTED, *FAILING})

    @ddt.data('solidfire', 'xiv')
    def test_drivers_that_need_the_site_they_leave(self, name: str) -> None:
        """Their failover fails when it is needed most."""
        self.backend.script.behave_as(name)
        volume_id = self.attached(self.replicated)[0]
        self.backend.lose('default')
        self.fail_over()
        told = self.told(notifications.ERROR)
        self.check(told[volume_id], BACK)

    def test_a_volume_that_the_driver_does_not_name(self) -> None:
        """Cinder takes it for one that came through."""
        volume_id = self.attached(self.replicated)[0]
        self.backend.script.set_updates(volume_id, None)
        self.fail_over()
        self.check(self.told(notifications.END)[volume_id], OVER)

    def test_lost_volumes_are_named_without_attachments(self) -> None:
        """A healthy one that nobody has attached is not."""
        lost, healthy = (self.make_volume(self.replicated) for _ in range(2))
        self.backend.script.fail_volume(lost)
        self.fail_over()
        told = self.told(notifications.END)
        self.assertEqual({lost}, set(told))
        self.assertIn(NOT_THROUGH, told[lost].reason)
        self.assertNotIn(healthy, told)


class TestClusteredDrivers(DriversTestCase):
    """What surprises in a cluster."""

    cluster = 'cl@rbd'

    def test_members_that_do_not_come_back(self) -> None:
        """RBD's members refuse to come back: nobody may rely on the end."""
        self.backend.script.behave_as('rbd')
        volume_id = self.attached(self.replicated)[0]
        self.fail_over()
        self.check(self.told(notifications.END)[volume_id], OVER)
        self.fail_over('default')
        told = self.told(notifications.ERROR)
        self.check(told[volume_id], BACK)
        [error] = self.notifications.of(notifications.ERROR)
        self.assertIn('could not switch', error.payload.reason)
        self.assertEqual('site-b',
                         self.volume.manager.driver.active_backend_id)

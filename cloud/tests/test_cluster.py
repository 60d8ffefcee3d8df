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

"""Two cinder-volume processes serve one backend, and fail over together."""

from cloud.scenario import cluster
from cloud.services import registry
from cloud import settings
from cloud.tests import base
from cloud import waiting

ONE, TWO = settings.MEMBERS
#: How often the engine has to find that it has to wait.
LOOKS = 3


class ClusterTest(base.OwnServersTestCase):
    """The engine acts once, and not before each live member has switched."""

    plugin = True

    def setUp(self) -> None:
        """Make the cluster, and two servers with volumes there."""
        super().setUp()
        self.cluster = cluster.Cluster(self.stage.stack, self.world)
        self.addCleanup(self.cluster.remove)
        self.addCleanup(self.stage.empty)
        self.addCleanup(self.cluster.settle)
        self.cluster.start()
        self.make(
            lambda: self.cast.make_one('hot', kind=cluster.KIND),
            lambda: self.cast.make_one('boot', kind=cluster.KIND, boot=True))
        self.before = self.snapshot()
        self.log = registry.ENGINE.daemon(self.stage.conf).log

    def test_led_by_either(self) -> None:
        """Each leads a failover and a failback; the other is slow."""
        for target, leader, follower in (
                ('secondary', ONE, TWO), ('default', TWO, ONE),
                ('secondary', TWO, ONE), ('default', ONE, TWO)):
            start, earlier = self.snapshot(), self.recoveries()
            self.cluster.wait_turn(leader)
            self.cluster.suspend(follower)
            seen = self.log.stat().st_size
            self.cluster.request_failover(target)
            self.wait_place(leader, target)
            self.assertEqual(leader, self.cluster.leader())
            self.wait_engine_waits(seen)
            self.assertEqual([], self.disturbed(start))
            self.cluster.resume(follower)
            self.wait_recovered(target)
            self.assert_one_each(earlier)
        self.assert_calm(self.snapshot())

    def test_leader_killed(self) -> None:
        """The leader dies before any driver has switched.

        It stays dead at first, and the second time it is started at once.
        """
        earlier = self.recoveries()
        self.kill_leader('secondary', ONE)
        self.wait_place(TWO, 'secondary')
        self.wait_given_up(ONE)
        self.wait_healthy('secondary')
        self.assert_one_each(earlier)
        self.stage.stack.start_one(ONE)
        self.wait_recovered('secondary')
        self.assert_calm(self.snapshot())
        self.assert_one_each(earlier)

        earlier = self.recoveries()
        self.kill_leader('default', TWO)
        self.stage.stack.start_one(TWO)
        self.wait_recovered('default')
        self.assert_calm(self.snapshot())
        self.assert_one_each(earlier)

    def kill_leader(self, target: str, leader: str) -> None:
        """Kill the leader once all is saved, and no driver has switched.

        :param target: ``secondary`` or ``default``
        :param leader: the member
        """
        start = self.snapshot()
        self.cluster.script.hold('failover_completed')
        self.cluster.wait_turn(leader)
        seen = self.log.stat().st_size
        self.cluster.request_failover(target)
        waiting.wait_for('the cluster to have failed over', lambda: (
            self.cluster.script.is_waiting('failover_completed')
            and self.written(target)), 180)
        self.assertEqual(leader, self.cluster.leader())
        self.wait_engine_waits(seen)
        self.assertEqual([], self.disturbed(start))
        self.stage.stack.kill_one(leader)
        self.cluster.script.release('failover_completed')

    def written(self, target: str) -> bool:
        """Whether each volume's row tells of the failover."""
        wanted = 'enabled' if target == 'default' else 'failed-over'
        storage = self.world.admin.block_storage
        return all(storage.get_volume(case.volume).replication_status
                   == wanted for case in self.before)

    def wait_given_up(self, name: str) -> None:
        """Wait until Cinder takes a dead member for dead.

        Until then nothing may happen to any server.

        :param name: the member
        """
        start = self.snapshot()

        def look() -> bool:
            changed = self.disturbed(start)
            if not self.cluster.is_up(name):
                return True
            self.assertEqual([], changed)
            return False

        waiting.wait_for(f'{name} to be down', look, 120, 0.5)

    def wait_engine_waits(self, seen: int) -> None:
        """Wait until the engine has looked, and found that it has to wait.

        :param seen: how much of its log is older
        """
        waiting.wait_for('the engine to wait', lambda: self.log.read_bytes()[
            seen:].count(b'is in progress') >= LOOKS, 180)

    def wait_place(self, name: str, target: str) -> None:
        """Wait until a member's driver has switched.

        :param name: the member
        :param target: ``secondary`` or ``default``
        """
        place = '' if target == 'default' else target
        waiting.wait_for(f'{name} to be at {target}',
                         lambda: self.cluster.places()[name] == place, 180)

    def wait_healthy(self, target: str) -> None:
        """Wait until all servers use a site, and have kept what they had."""
        self.assert_recovers('primary' if target == 'default' else target,
                             self.before)

    def wait_recovered(self, target: str) -> None:
        """Wait until all members and servers use a site."""
        for name in settings.MEMBERS:
            self.wait_place(name, target)
        self.wait_healthy(target)

    def assert_one_each(self, earlier: dict[str, list[str]]) -> None:
        """There is one recovery of each server since."""
        self.assertEqual(dict.fromkeys(earlier, 1),
                         {key: len(made) for key, made
                          in self.since(earlier).items()})

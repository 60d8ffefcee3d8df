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


"""Two engines; the one that acts is killed at random moments."""

import hashlib
import os
import random
import time

import psutil

from cloud import database
from cloud.scenario import records
from cloud.services import registry
from cloud.tests import base
from cloud import waiting

#: Set them to see the same moments again, or more of them.
SEED = 'FAILOVER_CLOUD_SEED'
ROUNDS = 'FAILOVER_CLOUD_ENGINE_KILLS'
ENGINES = (registry.ENGINE.name, registry.ENGINE_TWO.name)
#: What an undisturbed recovery takes here, for the short test.
SPAN = 6
#: The lock's name; see nova_failover_ext.engine.election.locks.
LOCK = ('nova-failover-engine-'
        + hashlib.sha256(b'nova_api').hexdigest()[:24])
#: How often QEMU is started in a recovery, by kind of server.
CYCLES = {'hot': 0, 'boot': 1, 'cycled': 1}


class EnginesTestCase(base.OwnServersTestCase):
    """Servers of each kind, and a second engine.

    :cvar each: how many servers of each kind
    """

    plugin = True
    each = 1

    def setUp(self) -> None:
        """Make the servers, and start the other engine."""
        super().setUp()
        self.stack = self.stage.stack
        self.database = database.Database(self.stage.conf)
        self.make(*(lambda kind=kind, number=number: self.make_server(
            kind, f'{kind}{number}') for number in range(self.each)
            for kind in CYCLES))
        self.before = self.snapshot()
        self.addCleanup(self.stack.stop_one, registry.ENGINE_TWO.name)
        self.addCleanup(self.stack.start_one, registry.ENGINE.name)
        self.wait_leader(ENGINES[0])
        self.stack.start_one(registry.ENGINE_TWO.name)

    def make_server(self, kind: str, key: str) -> None:
        """Make a server that is recovered in a certain way."""
        self.cast.make_one(
            key, boot=kind == 'boot',
            policy='power-cycle' if kind == 'cycled' else '')

    # One round

    def undisturbed(self, target: str) -> float:
        """Fail over without a kill.

        :param target: ``secondary`` or ``default``
        :returns: seconds from the first claim to the end of the last
        """
        starts, earlier = self.starts(), self.recoveries()
        failover = self.world.request_failover(target)
        began = self.wait_claimed()
        site = 'primary' if target == 'default' else target
        waiting.wait_for('recoveries to end', lambda: not (
            self.tasks() or records.elsewhere(self.world, site)), 240, 0.1)
        seconds = time.monotonic() - began
        self.assert_done(target, failover, starts, earlier)
        return seconds

    def disturbed_by_kill(self, target: str, moment: float) -> None:
        """Fail over, and kill the engine that acts in the midst of it.

        :param target: ``secondary`` or ``default``
        :param moment: seconds after the first claim
        """
        starts, earlier = self.starts(), self.recoveries()
        failover = self.world.request_failover(target)
        at = self.wait_claimed() + moment
        victim = self.leader()
        waiting.wait_for('the moment', lambda: time.monotonic() >= at,
                         moment + 60, 0.01)
        claimed = self.tasks()
        self.assertIn(victim, ENGINES)
        self.stack.kill_one(victim)
        killed = time.monotonic()
        self.wait_leader(*({*ENGINES} - {victim}))
        print(f'to {target}: {victim} killed after {moment:.2f} s, with '
              f'{claimed} servers claimed; the other leads after '
              f'{time.monotonic() - killed:.1f} s', flush=True)
        self.assert_done(target, failover, starts, earlier)
        self.stack.start_one(victim)

    def assert_done(self, target: str, failover: str, starts: dict[str, int],
                    earlier: dict[str, list[str]]) -> None:
        """All are healthy, by one failover and no more power cycles.

        :param target: ``secondary`` or ``default``
        :param failover: id of the failover
        :param starts: how often QEMU had been started for each before
        :param earlier: the recoveries of each before
        """
        site = 'primary' if target == 'default' else target
        other, = {'primary', 'secondary'} - {site}
        self.world.wait_backend(target)
        waiting.wait_for('recoveries to end', lambda: not self.tasks(), 180)
        self.assert_recovers(site, self.before)
        self.assertEqual([], records.wrong(self.world, other))
        self.assertEqual(
            {key: CYCLES[key.rstrip('0123456789')] for key in starts},
            {key: count - starts[key]
             for key, count in self.starts().items()})
        self.assertEqual({key: {failover} for key in earlier},
                         {key: set(new) for key, new
                          in self.since(earlier).items()})
        self.assertEqual([], self.at_once())

    # Looking

    def leader(self) -> str:
        """The engine whose session holds the lock, as the database has it.

        :returns: its name, nothing while nobody leads
        """
        rows = self.database.execute(
            'SELECT host FROM information_schema.processlist '
            'WHERE id = IS_USED_LOCK(%s)', arguments=(LOCK,))
        if not rows:
            return ''
        port = int(rows[0]['host'].rpartition(':')[2])
        return next((name for name in ENGINES
                     for process in self.stack.daemon(name).family()
                     if port in _ports(process)), '')

    def wait_leader(self, name: str) -> None:
        """Wait until a certain engine leads."""
        waiting.wait_for(f'{name} to lead', lambda: self.leader() == name,
                         90, 0.1)

    def wait_claimed(self) -> float:
        """Wait until the first recovery begins.

        :returns: when that was, on the monotonic clock
        """
        waiting.wait_for('a recovery to begin', self.tasks, 180, 0.02)
        return time.monotonic()

    def tasks(self) -> int:
        """How many servers are being recovered."""
        return len(self.database.execute(
            "SELECT 1 FROM instances WHERE deleted = 0 AND task_state = "
            "'recovering_volumes'", 'nova'))

    def starts(self) -> dict[str, int]:
        """How often QEMU was started for each server."""
        return {key: records.starts(self.world, server)
                for key, server in self.cast.servers.items()}

    def at_once(self) -> list[str]:
        """Recoveries that began before the one before had ended."""
        # There is an event for each attempt, written at its end.
        rows = self.database.execute(
            'SELECT a.instance_uuid, e.start_time, e.finish_time '
            'FROM instance_actions a '
            'JOIN instance_actions_events e ON e.action_id = a.id '
            "WHERE a.action = 'failover_recover' "
            'ORDER BY a.instance_uuid, e.start_time, e.id', 'nova')
        return [f'{before} and {now}'
                for before, now in zip(rows, rows[1:], strict=False)
                if before['instance_uuid'] == now['instance_uuid']
                and (before['finish_time'] is None
                     or now['start_time'] < before['finish_time'])]


class EnginesTest(EnginesTestCase):
    """Whoever takes over finishes what another has begun."""

    each = 2

    def test_killed(self) -> None:
        """The moments are spread over the time that recoveries take."""
        seed = int(os.environ.get(SEED) or random.SystemRandom().getrandbits(
            32))
        rounds = int(os.environ.get(ROUNDS) or 10)
        print(f'{SEED}={seed} {ROUNDS}={rounds}', flush=True)
        chance = random.Random(seed)  # noqa: S311
        spans = {target: self.undisturbed(target)
                 for target in ('secondary', 'default')}
        print(f'undisturbed: {spans}', flush=True)
        for number, part in enumerate(chance.sample(range(rounds), rounds)):
            target = 'default' if number % 2 else 'secondary'
            self.disturbed_by_kill(
                target, (part + chance.random()) / rounds * spans[target])


class FewEnginesTest(EnginesTestCase):
    """The short test, of two kills."""

    core = True

    def test_killed(self) -> None:
        """There and back, with fewer servers."""
        for target in ('secondary', 'default'):
            moment = random.SystemRandom().uniform(0, SPAN)
            self.disturbed_by_kill(target, moment)

    def test_stopped(self) -> None:
        """One that is stopped in order hands over at once."""
        starts, earlier = self.starts(), self.recoveries()
        failover = self.world.request_failover('secondary')
        self.wait_claimed()
        self.stack.stop_one(registry.ENGINE.name)
        self.wait_leader(registry.ENGINE_TWO.name)
        self.assert_done('secondary', failover, starts, earlier)
        done = self.command('status', self.world.backend_host, '--check')
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)


def _ports(process: psutil.Process) -> set[int]:
    """The local ports of a process's connections."""
    try:
        return {each.laddr.port for each in process.connections('tcp')}
    except psutil.NoSuchProcess:
        return set()

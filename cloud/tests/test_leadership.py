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


"""Two engines and one lock in a real MariaDB, of which each is disturbed."""

import contextlib
import itertools
import pathlib
import shutil
import tempfile
import time

import testtools

from cloud import database
from cloud import processes
from cloud import settings
from cloud import waiting

#: [failover_engine] leader_timeout.
TIMEOUT = 4
#: Seconds after which the server ends the session of one that is silent.
IDLE = 3 * TIMEOUT
#: Seconds that a takeover may take here at most, however busy the machine.
PATIENCE = 90
PORT_BASE = 26000
CONTENDER = pathlib.Path(__file__).parent / 'contender.py'


class LeadershipTest(testtools.TestCase):
    """At most one acts, and never nobody for long."""

    core = True
    plugin = True

    def setUp(self) -> None:
        """Start a database of this test's own, and two contenders."""
        super().setUp()
        root = pathlib.Path(tempfile.mkdtemp(prefix='failover-db-',
                                             dir='/var/tmp'))
        self.addCleanup(shutil.rmtree, root)
        self.conf = settings.Settings(root=root, port_base=PORT_BASE,
                                      password='p@ss/w%rd')
        self.database = database.Database(self.conf)
        self.addCleanup(self.database.stop, 2)
        self.database.start()
        # What is started again is not made anew.
        self.database.migrated.touch()
        self.database.execute("ALTER USER 'cloud'@'%' IDENTIFIED BY "
                              f"'{self.conf.password}'")
        self.engines = {
            name: processes.Daemon(name, self.conf.run, self.conf.log)
            for name in ('one', 'two')}
        self.start('one')
        self.wait_leads('one', 0)
        self.start('two')
        self.wait('two to start', lambda: self.events('two'))

    def test_killed(self) -> None:
        """SIGKILL ends the session, and the other leads."""
        at = time.monotonic()
        self.engines['one'].process().kill()
        self.wait_leads('two', at)
        self.assert_one_acted()

    def test_stopped(self) -> None:
        """SIGTERM gives the lock back."""
        at = time.monotonic()
        self.engines['one'].process().terminate()
        self.wait_leads('two', at)
        self.assertEqual('follows', self.events('one')[-1][0])
        self.assert_one_acted()

    def test_session_killed(self) -> None:
        """An administrator ends the session: whoever is faster leads."""
        for _round in range(3):
            at = time.monotonic()
            self.database.execute(f'KILL {self.session()}')
            self.wait('somebody to lead', lambda at=at: any(
                self.acted(name, at + TIMEOUT) for name in self.engines))
            self.wait('the lock to be held', self.session)
        # The loser of the lock hears of it when it asks.
        self.assert_one_acted(TIMEOUT)

    def test_suspended(self) -> None:
        """One that hangs is missed, and does not act when it wakes up."""
        process = self.engines['one'].process()
        at = time.monotonic()
        process.suspend()
        try:
            self.wait_leads('two', at)
            self.assertGreater(self.latest('two', 'leads') - at,
                               IDLE - TIMEOUT)
        finally:
            process.resume()
        woken = time.monotonic()
        self.wait('one to follow', lambda: self.latest('one', 'follows'))
        self.wait('two to act on', lambda: self.acted('two',
                                                      woken + TIMEOUT))
        self.assert_one_acted()

    def test_database_restarted(self) -> None:
        """Nobody acts without it, and one does when it is back."""
        for stop in (self.database.stop, self.kill_database):
            stop()
            self.wait_nobody()
            at = time.monotonic()
            self.database.start()
            self.wait('somebody to lead', lambda at=at: any(
                self.acted(name, at) for name in self.engines))
        self.assert_one_acted()

    def test_database_hangs(self) -> None:
        """Nobody waits for its answer longer than it may lead."""
        server = self.database.daemon.process()
        at = time.monotonic()
        server.suspend()
        try:
            self.wait_nobody()
            self.wait('one to follow', lambda: self.latest('one', 'follows'))
        finally:
            server.resume()
        self.assertLess(max(when for what, when in self.events('one')
                            if what == 'acts') - at, TIMEOUT + 1)
        woken = time.monotonic()
        self.wait('somebody to lead', lambda: any(
            self.acted(name, woken) for name in self.engines))
        self.assert_one_acted()

    # Hands

    def start(self, name: str) -> None:
        """Start a contender."""
        # SQLAlchemy's URL wants what is special in a password encoded.
        url = self.conf.database_url('nova_api').replace(
            self.conf.password, 'p%40ss%2Fw%25rd')
        self.engines[name].start(
            [self.conf.venv('nova') / 'bin' / 'python', '-P', CONTENDER, url,
             name, TIMEOUT], {'PYTHONPATH': str(self.conf.checkout)})
        self.addCleanup(self.engines[name].stop, 1)

    def kill_database(self) -> None:
        """Kill the database server."""
        process = self.database.daemon.process()
        process.kill()
        process.wait(10)

    def session(self) -> int | None:
        """The session that holds the lock."""
        rows = self.database.execute(
            'SELECT id FROM information_schema.processlist '
            'WHERE IS_USED_LOCK(%s) = id', arguments=(self.lock(),))
        return rows[0]['id'] if rows else None

    def lock(self) -> str:
        """The name of the lock."""
        text = self.engines['one'].log.read_text()
        return text.partition('lock ')[2].split()[0]

    # Eyes

    def events(self, name: str) -> list[tuple[str, float]]:
        """What a contender has said so far."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for line in self.engines[name].log.read_text().splitlines():
                what, _space, when = line.partition(' ')
                if what in ('started', 'leads', 'follows', 'acts'):
                    found.append((what, float(when)))
        return found

    def latest(self, name: str, what: str) -> float:
        """When something happened last; 0 if never."""
        return max((when for each, when in self.events(name)
                    if each == what), default=0)

    def acted(self, name: str, since: float) -> bool:
        """Whether a contender has acted later than that."""
        return self.latest(name, 'acts') > since

    def wait(self, what: str, check) -> None:
        """Wait for something, no longer than a takeover may take."""
        waiting.wait_for(what, check, PATIENCE, 0.1)

    def wait_leads(self, name: str, since: float) -> None:
        """Wait until a contender acts, and say how long it took."""
        self.wait(f'{name} to act', lambda: self.acted(name, since))
        if since:
            first = min(when for what, when in self.events(name)
                        if what == 'acts' and when > since)
            print(f'{self.id()}: {name} acts after {first - since:.1f} s',
                  flush=True)

    def wait_nobody(self) -> None:
        """Wait until nobody has acted for a while."""
        self.wait('nobody to act', lambda: not any(
            self.acted(name, time.monotonic() - 1) for name in self.engines))

    def assert_one_acted(self, tolerance: float = 0) -> None:
        """The times at which each acted do not overlap.

        :param tolerance: seconds for which they may
        """
        acts = sorted((when, name) for name in self.engines
                      for what, when in self.events(name) if what == 'acts')
        # Between the first and the last of a change back and forth.
        turns = [now[0] for before, now in itertools.pairwise(acts)
                 if before[1] != now[1]]
        overlap = [later - earlier for earlier, later
                   in itertools.pairwise(turns) if later - earlier < 0.5]
        self.assertLessEqual(sum(overlap), tolerance, turns)
        if not tolerance:
            self.assertEqual([], overlap)

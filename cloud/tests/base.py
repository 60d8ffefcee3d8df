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
"""What the tests have in common."""

import collections.abc
import concurrent.futures
import json
import subprocess
import time

import testtools

from cloud import processes
from cloud.scenario import checks
from cloud.scenario import facts
from cloud.scenario import play
from cloud.services import registry
from cloud.tests import stage
from cloud import waiting

#: Seconds for which nothing may happen, longer than a reconcile interval.
CALM = 25


class CloudTestCase(testtools.TestCase):
    """A test on the shared cloud, which it finds in good order.

    :cvar plugin: whether it needs the plugin, with its engine and commands;
        such a test has nothing to try on a cloud with the patch series
    :cvar series: whether it needs that instead
    :cvar storage: the kinds of storage that it is about
    """

    plugin = False
    series = False
    storage: tuple[str, ...] = ('files',)

    def setUp(self) -> None:
        """Bring the cloud in order."""
        super().setUp()
        self.stage = stage.get()
        self.stage.settle()
        self.world = self.stage.world

    @property
    def cast(self):
        """The servers."""
        return self.stage.cast

    def assert_recovers(self, site: str, since: dict) -> None:
        """Everything becomes healthy on a site, and nobody else is touched.

        :param site: the active site
        :param since: the facts from before
        """
        self.stage.wait_healthy(site)
        wrong = []
        for case, before in since.items():
            now = self.cast.look(case)
            if case.replicated:
                wrong += checks.failures(
                    checks.recovered(case, before, now, site))
            else:
                wrong += checks.failures(
                    checks.untouched(case, before, now))
        self.assertEqual([], wrong)

    def assert_calm(self, since: dict, seconds: float = CALM) -> None:
        """Nothing happens to any server for a while.

        :param since: the facts which must not change
        :param seconds: how long to watch
        """
        self.assertEqual([], play.calm(
            seconds, lambda: self.disturbed(since)))

    def disturbed(self, since: dict) -> list[str]:
        """What is not as it was.

        :param since: earlier facts
        :returns: a line for each difference
        """
        return [line for case, before in since.items()
                for line in checks.failures(
                    checks.untouched(case, before, self.cast.look(case)))]

    def snapshot(self) -> dict[facts.Case, facts.Facts]:
        """The facts of all cases."""
        return self.cast.look_at_all()

    def lose_primary(self) -> None:
        """Lose the primary site."""
        self.world.kind.lose('primary', 'kill')

    def command(self, *words: str, config: str = '',
                timeout: float = 120) -> subprocess.CompletedProcess:
        """Run ``nova-failover``.

        :param words: the command line
        :param config: another configuration file than the engine's
        :param timeout: seconds it may take
        :returns: the completed process
        """
        conf = self.stage.conf
        file = config or str(registry.ENGINE.file(conf))
        program = conf.venv('nova') / 'bin' / 'nova-failover'
        began = time.monotonic()
        done = subprocess.run(
            [program, '--config-file', file, *words], text=True,
            capture_output=True, timeout=timeout, check=False,
            env=processes.environment(), stdin=subprocess.DEVNULL)
        self.addDetail('nova-failover', testtools.content.text_content(
            f'{words}: {done.returncode} after '
            f'{time.monotonic() - began:.1f} s\n{done.stdout}{done.stderr}'))
        return done

    def status(self) -> list[dict]:
        """``nova-failover status`` of the replicated backend.

        :returns: a record per server
        """
        done = self.command('status', 'little@repl', '-f', 'json')
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)


class OwnServersTestCase(CloudTestCase):
    """A test with servers of its own, in the place of the shared ones."""

    own = True

    def setUp(self) -> None:
        """Bring the cloud in order, and remove all servers."""
        super(CloudTestCase, self).setUp()
        self.stage = stage.get()
        self.world = self.stage.world
        self.stage.tidy()
        self.stage.empty()
        # The next test makes those it needs.
        self.addCleanup(self.stage.empty)

    def make(self, *steps: collections.abc.Callable[[], object]) -> None:
        """Make servers, some at the same time.

        :param steps: what makes each
        """
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for job in [pool.submit(step) for step in steps]:
                job.result()

    def case(self, key: str) -> facts.Case:
        """A server with its data volume.

        :param key: what the server is called
        :returns: the case
        """
        return self.cast.of(key)[-1]

    def look(self, key: str) -> facts.Facts:
        """The facts of a server with its data volume.

        :param key: what the server is called
        :returns: the facts
        """
        return self.cast.look(self.case(key))

    def owner(self, key: str):
        """The compute API, as the owner of a server sees it.

        :param key: what the server is called
        :returns: the proxy
        """
        return self.world.tenants[self.cast.projects[key]].compute

    def recoveries(self) -> dict[str, list[str]]:
        """The request ids of the recoveries of each server, by its key."""
        return {key: [action.request_id for action
                      in self.world.recoveries('admin', server)]
                for key, server in self.cast.servers.items()}

    def since(self, earlier: dict[str, list[str]]) -> dict[str, list[str]]:
        """The recoveries that are new."""
        return {key: [each for each in made if each not in earlier[key]]
                for key, made in self.recoveries().items()}

    def wait_healed(self, key: str, before: facts.Facts, site: str,
                    timeout: float = 240) -> None:
        """Wait until a server is healthy on a site with its data volume.

        :param key: what the server is called
        :param before: the facts from before the failover
        :param site: the active site
        :param timeout: the bound in seconds
        """
        self.wait_case_healed(self.case(key), before, site, timeout)

    def wait_case_healed(self, case: facts.Case, before: facts.Facts,
                         site: str, timeout: float = 240) -> None:
        """Wait until a server is healthy on a site with one of its volumes.

        :param case: the server and its volume
        :param before: the facts from before the failover
        :param site: the active site
        :param timeout: the bound in seconds
        """
        wrong: list[str] = []

        def look() -> bool:
            now = self.cast.look(case)
            # Of any other status much less is known, and checked.
            wrong[:] = checks.failures([
                checks.Result('it runs', now.status == 'ACTIVE', now.status),
                *checks.recovered(case, before, now, site)])
            return not wrong

        try:
            waiting.wait_for(f'({case.key}) to be healthy on {site}', look,
                             timeout, interval=0.5)
        except waiting.WaitTimeout as error:
            self.fail(f'{error}: {"; ".join(wrong)}')

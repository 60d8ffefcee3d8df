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

"""Whatever a tenant does at whatever moment, nothing is lost.

Each test plays some rounds on one server: Cinder fails over, the server is
recovered, by one engine or by two, and its owner does something to it at some
moment of that. At the end of a round all is well.

``FAILOVER_RACE_SEED`` is the seed; the one that was used is printed.
"""

import collections
import concurrent.futures
import os
import random

import ddt
from nova.compute import vm_states
import prettytable
from testtools import content

from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.functional.recovery import base
from nova_failover_ext.tests.functional.recovery import moves
from nova_failover_ext.tests.functional.recovery import race

Outcome = results.Outcome
ROUNDS = 25
#: A seed for each test, so that they can run side by side.
GAMES = range(8)


@ddt.ddt
class Race(base.FailoverTestBase):

    ADMIN_API = True
    CAST_AS_CALL = False
    HOSTS = ('compute1', 'compute2')

    def setUp(self):
        super().setUp()
        self.useFixture(moves.Moves(self.computes))
        self.moments = self.useFixture(race.Moments())
        self.dangling = self.useFixture(race.Dangling())

    @ddt.data(*GAMES)
    def test_rounds(self, game):
        seed = f'{os.environ.get("FAILOVER_RACE_SEED", "1")}-{game}'
        self.rng = random.Random(seed)
        self.tenant = race.Tenant(self.api, self.rng)
        self.outcomes = collections.Counter()
        self.steps = 10
        self.new_server()
        for number in range(ROUNDS):
            self.where = f'round {number} of seed {seed}'
            self.play()
        self.assertEqual([], self.dangling.destroyed)
        self.show(seed)

    def new_server(self):
        """Boot a server with two volumes, from one of them or not."""
        volumes = [self.cinder.volume(), self.cinder.volume()]
        first = self.rng.choice([self.root, self.data])
        server = self.boot(first(volumes[0]), self.data(volumes[1]),
                           host='compute1')
        self.tenant.take(server, volumes, [self.cinder.volume()])

    def play(self):
        """Play one round."""
        server = self.tenant.server
        shown = self.api.get_server(server['id'])
        host = shown['OS-EXT-SRV-ATTR:host']
        # What Nova goes on with after its answer comes last: another of the
        # owner's own operations at the same time may not see it.
        plan = sorted({self.tenant.plan(shown['status'])
                       for _number in range(self.rng.choice([1, 1, 2]))},
                      key=lambda name: (name in ('attach', 'detach'), name))
        policies = self.rng.choices(
            ['reattach', 'power-cycle', 'refresh'], [6, 2, 1],
            k=self.rng.choice([1, 1, 2]))
        self.where += f': {plan} while {shown["status"]}, {policies}'
        self.cinder.site = ('primary' if self.cinder.site == 'secondary'
                            else 'secondary')
        # As often before the server is claimed as at any moment.
        self.moments.set(self.rng.choice([
            self.rng.randrange(8), self.rng.randrange(self.steps + 2)]),
            self.rng.choice([0, 0.02, 0.1]))
        # Shown with a failure.
        self.addDetail('round', content.text_content(self.where))
        self.run_all(server, host, plan, policies)
        if self.tenant.deleted:
            self.settle_deleted(server)
        else:
            self.settle(server)

    def run_all(self, server, host, plan, policies):
        """Let one or two engines and the owner work at the same time."""
        volumes = list(self.tenant.volumes)
        with concurrent.futures.ThreadPoolExecutor() as executor:
            owner = executor.submit(self.own, plan, host)
            engines = [executor.submit(
                self.recover, server, *volumes, host=host, policy=policy)
                for policy in policies]
            for engine in engines:
                self.outcomes[engine.result().outcome.value] += 1
            self.steps = max(self.steps, self.moments.count)
            self.moments.reached.set()
            owner.result()

    def own(self, plan, host):
        """Be the owner, once the moment has come."""
        self.moments.reached.wait(base.PATIENCE)
        other = 'compute2' if host == 'compute1' else 'compute1'
        try:
            for name in plan:
                self.tenant.act(name, other)
        finally:
            self.moments.acted.set()

    def settle(self, server):
        """Wait until all is done, recover once more, and look."""
        wanted = sorted(self.tenant.volumes)

        def quiet():
            bdms = self.bdms(server)
            return race.busy(self.context, server) in (
                '', staleness.TASK_STATE) and wanted == sorted(bdms) and all(
                bdm.connection_info for bdm in bdms.values())

        self.wait_for(quiet, self.where)
        shown = self.api.get_server(server['id'])
        host = shown['OS-EXT-SRV-ATTR:host']
        result = self.recover(server, *wanted, host=host)
        self.assertIn(result.outcome, (Outcome.RECOVERED, Outcome.UNCHANGED),
                      (self.where, result.reason))
        self.assert_healthy(server, host)
        self.assertEqual(wanted, sorted(self.bdms(server)), self.where)
        domain = self.domain(server, host)
        self.assertEqual(
            self.instance(server).vm_state == vm_states.ACTIVE,
            bool(domain is not None and domain.isActive()), self.where)
        self.assert_no_old_connection()

    def settle_deleted(self, server):
        """Wait until a deleted server has left nothing behind."""
        self._wait_until_deleted(server)
        volumes = self.tenant.volumes + self.tenant.free
        self.wait_for(lambda: {'available'} == {
            self.cinder.status(volume_id) for volume_id in volumes},
            self.where)
        self.assert_no_old_connection()
        self.new_server()

    def show(self, seed):
        """Print how often what was answered."""
        table = prettytable.PrettyTable(
            ['operation', 'served', 'refused (409)', 'outrun (400, 500)'],
            align='l')
        answers = self.tenant.answers
        for name in sorted({name for name, _answer in answers}):
            table.add_row([name, answers[name, 'served'],
                           answers[name, 'refused'], answers[name, 'outrun']])
        found = ', '.join(f'{count} {outcome}' for outcome, count in
                          sorted(self.outcomes.items()))
        self.publish(f'Race, seed {seed}, {ROUNDS} rounds, recoveries: '
                     f'{found}', table.get_string())

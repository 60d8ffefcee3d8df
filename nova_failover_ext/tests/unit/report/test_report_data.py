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


"""What is collected from histories and a survey."""

import dataclasses
import datetime

import ddt
from oslotest import base

from nova_failover_ext.api import cell_problem
from nova_failover_ext.api import server_state
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.history import outcomes
from nova_failover_ext import report
from nova_failover_ext.tests.unit.engine import fakes

ServerState = server_state.ServerState
BEGIN = datetime.datetime(2026, 11, 23, 4, 31, 12, tzinfo=datetime.UTC)


def at(seconds):
    return BEGIN + datetime.timedelta(seconds=seconds)


def history(*results, **values):
    """Return a server with one try of 10 seconds for each result."""
    tries = tuple(outcomes.Try(at(20 * n), at(20 * n + 10), 'compute1', result,
                               '' if result == 'Success' else 'why %d' % n)
                  for n, result in enumerate(results))
    return outcomes.ServerHistory(**{
        'server_id': 'server', 'name': 'web', 'project_id': 'p',
        'host': 'compute1', 'began_at': BEGIN, 'tries': tries, **values})


def planned(verdict, **values):
    return fakes.server_plan(verdict=verdict, reason='the plan', **values)


@ddt.ddt
class CollectTest(base.BaseTestCase):

    def collect(self, *histories, servers=None, **values):
        found = None if servers is None else fakes.found(*servers)
        return report.collect('req-1', histories, found, **values)

    def state(self, *results, servers=None, **values):
        data = self.collect(history(*results), servers=servers, **values)
        [entry] = data.entries
        return entry.state, entry.reason

    @ddt.data((('Success',), ServerState.CONVERGED, ''),
              (('Error', 'Success'), ServerState.CONVERGED, ''),
              (('Success', 'Error'), ServerState.FAILED, 'why 1'),
              (('Deferred',), ServerState.DEFERRED, 'why 0'),
              ((), ServerState.RECOVERING, ''))
    @ddt.unpack
    def test_without_a_survey(self, results, state, reason):
        self.assertEqual((state, reason), self.state(*results))

    def test_recovery_time(self):
        data = self.collect(history('Error', 'Success'))
        self.assertEqual(30.0, data.seconds(data.entries[0]))
        data = self.collect(history('Error', 'Success'), lost_at=at(-60))
        self.assertEqual(90.0, data.seconds(data.entries[0]))
        data = self.collect(history('Error'))
        self.assertIsNone(data.seconds(data.entries[0]))

    def test_counted_from_the_first_server(self):
        data = self.collect(
            history('Success', began_at=at(5), server_id='a'),
            history('Success'))
        self.assertEqual(BEGIN, data.counted_from)

    @ddt.data(
        (server_plans.Verdict.SKIP, False, ServerState.CONVERGED, ''),
        (server_plans.Verdict.RECOVER, False, ServerState.FAILED, 'why 0'),
        (server_plans.Verdict.DEFER, False, ServerState.DEFERRED, 'the plan'),
        (server_plans.Verdict.DEFER, True, ServerState.BLOCKED, 'the plan'))
    @ddt.unpack
    def test_what_is_true_now_counts(self, verdict, blocked, state,
                                     reason):
        self.assertEqual((state, reason), self.state(
            'Error', servers=[planned(verdict, blocked=blocked)]))

    @ddt.data(*server_plans.Verdict)
    def test_what_was_recovered_stays_so(self, verdict):
        self.assertEqual((ServerState.CONVERGED, ''), self.state(
            'Success', servers=[planned(verdict)]))

    def test_healed_by_somebody_else_has_no_time(self):
        data = self.collect(history('Error'),
                            servers=[planned(server_plans.Verdict.SKIP)])
        self.assertIsNone(data.seconds(data.entries[0]))
        self.assertEqual(('the plan',), data.entries[0].notes)

    @ddt.data((server_plans.Verdict.RECOVER, ServerState.WAITING),
              (server_plans.Verdict.DEFER, ServerState.DEFERRED),
              (server_plans.Verdict.EXCLUDE, ServerState.EXCLUDED))
    @ddt.unpack
    def test_servers_that_were_not_begun(self, verdict, state):
        data = self.collect(servers=[
            planned(verdict, until='later', notes=('note',))])
        [entry] = data.entries
        self.assertEqual(
            (state, 'web', 'later', ('note',)),
            (entry.state, entry.name, entry.until, entry.notes))

    def test_servers_that_are_not_concerned(self):
        data = self.collect(servers=[planned(server_plans.Verdict.SKIP)])
        self.assertEqual(((), 1), (data.entries, data.unconcerned))

    def test_followed_by_another(self):
        self.assertEqual(ServerState.SUPERSEDED, self.collect(history(
            'Error', followed_by='req-2')).entries[0].state)

    def test_given_up(self):
        self.assertEqual((ServerState.RETRIES_EXHAUSTED, 'enough'), self.state(
            'Error', retries_exhausted={'server': 'enough'}))
        self.assertEqual((ServerState.RETRIES_EXHAUSTED, 'why 0'), self.state(
            'Error', retries_exhausted={'server': ''}))
        self.assertEqual((ServerState.CONVERGED, ''), self.state(
            'Success', retries_exhausted={'server': 'enough'}))

    def test_given_up_and_then_excluded(self):
        data = self.collect(
            history('Error'),
            servers=[planned(server_plans.Verdict.EXCLUDE)],
            retries_exhausted={'server': 'enough'})
        self.assertEqual((ServerState.EXCLUDED, 'the plan'), (
            data.entries[0].state, data.entries[0].reason))

    def test_the_backend(self):
        problems = [cell_problem.CellProblem('cell2', 'no way')]
        found = dataclasses.replace(
            fakes.found(), problems=(*problems, cell_problem.CellProblem('a',
                                                                         'b')),
            gate=gate.Decision(open=False, reason='its members disagree'))
        data = report.collect('req-1', [], found, problems)
        self.assertEqual(
            (fakes.BACKEND, 'second', 'its members disagree', ['a', 'cell2']),
            (data.backend, data.target, data.waiting_for,
             [p.cell for p in data.problems]))

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

"""What the engine does about servers that are excluded."""

from nova_failover_ext.api import exclusions
from nova_failover_ext.api import requests
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.unit.api import test_exclusions
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base


class ExcludedTest(base.CoordinatorTestCase):
    """A server that an operator excludes, beside another."""

    def setUp(self):
        self.current = exclusions.Exclusions()
        super().setUp()
        self.attachments.append(fakes.attachment(
            server=fakes.server(id='other')))

    def _excluded(self):
        return self.current

    def _exclude(self, *targets):
        self.current = exclusions.Exclusions(
            map(test_exclusions.exclusion, targets))
        self.reconciler.rescan()
        self.reconciler.tick()

    def _counts(self):
        return self._progress()['counts']

    def test_left_alone(self):
        self._hint()
        self.assertEqual(['other', 'server'], sorted(self._ids()))
        self._exclude('server')
        self.assertEqual(['other'], self._ids())
        self.assertEqual({'excluded': 1, 'waiting': 1}, self._counts())
        self._exclude()
        self.assertEqual(['other', 'server'], sorted(self._ids()))

    def test_also_in_a_scan_of_some_servers(self):
        self._hint()
        for server_id in 'server', 'other':
            self._end(results.Outcome.FAILED,
                      work=fakes.work(server_id=server_id))
        self.current = exclusions.Exclusions(
            (test_exclusions.exclusion(),))
        self._later(60)
        self.assertEqual(['other'], self._ids())
        self.assertEqual({'excluded': 1, 'waiting': 1}, self._counts())

    def test_what_is_in_flight_is_not_cut_off(self):
        self._hint()
        self.dispatcher.in_flight.return_value = {'server'}
        self.dispatcher.counts.return_value = (0, 1)
        self._exclude('server')
        self.assertEqual(1, self._counts()['recovering'])

    def test_half_done_is_finished(self):
        self.attachments[0] = fakes.attachment(server=fakes.server(
            task_state=staleness.TASK_STATE))
        self.current = exclusions.Exclusions(
            (test_exclusions.exclusion('server'),))
        self._hint()
        self.assertEqual({'server': True, 'other': False}, {
            work.server_id: work.begun for work in self.sent})

    def test_it_may_move_to_a_host_that_is_not_excluded(self):
        self._hint()
        self._exclude('server', 'other')
        self.dispatcher.counts.return_value = (0, 0)
        self.every = [self._backend()]
        before = self._full_scan()
        for _ in range(3):
            self._later(300)
        self.assertLess(before, self._full_scan())

    def test_not_by_request_either(self):
        self._hint()
        self._exclude('server')
        self._recover(ignore_stamps=True)
        self.assertEqual(['other'], self._ids())
        self.assertEqual(['other'], self._report()['unasked'])

    def test_excluded_ones_count_towards_no_limit(self):
        self._hint()
        self._exclude('other')
        self._recover(limit=1)
        self.assertIn('server', self._ids())

    def test_what_was_asked_for_is_dropped(self):
        self._hint()
        self._recover(ignore_stamps=True)
        self._exclude('server')
        self.assertEqual(['other'], self._report()['unasked'])

    def test_the_end_if_only_excluded_ones_are_left(self):
        self._hint()
        self._exclude('server')
        self.attachments[1] = fakes.attachment(
            server=fakes.server(id='other'), stamp='second')
        self._end(results.Outcome.RECOVERED,
                  work=fakes.work(server_id='other'))
        self._later(60)
        self.assertEqual({'excluded': 1, 'converged': 1}, self._counts())
        self.assertTrue(self._progress()['done'])
        (call,) = self.observer.converged.call_args_list
        self.assertEqual(1, call.args[3])

    def _recover(self, **values):
        self.reconciler.recover(requests.Request(fakes.BACKEND, **values))
        self.reconciler.tick()

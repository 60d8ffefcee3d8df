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


"""An operator asks."""

import ddt
import fixtures

from nova_failover_ext.api import cell_problem
from nova_failover_ext.api import requests
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base

ASKED = 'jo@ctl1 asks for a recovery of node@rbd (request %s)'


@ddt.ddt
class RecoverTest(base.CoordinatorTestCase):
    """An operator asks."""

    def _ask(self, failover_id=base.OTHER_ID, **values):
        return self.reconciler.recover(requests.Request(
            fakes.BACKEND, failover_id=failover_id, **values))

    def _answer(self, outcome, failover_id=base.OTHER_ID):
        self._end(outcome, work=fakes.work(failover_id=failover_id))
        self._later(5)

    def test_the_request_id_is_recorded(self):
        made = self._ask(base.OTHER_ID)
        self.assertEqual(base.OTHER_ID, made)
        self.assertEqual(base.OTHER_ID, self.sent[0].failover_id)

    @ddt.data(
        ({}, 'An operator asks for a recovery of node@rbd (request %s)'),
        ({'who': 'jo@ctl1', 'servers': ('server',), 'limit': 3,
          'ignore_stamps': True},
         ASKED + '; servers: server; ignore stamps: True; limit: 3'),
        ({'who': 'jo@ctl1', 'servers': tuple(map(str, range(22)))},
         '%s; servers: %s, and 2 more' % (
             ASKED, ', '.join(map(str, range(20))))))
    @ddt.unpack
    def test_who_asked_is_in_the_log(self, values, expected):
        log = self.useFixture(fixtures.FakeLogger(level='INFO'))
        self._ask(**values)
        self.assertIn(expected % base.OTHER_ID + '\n', log.output)

    def test_waits_are_forgotten(self):
        self._hint()
        for _ in range(5):
            self._end(results.Outcome.FAILED)
        self._ask(fakes.FAILOVER_ID)
        self.assertEqual([fakes.work()], self.sent)

    def _two_stamped(self):
        self.attachments = [
            fakes.attachment(server=fakes.server(id=name), stamp='second')
            for name in ('server', 'web2')]

    def test_stamps_do_not_count_for_one_round(self):
        self._two_stamped()
        self._hint()
        self.assertEqual([], self.sent)
        self._ask(ignore_stamps=True)
        self.assertEqual(['server', 'web2'], self._ids())
        self._answer(results.Outcome.UNCHANGED)
        self.assertEqual(['web2'], self._ids())
        report = self._report()
        self.assertEqual(([base.OTHER_ID], ['web2']),
                         (report['begun'], report['unasked']))

    @ddt.data(results.Outcome.FAILED, results.Outcome.DEFERRED)
    def test_a_question_without_an_answer_is_asked_again(self, outcome):
        self._two_stamped()
        self._ask(ignore_stamps=True)
        self._answer(outcome)
        self.assertEqual(['server'], self._ids())
        self.assertEqual(['server', 'web2'], self._report()['unasked'])

    def test_an_answer_from_before_does_not_count(self):
        self._two_stamped()
        self._ask(ignore_stamps=True)
        self._answer(results.Outcome.UNCHANGED, fakes.FAILOVER_ID)
        self._later(5)
        self.assertEqual(['server', 'web2'], self._ids())

    def test_the_round_waits_for_the_gate(self):
        self._two_stamped()
        self.member = fakes.member(up=False)
        self._ask(ignore_stamps=True)
        report = self._report()
        self.assertEqual([], report['begun'])
        self.member = fakes.member()
        self._later(5)
        self.assertEqual(['server', 'web2'], self._ids())

    def test_a_newer_failover_ends_the_round(self):
        self._two_stamped()
        self._ask(ignore_stamps=True)
        self.member = fakes.member(active_backend_id='third')
        self.attachments = [fakes.attachment(stamp='third')]
        self._hint(target='third')
        self.assertEqual([], self.sent)

    def test_servers_that_are_gone_are_not_waited_for(self):
        self._two_stamped()
        self._ask(ignore_stamps=True)
        self.attachments = self.attachments[:1]
        self._hint()
        report = self._report()
        self.assertEqual(['server'], report['unasked'])

    def test_a_cell_that_is_down_is_waited_for(self):
        self._two_stamped()
        self._ask(ignore_stamps=True)
        self.attachments = []
        self.problems = [cell_problem.CellProblem('cell2', 'gone')]
        self._hint()
        report = self._report()
        self.assertEqual(['server', 'web2'], report['unasked'])

    def test_an_id_is_made(self):
        made = self._ask('nonsense')
        self.assertTrue(backend_state.valid_failover_id(made))

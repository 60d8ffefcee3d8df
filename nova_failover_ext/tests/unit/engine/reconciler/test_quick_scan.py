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


"""Between whole looks, only what may have changed is read."""

import oslo_messaging as messaging

from nova_failover_ext.api import cell_problem
from nova_failover_ext import exception
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base

Outcome = results.Outcome


class GlanceTest(base.CoordinatorTestCase):
    """The services, while servers are being recovered."""

    def setUp(self):
        super().setUp()
        self._hint()
        self.dispatcher.counts.return_value = (5, 2)

    def _asked(self):
        return self.cinder.backend.call_count

    def test_now_and_then(self):
        for _ in range(21):
            self._later(1)
        self.assertEqual((5, 1), (self._asked(), self._full_scan()))

    def test_not_once_all_is_done(self):
        self.dispatcher.counts.return_value = (0, 0)
        self._later(60)
        self.assertEqual(1, self._asked())

    def test_what_waits_is_dropped_when_cinder_has_moved_on(self):
        self.member = fakes.member(active_backend_id='third')
        self._later(5)
        self.assertEqual(['third'],
                         [work.parts[0].target for work in self.sent])
        self.assertEqual([], [
            work for call in self.dispatcher.replace.call_args_list[1:-1]
            for work in call.args[1]])
        self.observer.superseded.assert_called_once_with(
            fakes.BACKEND, fakes.FAILOVER_ID, 0)
        self.assertEqual(2, self._full_scan())

    def test_how_many_are_superseded(self):
        self.attachments = [
            fakes.attachment(server=fakes.server(id=str(number)))
            for number in range(7)]
        self._hint()
        self.member = fakes.member(replication_status='failing-over')
        self._later(5)
        self.assertEqual([], self.sent)
        self.observer.superseded.assert_called_once_with(
            fakes.BACKEND, fakes.FAILOVER_ID, 5)
        self.assertEqual({'superseded': 7}, self._progress()['counts'])

    def test_what_waits_is_dropped_when_cinder_is_down(self):
        self.member = fakes.member(up=False)
        self._later(5)
        self.assertEqual([], self.sent)
        self.observer.superseded.assert_not_called()
        self.assertFalse(self._progress()['gate']['open'])

    def test_the_backend_is_gone(self):
        self.cinder.backend.side_effect = exception.BackendNotFound(
            backend='x', known='y')
        self._later(5)
        self.assertEqual([], self.sent)
        self.assertEqual({}, self.reconciler.progress([]))

    def test_cinder_cannot_be_asked(self):
        self.cinder.backend.side_effect = exception.CinderUnavailable(
            reason='down')
        self._later(5)
        self.assertFalse(self._progress()['done'])
        self.assertIn('down', self._report()['reason'])
        self.cinder.backend.side_effect = lambda name: self._backend()
        self._later(5)
        self.assertEqual('', self._report()['reason'])
        self.member = fakes.member(active_backend_id='third')
        self._later(5)
        self.assertEqual(['third'],
                         [work.parts[0].target for work in self.sent])


class PartialTest(base.CoordinatorTestCase):
    """The servers that are due."""

    def _two(self):
        self.attachments = [
            fakes.attachment(server=fakes.server(id=name))
            for name in ('server', 'web2')]

    def test_only_those(self):
        self._two()
        self._hint()
        self._end(Outcome.FAILED)
        self.dispatcher.add.reset_mock()
        self._later(5)
        self.assertEqual(['server'], self._ids())
        self.dispatcher.add.assert_called_once()
        (servers, _ids), _kwargs = self.nova.attachments_of.call_args
        self.assertEqual([(fakes.CELL, 'server')], list(servers))

    def test_at_most_one_in_a_second(self):
        self._two()
        self._hint()
        self._end(Outcome.FAILED)
        self.now += 0.1
        self._end(Outcome.FAILED, work=fakes.work(server_id='web2'))
        self._later(4.9)
        self.assertEqual(1, self._small_looks())
        self._later(0.5)
        self.assertEqual(1, self._small_looks())
        self._later(0.5)
        self.assertEqual((2, ['web2']), (self._small_looks(), self._ids()))

    def test_a_time_out_whose_work_was_done(self):
        self._hint()
        self._end(Outcome.FAILED, 'no sign of life')
        self.attachments = [fakes.attachment(stamp='second')]
        self.sent = None
        self._later(5)
        self.assertIsNone(self.sent)
        self.assertEqual({'converged': 1}, self._progress()['counts'])

    def test_a_server_that_has_moved(self):
        self._hint()
        self.attachments = [fakes.attachment(
            server=fakes.server(host='compute2'))]
        self._end(Outcome.SKIPPED, 'it is on another host')
        self._later(0)
        self.assertEqual([fakes.work(host='compute2')], self.sent)
        tries = self._report()['servers']['server']['tries']
        self.assertEqual(0, tries)

    def test_a_server_that_has_not_moved(self):
        self._hint()
        self._end(Outcome.SKIPPED, 'nothing to do')
        self.sent = None
        self._later(0)
        self.assertIsNone(self.sent)
        self._later(5)
        self.assertEqual([fakes.work()], self.sent)

    def test_a_server_that_is_gone(self):
        self._hint()
        self._end(Outcome.FAILED)
        self.attachments = []
        self._later(5)
        progress = self._progress()
        self.assertEqual(({}, True), (progress['counts'], progress['done']))

    def test_a_cell_that_cannot_be_read(self):
        self._hint()
        self._end(Outcome.FAILED)
        self.attachments, before = [], self.attachments
        self.problems = [cell_problem.CellProblem(
            'east', 'gone', fakes.CELL)]
        self._later(5)
        self.attachments, self.problems = before, []
        self._later(5)
        self.assertEqual(['server'], self._ids())

    def test_the_api_database_cannot_be_read(self):
        self._hint()
        self._end(Outcome.FAILED)
        self.nova.attachments_of.side_effect = (
            exception.DatabaseUnavailable(reason='down'))
        self._later(5)
        self.nova.attachments_of.side_effect = self._attachments_of
        self._later(5)
        self.assertEqual(['server'], self._ids())

    def test_not_while_cinder_moves(self):
        self._hint()
        self._end(Outcome.FAILED)
        self.member = fakes.member(replication_status='failing-over')
        self._hint()
        self._later(4.9)
        self._later(0.1)
        self.assertEqual(0, self._small_looks())


class HostTest(base.CoordinatorTestCase):
    """Hosts that are down or silent are watched, not hammered."""

    def _down(self, up=False):
        self.attachments = [fakes.attachment(
            server=fakes.server(compute_up=up))]
        self.nova.hosts_up.return_value = {(fakes.CELL, 'compute1'): up}

    def test_down_and_back(self):
        self._down()
        self._hint()
        for _ in range(4):
            self._later(10)
        self.assertEqual([], self.sent)
        # At once, and every ten seconds from then on.
        self.assertEqual(5, self.nova.hosts_up.call_count)
        self.nova.hosts_up.assert_called_with({fakes.CELL})
        self.assertEqual({'deferred': 1}, self._progress()['counts'])
        self.assertEqual(0, self._small_looks())
        self._down(up=True)
        self._later(10)
        self.assertEqual(['server'], self._ids())

    def test_that_counts_for_nothing(self):
        self._down()
        self._hint()
        for _ in range(5):
            self._later(60)
        self.assertEqual(
            0, self._report()['servers']['server']['tries'])

    def test_nobody_is_asked_when_all_hosts_are_up(self):
        self._hint()
        self._later(60)
        self.nova.hosts_up.assert_not_called()

    def test_other_hosts_that_are_down_are_not_watched(self):
        self._down()
        self._hint()
        self._down(up=True)
        self.nova.hosts_up.return_value[fakes.CELL, 'spare'] = False
        self._later(10)
        self.assertEqual([], self.hosts.down())
        self.nova.hosts_up.reset_mock()
        self._later(60)
        self.nova.hosts_up.assert_not_called()

    def test_silent_and_back(self):
        self._hint()
        self.hosts.note_silent(fakes.CELL, 'compute1')
        self.client.ping.side_effect = messaging.MessagingTimeout()
        self._end(Outcome.FAILED, 'no sign of life')
        self.sent = None
        for _ in range(6):
            self._later(10)
        self.assertIsNone(self.sent)
        self.assertEqual(
            0, self._report()['servers']['server']['tries'])
        self.client.ping.side_effect = lambda cell, host, timeout: (
            self.hosts.note_answer(cell, host))
        self._later(60)
        self._later(1)
        self.assertEqual(['server'], self._ids())
        self.client.ping.assert_called_with(fakes.CELL, 'compute1', 10.0)

    def _cut_off(self):
        """Its host answers again, and is still at work."""
        self._hint()
        self.hosts.note_silent(fakes.CELL, 'compute1')
        self.client.ping.side_effect = messaging.MessagingTimeout()
        self._end(Outcome.FAILED, 'no sign of life')
        self.hosts.note_answer(fakes.CELL, 'compute1')
        self.attachments = [fakes.attachment(server=fakes.server(
            task_state='recovering_volumes'))]
        self.sent = None

    def test_a_host_at_work_is_not_asked_again(self):
        self._cut_off()
        for _ in range(8):
            self._later(10)
        self.assertIsNone(self.sent)
        self._later(10)
        self.assertEqual(['server'], self._ids())

    def test_a_host_at_work_ends(self):
        self._cut_off()
        self._later(10)
        self.attachments = [fakes.attachment(stamp='second')]
        self._later(10)
        self.assertIsNone(self.sent)
        self.assertEqual({'converged': 1}, self._progress()['counts'])

    def test_two_hosts_of_a_cell(self):
        self.attachments = [
            fakes.attachment(server=fakes.server(compute_up=False)),
            fakes.attachment(server=fakes.server(
                id='other', host='compute2', compute_up=False))]
        self.nova.hosts_up.return_value = {
            (fakes.CELL, 'compute1'): False, (fakes.CELL, 'compute2'): False}
        self._hint()
        self.attachments[1] = fakes.attachment(
            server=fakes.server(id='other', host='compute2'))
        self.nova.hosts_up.return_value = {
            (fakes.CELL, 'compute1'): False, (fakes.CELL, 'compute2'): True}
        self._later(10)
        self._later(10)
        self.assertEqual(['other'], self._ids())

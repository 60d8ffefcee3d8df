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


"""What follows from results."""

from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base


class RetryTest(base.CoordinatorTestCase):
    """Results and what follows from them."""

    def test_looks_again_when_all_is_done(self):
        self._hint()
        self.attachments = [fakes.attachment(stamp='second')]
        self._end(results.Outcome.RECOVERED)
        self.reconciler.tick()
        self.assertEqual(2, self._full_scan())
        self.assertEqual([], self.sent)
        self.assertEqual(
            {}, self._report()['servers'])

    def test_a_failure_waits_before_it_is_tried_again(self):
        self._hint()
        self._end(results.Outcome.DEFERRED)
        self.sent = None
        self._later(4.9)
        self.assertIsNone(self.sent)
        self._later(0.1)
        self.assertEqual([fakes.work()], self.sent)
        self.assertEqual((1, 1), (self._full_scan(), self._small_looks()))

    def test_claims_are_not_believed(self):
        self._hint()
        self._end(results.Outcome.RECOVERED)
        self._later(5)
        self.assertEqual([fakes.work()], self.sent)

    def test_the_reason_is_reported(self):
        self._hint()
        self._end(results.Outcome.DEFERRED, 'no path')
        report = self._report()
        self.assertEqual(
            {'tries': 1, 'state': 'deferred', 'outcome': 'deferred',
             'reason': 'no path'},
            report['servers']['server'])

    def test_given_up_and_tried_now_and_then(self):
        self._hint()
        self._end(results.Outcome.FAILED)
        self._later(5)
        self._end(results.Outcome.FAILED, 'no path')
        self.sent = None
        for _ in range(89):
            self._later(10)
        self.assertIsNone(self.sent)
        self.assertEqual({'retries exhausted': 1}, self._progress()['counts'])
        self._later(10)
        self.assertEqual([fakes.work()], self.sent)
        self._end(results.Outcome.FAILED)
        # That is told once.
        self.observer.retries_exhausted.assert_called_once_with(
            fakes.BACKEND, fakes.FAILOVER_ID, 'server', 'no path')

    def test_given_up_until_its_record_changes(self):
        self._hint()
        self._end(results.Outcome.FAILED)
        self._end(results.Outcome.FAILED)
        self._hint()
        self.assertEqual([], self.sent)
        self.attachments = [fakes.attachment(
            server=fakes.server(task_state='recovering_volumes'))]
        self._hint()
        self.assertEqual([], self.sent)
        self.attachments = [fakes.attachment(
            server=fakes.server(vm_state='stopped'))]
        self._hint()
        self.assertEqual(['server'], self._ids())

    def test_others_in_flight_put_off_the_look(self):
        self._hint()
        self.dispatcher.counts.return_value = (0, 1)
        self._end(results.Outcome.RECOVERED)
        self._later(60)
        self.assertEqual(1, self._full_scan())
        self.dispatcher.counts.return_value = (0, 0)
        self._later(1)
        self.assertEqual(2, self._full_scan())

    def test_a_look_that_read_before_a_result_does_not_act_on_it(self):
        self._hint()

        def attachments(ids):
            before, self.attachments = self.attachments, [
                fakes.attachment(stamp='second')]
            self.now += 1
            self._end(results.Outcome.RECOVERED)
            self.now += 9
            return before, []
        self.nova.attachments.side_effect = attachments
        self._hint()
        self.assertEqual([], self.sent)
        self.nova.attachments.side_effect = lambda ids: (
            self.attachments, [])
        # What ended meanwhile is still to be confirmed.
        self.assertFalse(self._progress()['done'])
        self._later(60)
        self.assertEqual(3, self._full_scan())
        self.assertTrue(self._progress()['done'])

    def test_a_failure_in_the_middle_of_a_look_is_tried_again(self):
        self._hint()

        def attachments(ids):
            self.now += 1
            self._end(results.Outcome.FAILED)
            self.now += 1
            return self.attachments, []
        self.nova.attachments.side_effect = attachments
        # It counts as in flight until that is noted everywhere.
        self.dispatcher.in_flight.return_value = {'server'}
        self._hint()
        self.dispatcher.in_flight.return_value = set()
        self.assertEqual([], self.sent)
        self._later(5)
        self.assertEqual(['server'], self._ids())

    def test_what_has_not_happened_is_not_told(self):
        self._hint()
        self._end(results.Outcome.RECOVERED)
        self._later(1)
        self.assertEqual(2, self._full_scan())
        self.observer.converged.assert_not_called()
        progress = self._progress()
        self.assertEqual(({'unknown': 1}, False),
                         (progress['counts'], progress['done']))

    def test_a_deferred_server_is_looked_at_again(self):
        self.attachments = [fakes.attachment(
            server=fakes.server(vm_state='paused'))]
        self._hint()
        self.assertEqual([], self.sent)
        report = self._report()
        self.assertEqual('the server is paused',
                         report['servers']['server']['reason'])
        self.attachments = [fakes.attachment()]
        self._later(5)
        self.assertEqual(['server'],
                         [w.server_id for w in self.sent])

    def test_a_deferred_server_is_never_given_up(self):
        self.attachments = [fakes.attachment(
            server=fakes.server(vm_state='paused'))]
        self._hint()
        for _ in range(30):
            self._later(20)
        self.assertEqual({'deferred': 1}, self._progress()['counts'])
        self.observer.retries_exhausted.assert_not_called()

    def test_our_own_task_is_no_reason_to_defer(self):
        self._hint()
        self.dispatcher.in_flight.return_value = {'server'}
        self.attachments = [fakes.attachment(
            server=fakes.server(task_state='rebooting'))]
        self._hint()
        self.assertEqual(
            {}, self._report()['servers'])

    def test_a_second_failover_starts_anew(self):
        self._hint()
        self._end(results.Outcome.FAILED)
        self.member = fakes.member(active_backend_id='third')
        self._hint(failover_id=base.OTHER_ID, target='third')
        self.assertEqual(
            [fakes.work(target='third', failover_id=base.OTHER_ID,
                        volumes=(('vol', 'third'),))], self.sent)

    def test_a_result_for_an_older_target_is_followed_by_a_look(self):
        self._hint()
        self.member = fakes.member(active_backend_id='third')
        self.dispatcher.in_flight.return_value = {'server', 'other'}
        self._hint(failover_id=base.OTHER_ID, target='third')
        self.assertEqual([], self.sent)
        self.dispatcher.in_flight.return_value = {'other'}
        self._end(results.Outcome.RECOVERED)
        self.reconciler.tick()
        self.assertEqual(['third'],
                         [w.parts[0].target for w in self.sent])

    def test_only_stale_volumes_are_named(self):
        self.volumes['done'] = fakes.volume(id='done')
        self.attachments.append(
            fakes.attachment(volume_id='done', stamp='second'))
        self._hint()
        self.assertEqual((('vol', 'second'),),
                         self.sent[0].parts[0].volumes)

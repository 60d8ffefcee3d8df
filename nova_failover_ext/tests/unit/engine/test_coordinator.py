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

"""Every reason to look ends in the same look."""

from unittest import mock

import ddt
import fixtures
import futurist
import testtools

from nova_failover_ext.engine import backoff
from nova_failover_ext.engine import cinder
from nova_failover_ext.engine import coordinator
from nova_failover_ext.engine import dispatcher
from nova_failover_ext.engine import model
from nova_failover_ext.engine import nova_db
from nova_failover_ext.engine import state
from nova_failover_ext import exception
from nova_failover_ext import results
from nova_failover_ext.tests.unit.engine import fakes

OTHER_ID = 'req-1b0f1a0e-2f2a-4b0e-a3e8-3b1f9e0d5c22'


class Base(testtools.TestCase):
    """A coordinator over fake records, with a clock that the test moves."""

    def setUp(self):
        super().setUp()
        self.now = 100.0
        self.member = fakes.member()
        self.volumes = {'vol': fakes.volume()}
        self.attachments = [fakes.attachment()]
        self.problems = []
        self.cinder = mock.create_autospec(cinder.CinderReader,
                                           instance=True)
        self.cinder.backends.side_effect = lambda: [self._backend()]
        self.cinder.backend.side_effect = lambda name: self._backend()
        self.cinder.volumes.side_effect = lambda backend: self.volumes
        self.nova = mock.create_autospec(nova_db.NovaReader, instance=True)
        self.nova.attachments.side_effect = lambda ids: (
            self.attachments, self.problems)
        self.dispatcher = mock.create_autospec(dispatcher.Dispatcher,
                                               instance=True)
        self.dispatcher.in_flight.return_value = set()
        self.dispatcher.waiting.return_value = set()
        waits = mock.create_autospec(backoff.Backoff, instance=True)
        waits.seconds.side_effect = lambda count: 5.0 * count
        self.coordinator = coordinator.Coordinator(
            self.cinder, self.nova, futurist.SynchronousExecutor(), waits,
            limit=2, gate_timeout=60.0, interval=300.0,
            clock=lambda: self.now)
        self.coordinator.use(self.dispatcher)

    def _backend(self):
        return fakes.backend(self.member)

    def _hint(self, failover_id=fakes.FAILOVER_ID, target='second'):
        self.coordinator.hint(fakes.BACKEND,
                              coordinator.Hint(failover_id, target))

    def _group_hint(self, failover_id, target='second', group_id='alpha'):
        self.coordinator.hint(fakes.BACKEND, coordinator.Hint(
            failover_id, target, group_id))

    def _later(self, seconds):
        self.now += seconds
        self.coordinator.tick()

    def _dispatched(self):
        """Return the work of the latest plan, None if there was no plan."""
        calls = self.dispatcher.replace.call_args_list
        return list(calls[-1].args[1]) if calls else None

    def _looks(self):
        return self.cinder.volumes.call_count


class HintTest(Base):
    """Notifications."""

    def test_the_truth_is_dispatched(self):
        self._hint()
        self.assertEqual([fakes.work()], self._dispatched())

    def test_forged_target(self):
        self._hint(target='elsewhere')
        work = self._dispatched()[0]
        self.assertEqual('second', work.target)
        self.assertNotEqual(fakes.FAILOVER_ID, work.failover_id)
        self.assertTrue(state.valid_failover_id(work.failover_id))

    def test_forged_for_a_healthy_backend(self):
        self.attachments = [fakes.attachment(stamp='second')]
        self._hint(target='elsewhere')
        self.assertEqual([], self._dispatched())

    def test_late_after_failback(self):
        self.member = fakes.member(active_backend_id='',
                                   replication_status='enabled')
        self.volumes = {'vol': fakes.volume(replication_status='enabled')}
        self.attachments = [fakes.attachment(stamp='')]
        self._hint()
        self.assertEqual([], self._dispatched())

    def test_duplicate(self):
        self._hint()
        self.dispatcher.in_flight.return_value = {'server'}
        self._hint(failover_id=OTHER_ID)
        self.assertEqual([], self._dispatched())
        self.dispatcher.in_flight.return_value = set()
        self._hint(failover_id=OTHER_ID)
        self.assertEqual(fakes.FAILOVER_ID,
                         self._dispatched()[0].failover_id)

    def test_group_has_failed_over_without_its_backend(self):
        self.member = fakes.member(active_backend_id='',
                                   replication_status='enabled')
        self.volumes = {'vol': fakes.volume(group_id='alpha')}
        self._group_hint(OTHER_ID)
        self.assertEqual([fakes.work(
            failover_id=OTHER_ID, target='',
            volumes=(('vol', 'group failed-over'),))], self._dispatched())

    def test_group_has_failed_over_once_more(self):
        """Of that, Cinder's records say nothing."""
        self.member = fakes.member(active_backend_id='',
                                   replication_status='enabled')
        self.volumes = {'vol': fakes.volume(group_id='alpha'),
                        'other': fakes.volume(
                            id='other', replication_status='enabled')}
        self.attachments = [
            fakes.attachment(stamp='group failed-over'),
            fakes.attachment(stamp='', volume_id='other',
                             server=fakes.server(id='beside'))]
        self._hint(target='')
        self.assertEqual([], self._dispatched())
        self._group_hint(OTHER_ID)
        work, = self._dispatched()
        self.assertEqual(('server', OTHER_ID),
                         (work.server_id, work.failover_id))

    def test_groups_that_fail_over_together(self):
        self.member = fakes.member(replication_status='failing-over')
        self.volumes = {
            'vol': fakes.volume(group_id='alpha'),
            'other': fakes.volume(id='other', group_id='beta')}
        self.attachments = [
            fakes.attachment(stamp='second'),
            fakes.attachment(stamp='second', volume_id='other',
                             server=fakes.server(id='beside'))]
        self._group_hint(fakes.FAILOVER_ID)
        self._group_hint(OTHER_ID, group_id='beta')
        self.member = fakes.member()
        self._later(999)
        self.assertEqual({'server', 'beside'},
                         {work.server_id for work in self._dispatched()})

    def test_unknown_backend_is_forgotten(self):
        self.cinder.backend.side_effect = exception.BackendNotFound(
            backend='x', known='y')
        self._hint()
        self._later(999)
        self.assertIsNone(self._dispatched())
        self.assertEqual(1, self.cinder.backend.call_count)
        self.assertNotIn(fakes.BACKEND, self.coordinator._states)

    def test_the_primary_may_be_announced_as_none(self):
        self.member = fakes.member(active_backend_id=None,
                                   replication_status='enabled')
        self.volumes = {'vol': fakes.volume(replication_status='enabled')}
        self._hint(target=None)
        self.assertEqual(
            fakes.work(target='', volumes=(('vol', ''),)),
            self._dispatched()[0])


class ClusterTest(Base):
    """A backend that is known by several names."""

    def setUp(self):
        super().setUp()
        self.first = fakes.member(cluster='pair@rbd')
        self.second = fakes.member(host='other@rbd', cluster='pair@rbd')

    def _backend(self):
        return fakes.backend(self.first, self.second)

    def _hint_by(self, name):
        self.coordinator.hint(name, coordinator.Hint(
            fakes.FAILOVER_ID, 'second'))
        self.coordinator.tick()

    def test_told_by_another_member(self):
        self._hint_by('other@rbd')
        self.assertEqual([fakes.work()], self._dispatched())
        self.assertEqual([fakes.BACKEND], sorted(self.coordinator._states))

    def test_known_by_then(self):
        self._hint_by('other@rbd')
        looks = self._looks()
        self._hint_by('other@rbd')
        self.assertEqual(looks + 1, self._looks())

    def test_asked_for_by_the_name_of_the_cluster(self):
        chosen = self.coordinator.recover('pair@rbd', OTHER_ID)
        self.coordinator.tick()
        self.assertEqual(OTHER_ID, chosen)
        self.assertEqual([fakes.work(failover_id=OTHER_ID)],
                         self._dispatched())
        self.assertEqual([OTHER_ID],
                         self.coordinator.report('pair@rbd')['begun'])

    def test_the_first_member_goes(self):
        self._hint_by('other@rbd')
        self.cinder.backend.side_effect = exception.BackendNotFound(
            backend='x', known='y')
        self._hint_by('other@rbd')
        self.cinder.backend.side_effect = lambda name: model.Backend(
            'other@rbd', (self.second,))
        self._hint_by('other@rbd')
        self.assertEqual(['other@rbd'], sorted(self.coordinator._states))


@ddt.ddt
class GateTest(Base):
    """Waiting for Cinder."""

    def test_waits_while_failing_over_and_keeps_the_id(self):
        self.member = fakes.member(replication_status='failing-over',
                                   active_backend_id=None)
        self._hint()
        self.assertEqual([], self._dispatched())
        self.assertIn('in progress',
                      self.coordinator.report(fakes.BACKEND)['reason'])
        self.member = fakes.member()
        self._later(5)
        self.assertEqual([fakes.work()], self._dispatched())
        self.assertEqual(
            '', self.coordinator.report(fakes.BACKEND)['reason'])

    def test_waiting_often_is_bounded(self):
        self.member = fakes.member(up=False)
        self._hint()
        for _ in range(30):
            self._later(5)
        self.assertEqual(13, self._looks())
        self.assertEqual([], self._dispatched())

    def test_rows_that_are_never_written_do_not_hold_up_others(self):
        self.volumes['late'] = fakes.volume(
            id='late', replication_status='enabled')
        self.attachments.append(fakes.attachment(
            server=fakes.server(id='late'), volume_id='late'))
        self._hint()
        self.assertEqual([], self._dispatched())
        for _ in range(11):
            self._later(5)
        self.assertEqual([], self._dispatched())
        self._later(5)
        self.assertEqual(['late', 'server'],
                         [w.server_id for w in self._dispatched()])

    def test_a_late_row_is_asked_about_once(self):
        self.volumes['vol'] = fakes.volume(replication_status='enabled')
        self._hint()
        for _ in range(12):
            self._later(5)
        self.assertEqual([fakes.work()], self._dispatched())
        self.attachments = [fakes.attachment(stamp='second')]
        self._hint()
        self.assertEqual([], self._dispatched())
        self.assertEqual(
            {}, self.coordinator.report(fakes.BACKEND)['servers'])

    def test_rows_that_are_being_moved_are_left_alone(self):
        self.volumes['vol'] = fakes.volume(replication_status='failing-over')
        self._hint()
        for _ in range(12):
            self._later(5)
        self.assertEqual([], self._dispatched())

    @ddt.data({'up': False}, {'active_backend_id': 'third'})
    def test_rows_have_a_wait_of_their_own(self, before):
        self.member = fakes.member(**before)
        self.volumes['vol'] = fakes.volume(replication_status='enabled')
        self._hint()
        self._later(59)
        self.member = fakes.member()
        for _ in range(12):
            self._later(5)
            self.assertEqual([], self._dispatched())
        self._later(5)
        self.assertEqual([fakes.work()], self._dispatched())

    def test_what_waits_for_the_old_target_never_starts(self):
        self._hint()
        self.assertEqual([fakes.work()], self._dispatched())
        self.member = fakes.member(replication_status='failing-over')
        self._hint()
        self.assertEqual([], self._dispatched())


class RetryTest(Base):
    """Results and what follows from them."""

    def _end(self, outcome, reason='why'):
        self.coordinator.done(
            fakes.work(), results.ServerResult('server', outcome, reason))

    def test_looks_again_when_all_is_done(self):
        self._hint()
        self.attachments = [fakes.attachment(stamp='second')]
        self._end(results.Outcome.RECOVERED)
        self.coordinator.tick()
        self.assertEqual(2, self._looks())
        self.assertEqual([], self._dispatched())
        self.assertEqual(
            {}, self.coordinator.report(fakes.BACKEND)['servers'])

    def test_a_failure_waits_before_it_is_tried_again(self):
        self._hint()
        self._end(results.Outcome.DEFERRED)
        self.coordinator.tick()
        self.assertEqual([], self._dispatched())
        self._later(5)
        self.assertEqual([fakes.work()], self._dispatched())

    def test_claims_are_not_believed(self):
        self._hint()
        self._end(results.Outcome.RECOVERED)
        self._later(5)
        self.assertEqual([fakes.work()], self._dispatched())

    def test_the_reason_is_reported(self):
        self._hint()
        self._end(results.Outcome.DEFERRED, 'no path')
        report = self.coordinator.report(fakes.BACKEND)
        self.assertEqual(
            {'tries': 1, 'outcome': 'deferred', 'reason': 'no path'},
            report['servers']['server'])

    def test_out_of_tries_until_reconcile(self):
        self.coordinator.start()
        self._end(results.Outcome.FAILED)
        self._end(results.Outcome.FAILED)
        for _ in range(20):
            self._later(10)
        self.assertEqual([], self._dispatched())
        self._later(100)
        self.assertEqual(['server'],
                         [w.server_id for w in self._dispatched()])

    def test_others_in_flight_put_off_the_look(self):
        self._hint()
        self.dispatcher.in_flight.return_value = {'server', 'other'}
        self._end(results.Outcome.RECOVERED)
        self.coordinator.tick()
        self.assertEqual(1, self._looks())
        self._later(5)
        self.assertEqual(2, self._looks())

    def test_a_deferred_server_is_looked_at_again(self):
        self.attachments = [fakes.attachment(
            server=fakes.server(vm_state='paused'))]
        self._hint()
        self.assertEqual([], self._dispatched())
        report = self.coordinator.report(fakes.BACKEND)
        self.assertEqual('the server is paused',
                         report['servers']['server']['reason'])
        self.attachments = [fakes.attachment()]
        self._later(5)
        self.assertEqual(['server'],
                         [w.server_id for w in self._dispatched()])

    def test_our_own_task_is_no_reason_to_defer(self):
        self._hint()
        self.dispatcher.in_flight.return_value = {'server'}
        self.attachments = [fakes.attachment(
            server=fakes.server(task_state='rebooting'))]
        self._hint()
        self.assertEqual(
            {}, self.coordinator.report(fakes.BACKEND)['servers'])

    def test_a_second_failover_starts_anew(self):
        self._hint()
        self._end(results.Outcome.FAILED)
        self.member = fakes.member(active_backend_id='third')
        self._hint(failover_id=OTHER_ID, target='third')
        self.assertEqual(
            [fakes.work(target='third', failover_id=OTHER_ID,
                        volumes=(('vol', 'third'),))], self._dispatched())

    def test_a_result_for_an_older_target_is_followed_by_a_look(self):
        self._hint()
        self.member = fakes.member(active_backend_id='third')
        self.dispatcher.in_flight.return_value = {'server', 'other'}
        self._hint(failover_id=OTHER_ID, target='third')
        self.assertEqual([], self._dispatched())
        self.dispatcher.in_flight.return_value = {'other'}
        self._end(results.Outcome.RECOVERED)
        self.coordinator.tick()
        self.assertEqual(['third'],
                         [w.target for w in self._dispatched()])

    def test_only_stale_volumes_are_named(self):
        self.volumes['done'] = fakes.volume(id='done')
        self.attachments.append(
            fakes.attachment(volume_id='done', stamp='second'))
        self._hint()
        self.assertEqual((('vol', 'second'),),
                         self._dispatched()[0].volumes)


class ReconcileTest(Base):
    """The timer."""

    def test_finds_what_nobody_told_of(self):
        self.coordinator.start()
        self.coordinator.tick()
        self.assertEqual(['server'],
                         [w.server_id for w in self._dispatched()])

    def test_leaves_backends_without_replication_alone(self):
        self.member = fakes.member(replication_status='not-capable')
        self.coordinator.start()
        self.coordinator.tick()
        self.assertEqual(0, self._looks())

    def test_again_and_again(self):
        self.attachments = []
        self.coordinator.start()
        self._later(299)
        self.assertEqual(1, self._looks())
        self._later(1)
        self.assertEqual(2, self._looks())

    def test_cinder_is_down_at_the_start(self):
        self.cinder.backends.side_effect = exception.CinderUnavailable(
            reason='down')
        self.coordinator.start()
        self.cinder.backends.side_effect = lambda: [self._backend()]
        self._later(5)
        self.assertEqual(['server'],
                         [w.server_id for w in self._dispatched()])

    def test_the_database_is_down(self):
        self.nova.attachments.side_effect = exception.DatabaseUnavailable(
            reason='down')
        self._hint()
        self.assertIn('cannot be read',
                      self.coordinator.report(fakes.BACKEND)['reason'])
        self.nova.attachments.side_effect = lambda ids: (
            self.attachments, [])
        self._later(5)
        self.assertEqual([fakes.work()], self._dispatched())

    def test_a_cell_is_down(self):
        self.attachments = []
        self.problems = [model.CellProblem('cell2', 'gone')]
        self._hint()
        self.assertIn('cell2',
                      self.coordinator.report(fakes.BACKEND)['reason'])
        self._later(5)
        self.assertEqual(2, self._looks())

    def test_an_unexpected_error_does_not_end_it(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.nova.attachments.side_effect = RuntimeError('CANARY')
        self._hint()
        self.assertIn('RuntimeError', log.output)
        self.assertNotIn('CANARY', log.output)
        self.nova.attachments.side_effect = lambda ids: (
            self.attachments, [])
        self._later(5)
        self.assertEqual([fakes.work()], self._dispatched())


@ddt.ddt
class RecoverTest(Base):
    """An operator asks."""

    def test_the_request_id_is_recorded(self):
        made = self.coordinator.recover(fakes.BACKEND, OTHER_ID)
        self.assertEqual(OTHER_ID, made)
        self.assertEqual(OTHER_ID, self._dispatched()[0].failover_id)

    def test_waits_are_forgotten(self):
        self._hint()
        for _ in range(5):
            self.coordinator.done(fakes.work(), results.ServerResult(
                'server', results.Outcome.FAILED))
        self.coordinator.recover(fakes.BACKEND, fakes.FAILOVER_ID)
        self.assertEqual([fakes.work()], self._dispatched())

    def _recover(self):
        self.coordinator.recover(fakes.BACKEND, OTHER_ID)

    def _end(self, outcome, failover_id=OTHER_ID):
        self.coordinator.done(fakes.work(failover_id=failover_id),
                              results.ServerResult('server', outcome))
        self._later(5)

    def _two_stamped(self):
        self.attachments = [
            fakes.attachment(server=fakes.server(id=name), stamp='second')
            for name in ('server', 'web2')]

    def _ids(self):
        return [w.server_id for w in self._dispatched()]

    def test_stamps_do_not_count_for_one_round(self):
        self._two_stamped()
        self._hint()
        self.assertEqual([], self._dispatched())
        self._recover()
        self.assertEqual(['server', 'web2'], self._ids())
        self._end(results.Outcome.UNCHANGED)
        self.assertEqual(['web2'], self._ids())
        report = self.coordinator.report(fakes.BACKEND)
        self.assertEqual(([OTHER_ID], ['web2']),
                         (report['begun'], report['unasked']))

    @ddt.data(results.Outcome.FAILED, results.Outcome.DEFERRED)
    def test_a_question_without_an_answer_is_asked_again(self, outcome):
        self._two_stamped()
        self._recover()
        self._end(outcome)
        self.assertEqual(['server', 'web2'], self._ids())

    def test_an_answer_from_before_does_not_count(self):
        self._two_stamped()
        self._recover()
        self._end(results.Outcome.UNCHANGED, fakes.FAILOVER_ID)
        self._later(5)
        self.assertEqual(['server', 'web2'], self._ids())

    def test_the_round_waits_for_the_gate(self):
        self._two_stamped()
        self.member = fakes.member(up=False)
        self._recover()
        report = self.coordinator.report(fakes.BACKEND)
        self.assertEqual([], report['begun'])
        self.member = fakes.member()
        self._later(5)
        self.assertEqual(['server', 'web2'], self._ids())

    def test_a_newer_failover_ends_the_round(self):
        self._two_stamped()
        self._recover()
        self.member = fakes.member(active_backend_id='third')
        self.attachments = [fakes.attachment(stamp='third')]
        self._hint(target='third')
        self.assertEqual([], self._dispatched())

    def test_servers_that_are_gone_are_not_waited_for(self):
        self._two_stamped()
        self._recover()
        self.attachments = self.attachments[:1]
        self._hint()
        report = self.coordinator.report(fakes.BACKEND)
        self.assertEqual(['server'], report['unasked'])

    def test_a_cell_that_is_down_is_waited_for(self):
        self._two_stamped()
        self._recover()
        self.attachments = []
        self.problems = [model.CellProblem('cell2', 'gone')]
        self._hint()
        report = self.coordinator.report(fakes.BACKEND)
        self.assertEqual(['server', 'web2'], report['unasked'])

    def test_an_id_is_made(self):
        made = self.coordinator.recover(fakes.BACKEND, 'nonsense')
        self.assertTrue(state.valid_failover_id(made))

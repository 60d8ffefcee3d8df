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


"""The timer finds what nobody told of."""

import ddt
import fixtures

from nova_failover_ext.api import cell_problem
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base


class ReconcileTest(base.CoordinatorTestCase):
    """The timer."""

    def setUp(self):
        super().setUp()
        self.cinder.backends.side_effect = lambda: [self._backend()]

    def test_finds_what_nobody_told_of(self):
        self.reconciler.lead()
        self.reconciler.tick()
        self.assertEqual(['server'],
                         [w.server_id for w in self.sent])

    def test_leaves_backends_without_replication_alone(self):
        self.member = fakes.member(replication_status='not-capable')
        self.reconciler.lead()
        self.reconciler.tick()
        self.assertEqual(0, self._full_scan())

    def test_again_and_again(self):
        self.reconciler.lead()
        self._later(299)
        self.assertEqual(1, self._full_scan())
        self._later(1)
        self.assertEqual(2, self._full_scan())

    def test_a_lost_notification_right_after_a_long_scan(self):
        """The rest after the scan does not hold the failover up."""
        def volumes(_backend, _on_page):
            self.now += 100
            return self.volumes
        self.cinder.volumes.side_effect = volumes
        self.attachments = [fakes.attachment(stamp='second')]
        self.reconciler.lead()
        self.assertEqual([], self.sent)
        self.member = fakes.member(active_backend_id='third')
        self._later(300)
        self.assertEqual(['third'], [work.parts[0].target
                                     for work in self.sent])

    def test_an_unchanged_record_does_not_shorten_the_rest(self):
        def volumes(_backend, _on_page):
            self.now += 100
            return self.volumes
        self.cinder.volumes.side_effect = volumes
        self.reconciler.lead()
        self._later(300)
        self.assertEqual((1, 1), (self._full_scan(),
                                  self.cinder.backend.call_count))

    def test_cinder_is_down_at_the_start(self):
        self.cinder.backends.side_effect = exception.CinderUnavailable(
            reason='down')
        self.reconciler.lead()
        self.cinder.backends.side_effect = lambda: [self._backend()]
        self._later(5)
        self.assertEqual(['server'],
                         [w.server_id for w in self.sent])

    def test_the_database_is_down(self):
        self.nova.attachments.side_effect = exception.DatabaseUnavailable(
            reason='down')
        self._hint()
        self.assertIn('cannot be read',
                      self._report()['reason'])
        self.nova.attachments.side_effect = lambda ids: (
            self.attachments, [])
        self._later(5)
        self.assertEqual([fakes.work()], self.sent)

    def test_a_cell_is_down(self):
        self.attachments = []
        self.problems = [cell_problem.CellProblem('cell2', 'gone')]
        self._hint()
        self.assertIn('cell2',
                      self._report()['reason'])
        self._later(5)
        self.assertEqual(2, self._full_scan())

    def test_no_end_while_servers_wait_because_of_a_pause(self):
        self.dispatcher.counts.return_value = (1, 0)
        self.dispatcher.waiting.return_value = {'server'}
        for _ in range(3):
            self._hint()
            self._later(300)
        self.observer.began.assert_called_once()
        self.observer.converged.assert_not_called()
        progress = self._progress()
        self.assertFalse(progress['done'])
        self.assertEqual({'waiting': 1}, progress['counts'])

    def test_an_unexpected_error_does_not_end_it(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.nova.attachments.side_effect = RuntimeError('CANARY')
        self._hint()
        self.assertIn('RuntimeError', log.output)
        self.assertNotIn('CANARY', log.output)
        self.nova.attachments.side_effect = lambda ids: (
            self.attachments, [])
        self._later(5)
        self.assertEqual([fakes.work()], self.sent)


@ddt.ddt
class IdleTest(base.CoordinatorTestCase):
    """What an engine asks for in an hour, reading the list of services."""

    SETTINGS = {'reconcile_interval': 10.0, 'full_scan_interval': 3600.0}

    def setUp(self):
        super().setUp()
        self.cinder.backends.side_effect = lambda: [self._backend()]
        self.attachments = [fakes.attachment(stamp='second')]

    def _hour(self):
        """Let an hour go by after the first scan, and count what is asked."""
        self.reconciler.lead()
        self.cinder.reset_mock()
        self.nova.reset_mock()
        for _ in range(3599):
            self._later(1)

    def test_nothing_to_do(self):
        self._hour()
        self.assertEqual((359, 0, 0), (
            self.cinder.backends.call_count, self._full_scan(),
            self.cinder.backend.call_count))
        self.assertEqual([], self.nova.method_calls)
        # From one reconcile to the next.
        for _ in range(10):
            self._later(1)
        self.assertEqual(1, self._full_scan())

    @ddt.data({'server': fakes.server(vm_state='paused')},
              {'volume_id': 'grouped', 'stamp': 'second'})
    def test_something_to_do(self, values):
        self.volumes['grouped'] = fakes.volume(id='grouped', group_id='alpha')
        if values.get('volume_id') is None:
            del self.volumes['grouped']
        self.attachments = [fakes.attachment(**values)]
        self._hour()
        self.assertEqual(59, self._full_scan())

    def test_a_failover(self):
        self._hour()
        self.member = fakes.member(active_backend_id='third')
        for _ in range(10):
            self._later(1)
        self.assertEqual(['third'], [work.parts[0].target
                                     for work in self.sent])

    def test_a_service_comes_back(self):
        self.member = fakes.member(up=False)
        self.attachments = [fakes.attachment()]
        self._hour()
        self.assertEqual([], self.sent)
        self.member = fakes.member()
        for _ in range(10):
            self._later(1)
        self.assertEqual(['server'], self._ids())

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


"""Cinder is waited for, but not for ever."""

import ddt

from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base


@ddt.ddt
class GateTest(base.CoordinatorTestCase):
    """Waiting for Cinder."""

    def test_waits_while_failing_over_and_keeps_the_id(self):
        self.member = fakes.member(replication_status='failing-over',
                                   active_backend_id=None)
        self._hint()
        self.assertEqual([], self.sent)
        self.assertIn('in progress',
                      self._report()['reason'])
        self.member = fakes.member()
        self._later(5)
        self.assertEqual([fakes.work()], self.sent)
        self.assertEqual(
            '', self._report()['reason'])

    def test_waiting_often_is_bounded(self):
        self.member = fakes.member(up=False)
        self._hint()
        for _ in range(30):
            self._later(5)
        # What is waited for is seen from the services.
        self.assertEqual((2, 14), (self._full_scan(),
                                   self.cinder.backend.call_count))
        self.assertEqual([], self.sent)
        self.assertIn('stopped waiting after 60 s, scanned again every 300 s',
                      self._report()['reason'])

    def _one_is_late(self, server_id='late'):
        self.volumes['late'] = fakes.volume(
            id='late', replication_status='enabled')
        self.attachments.append(fakes.attachment(
            server=fakes.server(id=server_id), volume_id='late'))
        self._hint()

    def test_rows_that_are_never_written_do_not_hold_up_others(self):
        self._one_is_late()
        self.assertEqual(['server'], self._ids())
        self.assertIn('1 of 2 volume records', self._report()['reason'])
        for _ in range(11):
            self._later(5)
            self.assertEqual(['server'], self._ids())
        self._later(5)
        self.assertEqual(['late', 'server'], self._ids())
        self.assertIn('they are asked about', self._report()['reason'])

    def test_what_waits_is_not_dropped_because_of_a_late_row(self):
        self._one_is_late()
        self.dispatcher.counts.return_value = (1, 0)
        for _ in range(12):
            self._later(1)
            self.assertEqual(['server'], self._ids())

    def test_a_late_row_is_written(self):
        self._one_is_late()
        self.volumes['late'] = fakes.volume(id='late')
        self._later(5)
        self.assertEqual(['late', 'server'], self._ids())
        self.assertEqual('', self._report()['reason'])

    def test_servers_with_a_late_row_are_not_read_again_and_again(self):
        self._one_is_late()
        self.nova.attachments_of.reset_mock()
        for _ in range(20):
            self._later(1)
        self.nova.attachments_of.assert_not_called()

    def test_a_server_is_recovered_once_for_all_its_volumes(self):
        self._one_is_late('server')
        self.assertEqual([], self.sent)
        for _ in range(12):
            self._later(5)
        self.assertEqual(['server'], self._ids())

    def test_each_record_is_waited_for_by_itself(self):
        self._one_is_late()
        for _ in range(13):
            self._later(5)
        self.assertEqual(['late', 'server'], self._ids())
        # A group of volumes fails over; the backend stays where it is.
        self.volumes['next'] = fakes.volume(
            id='next', replication_status='failing-over')
        self.attachments.append(fakes.attachment(
            server=fakes.server(id='next'), volume_id='next'))
        self._hint()
        self.assertEqual(['late', 'server'], self._ids())
        self.assertFalse(self._progress()['done'])
        backends = self.reconciler._context.backends
        self.assertEqual({'next'}, backends.moving('other'))
        self.volumes['next'] = fakes.volume(id='next')
        self._later(5)
        self.assertEqual(['late', 'next', 'server'], self._ids())

    def test_records_are_waited_for_anew_after_the_next_failover(self):
        self._one_is_late()
        for _ in range(13):
            self._later(5)
        self.member = fakes.member(active_backend_id='third')
        self.volumes['late'] = fakes.volume(
            id='late', replication_status='failing-over')
        self._hint()
        self.assertIn('1 of 2 volume records', self._report()['reason'])
        self.assertNotIn('stopped waiting', self._report()['reason'])

    def test_a_late_row_is_asked_about_once(self):
        self.volumes['vol'] = fakes.volume(replication_status='enabled')
        self._hint()
        for _ in range(12):
            self._later(5)
        self.assertEqual([fakes.work()], self.sent)
        self.attachments = [fakes.attachment(stamp='second')]
        self._hint()
        self.assertEqual([], self.sent)
        self.assertEqual(
            {}, self._report()['servers'])

    def test_rows_that_are_being_moved_are_left_alone(self):
        self.volumes['vol'] = fakes.volume(replication_status='failing-over')
        self._hint()
        for _ in range(12):
            self._later(5)
        self.assertEqual([], self.sent)

    @ddt.data({'up': False}, {'active_backend_id': 'third'})
    def test_rows_have_a_wait_of_their_own(self, before):
        self.member = fakes.member(**before)
        self.volumes['vol'] = fakes.volume(replication_status='enabled')
        self._hint()
        self._later(59)
        self.member = fakes.member()
        for _ in range(12):
            self._later(5)
            self.assertEqual([], self.sent)
        self._later(5)
        self.assertEqual(['server'], self._ids())

    def test_what_waits_for_the_old_target_never_starts(self):
        self._hint()
        self.assertEqual([fakes.work()], self.sent)
        self.member = fakes.member(replication_status='failing-over')
        self._hint()
        self.assertEqual([], self.sent)

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

    def test_rows_that_are_never_written_do_not_hold_up_others(self):
        self.volumes['late'] = fakes.volume(
            id='late', replication_status='enabled')
        self.attachments.append(fakes.attachment(
            server=fakes.server(id='late'), volume_id='late'))
        self._hint()
        self.assertEqual([], self.sent)
        for _ in range(11):
            self._later(5)
        self.assertEqual([], self.sent)
        self._later(5)
        self.assertEqual(['late', 'server'],
                         [w.server_id for w in self.sent])

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
        self.assertEqual([fakes.work()], self.sent)

    def test_what_waits_for_the_old_target_never_starts(self):
        self._hint()
        self.assertEqual([fakes.work()], self.sent)
        self.member = fakes.member(replication_status='failing-over')
        self._hint()
        self.assertEqual([], self.sent)

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



"""Scans that outlive the leadership of their engine."""

from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import test_head_start


class OldScanTest(test_head_start.HeadStartTestCase):
    """Leadership is lost while pages are read, and gained again or not."""

    def setUp(self):
        self.adopted = []
        self.term = 7
        super().setUp()

    def _adopt(self, backend, target):
        self.adopted.append((backend, target))

    def _make_dispatcher(self):
        made = super()._make_dispatcher()
        made.pause.side_effect = self._pause
        made.term = self.term
        return made

    def _pause(self):
        self.term += 1
        self.dispatcher.term = self.term

    def _lose(self):
        self.reconciler.follow()
        self.dispatched.clear()
        self.adopted.clear()
        self.observer.reset_mock()

    def _lose_and_lead(self):
        self._lose()
        self.member = fakes.member(active_backend_id='third')
        self.reconciler.lead()
        self.observer.reset_mock()

    def test_nothing_more_is_dispatched(self):
        self.after[1] = self._lose
        self._hint()
        self.assertEqual([], self.dispatched)
        self.observer.began.assert_not_called()
        self.observer.converged.assert_not_called()

    def test_nor_once_it_leads_again(self):
        """No canary is counted then for the target that it knows."""
        self.after[2] = self._lose_and_lead
        self._hint()
        self._assert_scanned_anew()

    def _assert_scanned_anew(self):
        self.assertEqual(2, self._full_scan())
        self.assertEqual([(fakes.BACKEND, 'third')], self.adopted)
        self.assertEqual([(3, sorted(self.NAMES))], self.dispatched)
        self.assertEqual({'third'},
                         {work.parts[0].target for work in self.sent})

    def test_a_notification_of_the_new_term_is_left_to_its_own_scan(self):
        def lose():
            self._lose_and_lead()
            self.reconciler.hint(fakes.BACKEND, test_head_start.model.Hint(
                fakes.FAILOVER_ID, 'third', None))
        self.after[3] = lose
        self._hint(test_head_start.base.OTHER_ID)
        self.assertEqual({fakes.FAILOVER_ID},
                         {work.failover_id for work in self.sent})

    def test_the_last_page(self):
        self.after[3] = self._lose_and_lead
        self._hint()
        self._assert_scanned_anew()

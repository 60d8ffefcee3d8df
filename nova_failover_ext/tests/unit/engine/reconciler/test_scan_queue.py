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

"""Which backends are looked at when."""

import testtools

from nova_failover_ext.engine.reconciler import scan_queue


class AgendaTest(testtools.TestCase):
    """One look planned, one under way."""

    def setUp(self):
        super().setUp()
        self.agenda = scan_queue.Agenda()

    def test_not_due(self):
        self.agenda.add('b', 2.0)
        self.assertEqual([], self.agenda.take_due(1.9))
        self.assertEqual([scan_queue.Look('b', 2.0)],
                         self.agenda.take_due(2.0))

    def test_taken_once(self):
        self.agenda.add('b', 0.0)
        self.agenda.take_due(0.0)
        self.assertEqual([], self.agenda.take_due(9.0))

    def test_the_earlier_time_counts(self):
        self.agenda.add('b', 5.0)
        self.agenda.add('b', 1.0)
        self.agenda.add('b', 3.0)
        self.assertEqual([scan_queue.Look('b', 1.0)],
                         self.agenda.take_due(5.0))

    def test_never_two_at_once(self):
        self.agenda.add('b', 0.0)
        self.agenda.take_due(0.0)
        self.agenda.add('b', 0.0)
        self.assertEqual([], self.agenda.take_due(1.0))
        self.agenda.done('b')
        self.assertEqual(['b'],
                         [look.backend for look in self.agenda.take_due(1.0)])

    def test_backends_are_independent(self):
        self.agenda.add('a', 0.0)
        self.agenda.take_due(0.0)
        self.agenda.add('b', 0.0)
        self.assertEqual(['b'],
                         [look.backend for look in self.agenda.take_due(0.0)])

    def _taken(self, now):
        look, = self.agenda.take_due(now)
        self.agenda.done(look.backend)
        return look.kind

    def test_a_whole_look_goes_first_then_what_is_due_for_longest(self):
        self.agenda.add('b', 2.0, scan_queue.Kind.PARTIAL)
        self.agenda.add('b', 1.0, scan_queue.Kind.GLANCE)
        self.agenda.add('b', 3.0)
        self.assertEqual(scan_queue.Kind.GLANCE, self._taken(1.5))
        self.agenda.add('b', 1.0, scan_queue.Kind.GLANCE)
        self.assertEqual(
            [scan_queue.Kind.FULL, scan_queue.Kind.GLANCE,
             scan_queue.Kind.PARTIAL],
            [self._taken(3.0) for _ in range(3)])

    def test_what_is_expected(self):
        self.assertFalse(self.agenda.expects('b', 9.0))
        self.agenda.add('b', 2.0)
        self.assertFalse(self.agenda.expects('b', 1.0))
        self.assertTrue(self.agenda.expects('b', 2.0))
        self.agenda.take_due(2.0)
        self.assertTrue(self.agenda.expects('b', 0.0))
        self.agenda.done('b')
        self.agenda.add('b', 0.0, scan_queue.Kind.GLANCE)
        self.assertFalse(self.agenda.expects('b', 9.0))

    def test_clear(self):
        self.agenda.add('b', 0.0)
        self.agenda.clear()
        self.assertEqual([], self.agenda.take_due(9.0))

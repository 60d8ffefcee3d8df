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
        self.queue = scan_queue.ScanQueue()

    def test_not_due(self):
        self.queue.add('b', 2.0)
        self.assertEqual([], self.queue.take_due(1.9))
        self.assertEqual([scan_queue.Scan('b', 2.0)],
                         self.queue.take_due(2.0))

    def test_taken_once(self):
        self.queue.add('b', 0.0)
        self.queue.take_due(0.0)
        self.assertEqual([], self.queue.take_due(9.0))

    def test_the_earlier_time_counts(self):
        self.queue.add('b', 5.0)
        self.queue.add('b', 1.0)
        self.queue.add('b', 3.0)
        self.assertEqual([scan_queue.Scan('b', 1.0)],
                         self.queue.take_due(5.0))

    def test_never_two_at_once(self):
        self.queue.add('b', 0.0)
        self.queue.take_due(0.0)
        self.queue.add('b', 0.0)
        self.assertEqual([], self.queue.take_due(1.0))
        self.queue.done('b')
        self.assertEqual(['b'],
                         [look.backend for look in self.queue.take_due(1.0)])

    def test_backends_are_independent(self):
        self.queue.add('a', 0.0)
        self.queue.take_due(0.0)
        self.queue.add('b', 0.0)
        self.assertEqual(['b'],
                         [look.backend for look in self.queue.take_due(0.0)])

    def _taken(self, now):
        look, = self.queue.take_due(now)
        self.queue.done(look.backend)
        return look.kind

    def test_a_whole_look_goes_first_then_what_is_due_for_longest(self):
        self.queue.add('b', 2.0, scan_queue.Kind.SERVERS)
        self.queue.add('b', 1.0, scan_queue.Kind.SERVICES)
        self.queue.add('b', 3.0)
        self.assertEqual(scan_queue.Kind.SERVICES, self._taken(1.5))
        self.queue.add('b', 1.0, scan_queue.Kind.SERVICES)
        self.assertEqual(
            [scan_queue.Kind.FULL, scan_queue.Kind.SERVICES,
             scan_queue.Kind.SERVERS],
            [self._taken(3.0) for _ in range(3)])

    def test_what_is_expected(self):
        self.assertFalse(self.queue.expects('b', 9.0))
        self.queue.add('b', 2.0)
        self.assertFalse(self.queue.expects('b', 1.0))
        self.assertTrue(self.queue.expects('b', 2.0))
        self.queue.take_due(2.0)
        self.assertTrue(self.queue.expects('b', 0.0))
        self.queue.done('b')
        self.queue.add('b', 0.0, scan_queue.Kind.SERVICES)
        self.assertFalse(self.queue.expects('b', 9.0))

    def test_clear(self):
        self.queue.add('b', 0.0)
        self.queue.clear()
        self.assertEqual([], self.queue.take_due(9.0))

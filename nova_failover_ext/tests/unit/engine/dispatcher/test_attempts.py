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

"""When a server may be tried again."""

from unittest import mock

import ddt
import testtools

from nova_failover_ext.engine.dispatcher import attempts
from nova_failover_ext.engine.dispatcher import backoff
from nova_failover_ext.recovery import results

FAILED = results.Outcome.FAILED


@ddt.ddt
class BackoffTest(testtools.TestCase):
    """The waits."""

    @ddt.data((1, 4.0, 5.0), (2, 6.0, 7.0), (3, 9.0, 10.0),
              (50, 20.0, 21.0), (5000, 20.0, 21.0))
    @ddt.unpack
    def test_seconds(self, count, low, high):
        seconds = backoff.Backoff(4.0, 20.0).seconds(count)
        self.assertTrue(low <= seconds <= high, seconds)

    def test_jitter(self):
        waits = backoff.Backoff(4.0, 20.0)
        self.assertNotEqual(1, len({waits.seconds(1) for _ in range(9)}))


class AttemptsTest(testtools.TestCase):
    """The tries of a backend's servers."""

    def setUp(self):
        super().setUp()
        waits = mock.create_autospec(backoff.Backoff, instance=True)
        waits.seconds.side_effect = lambda count: 10.0 * count
        self.tries = attempts.Attempts(waits, 2, 500.0)

    def _record(self, now=0.0, target='second', again=True, **values):
        return self.tries.record('server', attempts.Try(
            target, FAILED, 'why', **values), now, again)

    def test_never_tried(self):
        self.assertTrue(self.tries.ready('server', 'second', 0.0))
        self.assertIsNone(self.tries.next_time())

    def test_waits_after_a_try(self):
        self.assertEqual(
            attempts.Attempt('second', 1, 10.0, FAILED, 'why'),
            self._record())
        self.assertFalse(self.tries.ready('server', 'second', 9.9))
        self.assertTrue(self.tries.ready('server', 'second', 10.0))
        self.assertEqual(10.0, self.tries.next_time())

    def test_due_once(self):
        self._record()
        self.assertEqual([], self.tries.take_due(9.9))
        self.assertEqual(['server'], self.tries.take_due(10.0))
        self.assertEqual([], self.tries.take_due(99.0))
        self.assertIsNone(self.tries.next_time())
        self.tries.schedule('server')
        self.assertEqual(['server'], self.tries.take_due(99.0))

    def test_the_latest_wait_counts(self):
        self._record()
        self._record(now=5.0, wait=100.0)
        self.assertEqual([], self.tries.take_due(99.0))
        self.assertEqual(105.0, self.tries.next_time())

    def test_woken(self):
        self._record()
        self.tries.wake(['server', 'unheard of'], 1.0)
        self.assertTrue(self.tries.ready('server', 'second', 1.0))
        self.assertEqual(['server', 'unheard of'],
                         self.tries.take_due(1.0))

    def test_postponed(self):
        self._record()
        self.tries.postpone(['server'], 40.0)
        self.assertEqual([], self.tries.take_due(39.0))
        self.assertEqual(['server'], self.tries.take_due(40.0))

    def test_not_by_itself(self):
        self._record(again=False)
        self.assertIsNone(self.tries.next_time())

    def test_given_up_which_is_news_once(self):
        self.assertFalse(self._record().retries_exhausted)
        second, third = self._record(), self._record()
        self.assertEqual((True, True), (second.retries_exhausted, second.news))
        self.assertEqual((True, False), (third.retries_exhausted, third.news))
        self.assertEqual(500.0, self.tries.next_time())

    def test_what_is_free_is_not_counted(self):
        for _ in range(9):
            last = self._record(free=True)
        self.assertEqual((0, False, 10.0),
                         (last.count, last.retries_exhausted, last.not_before))

    def test_since_when_a_host_is_silent(self):
        self._record(now=1.0, silent=True, free=True)
        self._record(now=2.0, silent=True, free=True)
        self.assertEqual(1.0, self._record(free=True).silent_since)
        self.assertIsNone(self._record().silent_since)

    def test_a_changed_record_starts_anew_once_given_up(self):
        self._record()
        self.tries.mark('server', 'second', ('a',))
        self.tries.mark('server', 'second', ('b',))
        self._record()
        self.tries.mark('server', 'second', ('c',))
        self.tries.mark('server', 'second', ('c',))
        self.assertTrue(self.tries.get('server', 'second').retries_exhausted)
        self.tries.mark('server', 'second', ('d',))
        self.assertIsNone(self.tries.get('server', 'second'))

    def test_another_target_starts_anew(self):
        self._record()
        self.assertTrue(self.tries.ready('server', '', 0.0))
        self.assertEqual(1, self._record(target='').count)

    def test_keeps_only_what_is_open(self):
        self._record()
        self.tries.keep_only(['server', 'other'])
        self.assertIn('server', self.tries.all())
        self.tries.keep_only(['other'])
        self.assertEqual({}, self.tries.all())
        self.assertIsNone(self.tries.next_time())

    def test_forget(self):
        self._record()
        self.tries.forget(['server'])
        self.assertTrue(self.tries.ready('server', 'second', 0.0))

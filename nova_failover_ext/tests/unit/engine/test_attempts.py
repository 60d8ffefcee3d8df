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

from nova_failover_ext.engine import attempts
from nova_failover_ext.engine import backoff
from nova_failover_ext.engine import plan
from nova_failover_ext import results
from nova_failover_ext.tests.unit.engine import fakes

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
        self.tries = attempts.Attempts(waits, limit=2)

    def _record(self, now=0.0, target='second'):
        return self.tries.record('server', target, FAILED, 'why', now)

    def test_never_tried(self):
        self.assertTrue(self.tries.ready('server', 'second', 0.0, False))
        self.assertIsNone(self.tries.next_time())

    def test_waits_after_a_try(self):
        attempt = self._record()
        self.assertEqual(
            attempts.Attempt('second', 1, 10.0, FAILED, 'why'), attempt)
        self.assertFalse(self.tries.ready('server', 'second', 9.9, True))
        self.assertTrue(self.tries.ready('server', 'second', 10.0, False))
        self.assertEqual(10.0, self.tries.next_time())

    def test_runs_out_of_tries(self):
        self._record()
        self.assertEqual(2, self._record().count)
        self.assertFalse(self.tries.ready('server', 'second', 99.0, False))
        self.assertTrue(self.tries.ready('server', 'second', 99.0, True))
        self.assertIsNone(self.tries.next_time())

    def test_another_target_starts_anew(self):
        self._record()
        self.assertTrue(self.tries.ready('server', '', 0.0, False))
        self.assertEqual(1, self._record(target='').count)

    def test_busy_servers_have_no_next_time(self):
        self._record()
        self.assertIsNone(self.tries.next_time(without={'server'}))

    def test_keeps_only_what_is_open(self):
        self._record()
        self.tries.keep_only([fakes.server_plan()])
        self.assertIn('server', self.tries.all())
        self.tries.keep_only(
            [fakes.server_plan(verdict=plan.Verdict.DEFER)])
        self.assertIn('server', self.tries.all())
        self.tries.keep_only([fakes.server_plan(verdict=plan.Verdict.SKIP)])
        self.assertEqual({}, self.tries.all())

    def test_forget(self):
        self._record()
        self.tries.forget()
        self.assertTrue(self.tries.ready('server', 'second', 0.0, False))

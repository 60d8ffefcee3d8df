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

"""Fewer at a time when Cinder slows down, as many as ever if not."""

import ddt
import testtools

from nova_failover_ext.api import load as loads
from nova_failover_ext.engine.dispatcher import throttle
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes


DONE = results.Outcome.RECOVERED


def _load(seconds, calls=3, refused=0):
    return loads.Load(calls, calls * seconds, seconds, refused)


@ddt.ddt
class LimiterTest(testtools.TestCase):
    """The pure decision, on a clock of the test."""

    def setUp(self):
        super().setUp()
        self.now = 0.0
        self.limiter = throttle.Limiter(16, 3.0, 2.0, 5.0)

    def _note(self, load, times=1, apart=1.0, outcome=DONE):
        for _ in range(times):
            self.now += apart
            self.limiter.note(outcome, load, self.now)
        return self.limiter.limit

    def test_starts_with_the_maximum(self):
        self.assertEqual(16, self.limiter.limit)
        self.assertFalse(self.limiter.paused(0.0))

    @ddt.data(0.1, 1, 10)
    def test_an_array_that_is_always_that_slow(self, seconds):
        self.assertEqual(16, self._note(_load(seconds), times=1000))

    @ddt.data(0.1, 1, 10)
    def test_some_calls_are_always_slower(self, seconds):
        for _ in range(100):
            self.assertEqual(16, self._note(_load(seconds), times=2))
            self.assertEqual(16, self._note(_load(2.5 * seconds)))

    def test_what_is_fast_enough_is_never_slow(self):
        self._note(_load(0.01), times=50)
        self.assertEqual(16, self._note(_load(1.9), times=50))

    def test_halves_when_it_slows_down(self):
        self._note(_load(1), times=50)
        self.assertEqual(8, self._note(_load(4)))

    def test_another_maximum(self):
        self.limiter.change(4)
        self.assertEqual(4, self.limiter.limit)
        self.limiter.change(8)
        self.assertEqual(8, self.limiter.limit)

    def test_another_maximum_while_it_is_slow(self):
        self._note(_load(1), times=50)
        self._note(_load(4))
        self.limiter.change(32)
        self.assertEqual(8, self.limiter.limit)

    def test_a_few_results_say_nothing_of_what_is_usual(self):
        self._note(_load(0.1), times=9)
        self.assertEqual(16, self._note(_load(30)))
        self.assertEqual(8, self._note(_load(30)))

    def test_what_was_in_flight_together_counts_once(self):
        self._note(_load(1), times=50)
        self.assertEqual(8, self._note(_load(4), times=8, apart=0.6))
        self.assertEqual(4, self._note(_load(4)))

    def test_never_below_one(self):
        self._note(_load(1), times=160)
        self.assertEqual(1, self._note(_load(20), times=8, apart=30))

    def test_an_array_that_stays_slow_becomes_the_usual(self):
        self._note(_load(1), times=200)
        self._note(_load(20), times=200, apart=30)
        self.assertEqual(16, self._note(_load(20), times=200, apart=30))

    def test_recovers_by_one_with_each_round(self):
        self._note(_load(1), times=50)
        self.assertEqual(8, self._note(_load(4)))
        self.assertEqual(8, self._note(_load(1), times=7))
        self.assertEqual(9, self._note(_load(1)))
        self.assertEqual(9, self._note(_load(1), times=8))
        self.assertEqual(10, self._note(_load(1)))
        self.assertEqual(16, self._note(_load(1), times=100))

    def test_a_slow_result_begins_the_round_anew(self):
        self._note(_load(1), times=50)
        self._note(_load(4))
        self._note(_load(1), times=7, apart=0.1)
        self._note(_load(4), apart=0.1)
        self.assertEqual(8, self._note(_load(1), times=7))

    def test_a_refusal_halves_at_once_and_pauses(self):
        self.assertEqual(8, self._note(_load(0.1, refused=1)))
        self.assertTrue(self.limiter.paused(self.now + 4.9))
        self.assertFalse(self.limiter.paused(self.now + 5.0))

    def test_refusals_that_came_together_count_once(self):
        self.assertEqual(
            8, self._note(_load(0.1, refused=1), times=16, apart=0.1))
        self.assertTrue(self.limiter.paused(self.now + 4.9))

    def test_hosts_that_measure_nothing_change_nothing(self):
        self._note(_load(1), times=50)
        self._note(_load(4))
        self.assertEqual(8, self._note(loads.Load(), times=100))

    @ddt.data(results.Outcome.DEFERRED, results.Outcome.SKIPPED,
              results.Outcome.FAILED)
    def test_what_ended_early_says_nothing_of_the_array(self, outcome):
        for _ in range(100):
            self._note(_load(10))
            self._note(_load(0.01), outcome=outcome)
        self.assertEqual(16, self.limiter.limit)
        self.assertEqual(8, self._note(_load(0.01, refused=1),
                                       outcome=outcome))


class LimitsTest(testtools.TestCase):
    """Backends do not disturb each other, nor does an older failover."""

    def setUp(self):
        super().setUp()
        self.now = 0.0
        self.limits = throttle.Limits(16, clock=lambda: self.now)

    def test_each_backend_has_its_own(self):
        self.limits.note(fakes.part(), DONE, _load(1, refused=1))
        self.assertEqual(8, self.limits.limit(fakes.BACKEND))
        self.assertEqual(16, self.limits.limit('other'))

    def test_startable(self):
        self.assertEqual(16, self.limits.startable(fakes.BACKEND))
        self.limits.note(fakes.part(), DONE, _load(1, refused=1))
        self.assertEqual(0, self.limits.startable(fakes.BACKEND))
        self.assertEqual(8, self.limits.limit(fakes.BACKEND))
        self.now = 5.0
        self.assertEqual(8, self.limits.startable(fakes.BACKEND))

    def test_another_target_begins_anew(self):
        for _ in range(20):
            self.limits.note(fakes.part(), DONE, _load(0.1))
        for _ in range(20):
            self.limits.note(fakes.part(target=''), DONE, _load(10))
        self.assertEqual(16, self.limits.limit(fakes.BACKEND))
        self.limits.note(fakes.part(target=''), DONE, _load(10, refused=1))
        self.assertEqual(8, self.limits.limit(fakes.BACKEND))

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

"""Tests of who leads, with locks that are lost, hang or cannot be asked."""

import threading
from unittest import mock

import fixtures
import testtools
import tooz
from tooz import coordination as tooz_coordination

from nova_failover_ext.engine.election import leadership
from nova_failover_ext.engine.election import locks

INTERVAL = 5
TIMEOUT = 20
BOUND = 30


class Keeper:
    """Keeps one lock for all engines of a test, as a database does."""

    def __init__(self):
        self.holder = None
        self.down = None
        self.slow = 0.0
        self.made = 0
        self.now = 100.0

    def clock(self):
        return self.now

    def make(self):
        self.made += 1
        return FakeLock(self)

    def ask(self):
        self.now += self.slow
        if self.down:
            raise self.down


class FakeLock:
    """Held by itself until released, or until the keeper forgets it.

    As those of tooz, it is not acquired twice, even if it was lost meanwhile.
    """

    def __init__(self, keeper):
        self.keeper = keeper
        self.released = False
        self.acquired = False

    def acquire(self, blocking=True):
        assert not blocking
        self.keeper.ask()
        if self.acquired:
            return False
        self.acquired = self.keeper.holder is None
        if self.keeper.holder is None:
            self.keeper.holder = self
        return self.keeper.holder is self

    def is_still_owner(self):
        self.keeper.ask()
        return self.keeper.holder is self

    def release(self):
        self.released = True
        if self.keeper.holder is self:
            self.keeper.holder = None
        return True


class LeadershipTest(testtools.TestCase):
    """One look at a time, with a clock of the test."""

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())
        self.keeper = Keeper()
        self.calls = []

    def engine(self, name='a', **values):
        return leadership.Leadership(**{
            'make_lock': self.keeper.make, 'interval': INTERVAL,
            'timeout': TIMEOUT, 'clock': self.keeper.clock,
            'lead': lambda: self.calls.append(f'{name} leads'),
            'follow': lambda: self.calls.append(f'{name} follows'), **values})

    def test_first_leads_others_wait(self):
        one, two = self.engine(), self.engine('b')
        for _look in range(3):
            one.step()
            two.step()
        self.assertTrue(one.leading)
        self.assertFalse(two.leading)
        self.assertEqual(['a leads'], self.calls)
        self.assertEqual((100.0, 0.0), (one.since, two.since))

    def test_stays_leader_without_another_session(self):
        one = self.engine()
        for _look in range(10):
            one.step()
            self.keeper.now += INTERVAL
        self.assertTrue(one.leading)
        self.assertEqual(1, self.keeper.made)
        self.assertEqual(100.0, one.since)

    def test_holder_is_gone(self):
        one, two = self.engine(), self.engine('b')
        one.step()
        two.step()
        self.keeper.holder = None
        two.step()
        self.assertTrue(two.leading)
        one.step()
        self.assertFalse(one.leading)
        self.assertEqual(['a leads', 'b leads', 'a follows'], self.calls)

    def test_lost_session_is_replaced(self):
        one = self.engine()
        one.step()
        lost = self.keeper.holder
        self.keeper.holder = None
        one.step()
        self.assertTrue(one.leading)
        self.assertEqual(['a leads'], self.calls)
        self.assertTrue(lost.released)
        self.assertIsNot(lost, self.keeper.holder)

    def test_one_failed_proof_is_forgiven(self):
        one = self.engine()
        one.step()
        self.keeper.down = tooz.ToozError('gone')
        one.step()
        self.assertTrue(one.leading)
        self.keeper.down = None
        self.keeper.holder = None
        one.step()
        self.keeper.down = tooz.ToozError('gone')
        one.step()
        self.assertTrue(one.leading)
        self.assertEqual(['a leads'], self.calls)

    def test_two_failed_proofs_are_not(self):
        one = self.engine()
        one.step()
        self.keeper.down = OSError('no route')
        one.step()
        one.step()
        self.assertFalse(one.leading)
        self.assertEqual(['a leads', 'a follows'], self.calls)
        one.step()
        self.assertEqual(['a leads', 'a follows'], self.calls)
        self.keeper.down = self.keeper.holder = None
        one.step()
        self.assertTrue(one.leading)

    def test_clock_alone_ends_it(self):
        # As after SIGSTOP: nobody has asked the lock.
        one = self.engine()
        one.step()
        self.keeper.now += TIMEOUT
        self.assertTrue(one.leading)
        self.keeper.now += 0.1
        self.assertFalse(one.leading)
        self.assertEqual(0.0, one.since)

    def test_follows_before_it_looks_again(self):
        holders = []
        one = self.engine(
            follow=lambda: holders.append((one.leading, self.keeper.asked)))
        one.step()
        self.keeper.asked = False
        self.keeper.ask = lambda: setattr(self.keeper, 'asked', True)
        self.keeper.now += TIMEOUT + 1
        one.step()
        self.assertEqual([(False, False)], holders)
        self.assertTrue(one.leading)

    def test_answer_proves_when_it_was_asked_for(self):
        one = self.engine()
        self.keeper.slow = 15.0
        one.step()
        self.assertTrue(one.leading)
        self.keeper.now += 5.1
        self.assertFalse(one.leading)

    def test_later_answer_likewise(self):
        one = self.engine()
        one.step()
        self.keeper.slow = 15.0
        one.step()
        self.assertTrue(one.leading)
        self.keeper.now += 5.1
        self.assertFalse(one.leading)

    def test_hung_keeper(self):
        one = self.engine()
        one.step()
        self.keeper.slow = TIMEOUT / 2 + 1
        self.keeper.down = tooz.ToozError('timed out')
        one.step()
        self.assertFalse(one.leading)
        one.step()
        self.assertEqual(['a leads', 'a follows'], self.calls)

    def test_waits_for_keeper_at_start(self):
        self.keeper.make = mock.Mock(
            spec=self.keeper.make,
            side_effect=[tooz_coordination.ToozConnectionError('refused'),
                         FakeLock(self.keeper)])
        one = self.engine(make_lock=self.keeper.make)
        one.step()
        self.assertFalse(one.leading)
        one.step()
        self.assertTrue(one.leading)

    def test_alone(self):
        one = self.engine(make_lock=lambda: None)
        one.step()
        self.keeper.now += 10 * TIMEOUT
        one.step()
        self.assertTrue(one.leading)
        self.assertEqual(['a leads'], self.calls)

    def test_cannot_begin_to_lead(self):
        error = [ValueError('broken')]

        def lead():
            if error:
                raise error.pop()
            self.calls.append('a leads')
        one = self.engine(lead=lead)
        one.step()
        self.assertFalse(one.leading)
        self.assertIsNone(self.keeper.holder)
        self.assertEqual(['a follows'], self.calls)
        one.step()
        self.assertTrue(one.leading)

    def test_follow_that_raises_is_no_leader(self):
        one = self.engine(follow=mock.Mock(side_effect=ValueError('broken')))
        one.step()
        self.keeper.holder = FakeLock(self.keeper)
        one.step()
        self.assertFalse(one.leading)

    def test_log_has_no_secret_and_no_flood(self):
        output = self.useFixture(fixtures.FakeLogger(
            level=30, format='%(levelname)s %(message)s'))
        one = self.engine()
        self.keeper.down = tooz.ToozError('redis://me:canary@host is down')
        for _look in range(5):
            one.step()
        self.assertEqual(1, output.output.count('cannot be reached'))
        self.assertIn('ToozError: redis://host is down', output.output)
        self.keeper.down = ValueError('port canary@host')
        one.step()
        self.assertIn('ValueError', output.output)
        self.assertNotIn('canary', output.output)


class ThreadTest(testtools.TestCase):
    """With the thread, and with locks in a folder."""

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.events = {}

    def engine(self, name, **values):
        leadership_changed, follows = threading.Event(), threading.Event()
        self.events[name] = (leadership_changed, follows)

        def make():
            return locks.CoordinatedLock(
                tooz_coordination.get_coordinator(
                    f'file://{self.folder}', name.encode()), b'lock')
        made = leadership.Leadership(
            **{'make_lock': make, 'interval': 0.05, 'timeout': BOUND,
               'lead': leadership_changed.set, 'follow': follows.set,
               **values})
        self.addCleanup(made.stop)
        made.start()
        return made

    def test_stop_hands_over(self):
        one = self.engine('one')
        self.assertTrue(self.events['one'][0].wait(BOUND))
        two = self.engine('two')
        self.assertTrue(one.leading)
        self.assertFalse(two.leading)
        one.stop()
        self.assertFalse(one.leading)
        self.assertTrue(self.events['one'][1].is_set())
        self.assertTrue(self.events['two'][0].wait(BOUND))
        self.assertTrue(two.leading)

    def test_follower_that_stops_does_not_follow(self):
        one = self.engine('one')
        self.assertTrue(self.events['one'][0].wait(BOUND))
        two = self.engine('two')
        two.stop()
        self.assertFalse(self.events['two'][1].is_set())
        self.assertTrue(one.leading)

    def test_stop_may_keep_the_lock(self):
        lock = mock.Mock(spec=FakeLock, autospec=True)
        lock.acquire.return_value = True
        one = self.engine('one', make_lock=lambda: lock)
        self.assertTrue(self.events['one'][0].wait(BOUND))
        one.stop(release=False)
        self.assertTrue(self.events['one'][1].is_set())
        self.assertFalse(lock.release.called)

    def test_stop_from_a_callback(self):
        done = threading.Event()

        def lead():
            one.stop()
            done.set()
        ready = threading.Event()
        one = self.engine('one', lead=lambda: ready.wait(BOUND) and lead())
        ready.set()
        self.assertTrue(done.wait(BOUND))
        one.stop()
        self.assertFalse(one.leading)

    def test_stop_before_start(self):
        leadership.Leadership(lambda: None, 1, 2, self.fail,
                              self.fail).stop()

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

"""How many servers may start while canaries are tried."""

import dataclasses
from unittest import mock

import ddt
import fixtures
from oslotest import base

from nova_failover_ext.api import load as loads
from nova_failover_ext.decisions import store
from nova_failover_ext.engine import brake
from nova_failover_ext.engine import canary_limit
from nova_failover_ext import exception
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.api import test_pauses
from nova_failover_ext.tests.unit.engine import fakes

DOWN = exception.DecisionsUnavailable(reason='down')
Outcome = results.Outcome


class CanaryTestCase(base.BaseTestCase):
    """A real brake over a fake database."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.number, self.waiting = 2, 5
        self.pauses, self.canaries = {}, {}
        self.store = mock.create_autospec(store.Store, instance=True)
        self.store.read.side_effect = lambda: list(self.pauses.values())
        self.store.save.side_effect = lambda pause: self.pauses.update(
            {pause.backend: pause})
        self.store.delete.side_effect = lambda name: self.pauses.pop(name)
        self.store.read_canaries.side_effect = lambda: list(
            self.canaries.values())
        self.store.save_canaries.side_effect = self._save
        self.lead()

    def _save(self, canaries):
        self.canaries[canaries.backend] = canaries

    def lead(self, target='second'):
        """Let an engine begin to act that knows nothing."""
        self.limit = canary_limit.CanaryLimit(
            self.store, 'ctl1', lambda: self.number)
        self.brake = brake.Brake(self.store,
                                 synchronize=self.limit.synchronize)
        self.brake.lead()
        self.brake.refresh(True)
        self.limit.adopt(fakes.BACKEND, target)

    def at_most(self):
        """Return how many servers may be in flight."""
        return self.limit.at_most(fakes.BACKEND)

    def recover(self, server_id, outcome=Outcome.RECOVERED, reason='',
                during=lambda: None, **values):
        """Recover a server."""
        def answer(work):
            during()
            return (results.ServerResult(work.server_id, outcome, reason),
                    loads.Load())
        recover = mock.Mock(spec_set=answer, side_effect=answer)
        self.limit.watch(recover)(fakes.work(server_id=server_id, **values))
        recover.assert_called_once()

    def act(self):
        """Let the engine act, and return the pause of the backend."""
        self.limit.act(self.brake, lambda _backend: self.waiting)
        return self.brake.get(fakes.BACKEND)

    def resume(self):
        """Resume the backend, as an operator does."""
        self.brake.resume(fakes.BACKEND, 'jo@ctl1')


@ddt.ddt
class CanaryLimitTest(CanaryTestCase):
    """One failover."""

    def test_two_start_and_then_none(self):
        self.assertEqual(2, self.at_most())
        seen = []
        self.recover('a', during=lambda: seen.append(self.at_most()))
        # It counts as in flight, too.
        self.assertEqual([2], seen)
        self.assertEqual(1, self.at_most())
        self.assertIsNone(self.act())
        self.recover('b')
        self.assertEqual(0, self.at_most())

    def test_the_pause(self):
        self.recover('a')
        self.recover('b', Outcome.FAILED, 'no path')
        pause = self.act()
        self.assertEqual('nova-failover-engine@ctl1', pause.who)
        self.assertIn('1 of 2 canary servers recovered; b is failed: no path;'
                      ' 5 servers wait', pause.reason)
        self.assertEqual({fakes.BACKEND: pause}, self.pauses)
        self.assertIn('paused by nova-failover-engine@ctl1', self.log.output)

    def test_resume_lets_all_start(self):
        self.recover('a')
        self.recover('b')
        self.act()
        self.resume()
        self.assertEqual(canary_limit.NO_LIMIT, self.at_most())
        self.recover('c', Outcome.FAILED)
        self.assertIsNone(self.act())
        self.lead()
        self.assertEqual(canary_limit.NO_LIMIT, self.at_most())
        self.assertIsNone(self.act())

    def test_no_pause_where_none_waits(self):
        self.recover('a')
        self.recover('b')
        self.waiting = 0
        self.assertIsNone(self.act())
        self.waiting = 1
        self.assertIsNotNone(self.act())

    @ddt.data(Outcome.UNCHANGED, Outcome.SKIPPED)
    def test_nothing_was_to_be_done(self, outcome):
        self.recover('a', outcome)
        self.assertEqual(2, self.at_most())

    def test_a_second_try_is_of_the_same_server(self):
        self.recover('a', Outcome.FAILED, 'no path')
        self.recover('a')
        self.assertEqual(1, self.at_most())
        self.recover('b')
        self.assertIn('2 of 2', self.act().reason)

    def test_an_unexpected_error(self):
        recover = mock.Mock(spec_set=lambda _work: None,
                            side_effect=RuntimeError('CANARY'))
        self.assertRaises(RuntimeError, self.limit.watch(recover),
                          fakes.work(server_id='a'))
        self.recover('b')
        self.assertIn('a is failed: an unexpected error', self.act().reason)

    def test_not_asked_for(self):
        self.number = 0
        self.assertEqual(canary_limit.NO_LIMIT, self.at_most())
        for server_id in 'abc':
            self.recover(server_id)
        self.assertIsNone(self.act())
        self.assertEqual({}, self.canaries)

    def test_of_an_older_failover(self):
        self.limit.adopt(fakes.BACKEND, 'third')
        self.recover('a')
        self.assertEqual(2, self.at_most())

    def test_a_failover_while_one_is_in_flight(self):
        self.recover('a', during=lambda: self.limit.adopt(
            fakes.BACKEND, 'third'))
        self.assertEqual(2, self.at_most())


class NextFailoverTest(CanaryTestCase):
    """Another one has canaries of its own."""

    def setUp(self):
        super().setUp()
        self.recover('a')
        self.recover('b')

    def test_it_ends_the_pause(self):
        self.act()
        self.limit.adopt(fakes.BACKEND, '')
        self.assertIsNone(self.act())
        self.assertEqual({}, self.pauses)
        self.assertEqual(2, self.at_most())

    def test_after_a_restart(self):
        self.act()
        self.lead(target='')
        self.assertIsNone(self.act())
        self.assertEqual(2, self.at_most())

    def test_back_at_the_same_target(self):
        self.act()
        self.resume()
        self.limit.adopt(fakes.BACKEND, '')
        self.act()
        self.limit.adopt(fakes.BACKEND, 'second')
        self.assertEqual(2, self.at_most())

    def test_the_pause_of_an_operator_stays(self):
        self.brake.pause(test_pauses.pause())
        self.limit.adopt(fakes.BACKEND, '')
        self.assertEqual(test_pauses.pause(), self.act())


class OperatorTest(CanaryTestCase):
    """An operator has paused the backend in the meantime."""

    def test_it_is_the_turn_of_the_engine_afterwards(self):
        self.recover('a')
        self.recover('b')
        self.brake.pause(test_pauses.pause())
        self.assertEqual(test_pauses.pause(), self.act())
        self.resume()
        self.assertEqual(0, self.at_most())
        self.assertTrue(self.act().by_engine)


class RestartTest(CanaryTestCase):
    """Another engine takes over."""

    def test_between_two_canaries(self):
        self.recover('a')
        self.lead()
        self.assertEqual(1, self.at_most())

    def test_while_one_is_in_flight(self):
        self.recover('a', during=self.lead)
        self.assertEqual(1, self.at_most())
        self.recover('b')
        self.assertIn('1 of 2 canary servers recovered; a is unknown',
                      self.act().reason)

    def test_before_the_pause_is_noted(self):
        self.recover('a')
        self.recover('b')
        canaries = self.canaries[fakes.BACKEND]
        pause = self.act()
        self.canaries[fakes.BACKEND] = canaries
        self.lead()
        self.assertEqual(pause, self.act())
        self.assertTrue(self.canaries[fakes.BACKEND].paused)

    def test_the_same_engine_leads_again(self):
        self.recover('a')
        self.canaries[fakes.BACKEND] = dataclasses.replace(
            self.canaries[fakes.BACKEND], paused=True)
        self.limit.lead()
        self.limit.adopt(fakes.BACKEND, 'second')
        self.limit.synchronize()
        self.assertEqual(canary_limit.NO_LIMIT, self.at_most())


class DatabaseTest(CanaryTestCase):
    """The database is down for a while."""

    def test_what_could_not_be_saved_is_saved_later(self):
        self.store.save_canaries.side_effect = DOWN
        self.recover('a')
        self.recover('b')
        self.assertIsNotNone(self.act())
        self.assertEqual(str(DOWN), self.brake.report()['decisions'])
        self.store.save_canaries.side_effect = self._save
        self.act()
        self.assertEqual({'a', 'b'},
                         set(self.canaries[fakes.BACKEND].results))

    def test_what_could_not_be_read_is_read_later(self):
        self.recover('a')
        self.store.read_canaries.side_effect = DOWN
        self.lead()
        self.recover('b')
        self.assertEqual(1, self.at_most())
        self.store.read_canaries.side_effect = lambda: list(
            self.canaries.values())
        self.canaries[fakes.BACKEND] = self.canaries[
            fakes.BACKEND].with_result('a', self.canaries[
                fakes.BACKEND].results['b'])
        self.limit.synchronize()
        self.assertEqual(0, self.at_most())

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

"""What runs, what waits, and what is told of it."""

import ddt
import fixtures
import futurist
from kombu import exceptions as kombu_exception
import testtools

from nova_failover_ext.api import load as loads
from nova_failover_ext.engine.dispatcher import dispatcher
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.engine.dispatcher import throttle
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes

CAPS = work_items.Caps(total=2, per_backend=2, per_host=2)


OTHER = fakes.part(backend='other', failover_id='req-other',
                   target='third', volumes=(('vol2', 'third'),))


class Ear(observers.Observer):
    """Remembers what it hears."""

    def __init__(self):
        self.notification_log = []

    def started(self, work):
        self.notification_log.append(('started', work.server_id))

    def ended(self, work, result, load):
        self.notification_log.append(('ended', work.server_id, result.outcome,
                                      load))


class LazyExecutor(futurist.SynchronousExecutor):
    """Runs what was submitted when the test says so."""

    def __init__(self):
        super().__init__()
        self.submitted = []

    def submit(self, fn, *args, **kwargs):
        self.submitted.append((fn, args, kwargs))

    def run_one(self):
        fn, args, kwargs = self.submitted.pop(0)
        return super().submit(fn, *args, **kwargs).result()


@ddt.ddt
class DispatcherTest(testtools.TestCase):
    """The dispatcher, step by step."""

    def setUp(self):
        super().setUp()
        self.executor = LazyExecutor()
        self.recovered = []
        self.told = []
        self.parts = []
        self.error = None
        self.meanwhile = lambda: None
        self.load = loads.Load(calls=1, seconds=1.0)
        self.now = 0.0
        self.limits = throttle.Limits(2, clock=lambda: self.now)
        self.hosts = host_health.HostHealth(10, lambda: self.now)
        for host in ('compute1', 'compute2'):
            self.hosts.note_answer(fakes.CELL, host)
        self.ear = Ear()
        self.held = set()
        self.excluded = set()
        self.dispatcher = self._make(self._done)

    def _make(self, done):
        return dispatcher.Dispatcher(
            CAPS, self._recover, done, self.executor, self.limits,
            self.hosts, self.ear, lambda: self.now,
            held=self.held.__contains__,
            excluded=lambda work: work.server_id in self.excluded)

    def _recover(self, work):
        self.recovered.append(work)
        self.meanwhile()
        if self.error:
            raise self.error
        return results.ServerResult(
            work.server_id, results.Outcome.RECOVERED), self.load

    def _done(self, part, work, result, load):
        self.told.append((work.server_id, result.outcome))
        self.parts.append((part.backend, load))
        self.reason = result.reason
        self.assertIn(work.server_id,
                      self.dispatcher.in_flight(part.backend))

    def _replace(self, *names, backend=fakes.BACKEND, **values):
        self.dispatcher.replace(backend, [
            fakes.work(server_id=name, backend=backend, **values)
            for name in names])

    def test_what_an_older_term_has_planned(self):
        term = self.dispatcher.term
        self.dispatcher.pause()
        self.dispatcher.resume()
        work = fakes.work(server_id='a')
        self.dispatcher.replace(fakes.BACKEND, [work], term=term)
        self.dispatcher.add(fakes.BACKEND, [work], term=term)
        self.assertEqual((0, 0), self.dispatcher.counts(fakes.BACKEND))
        self.dispatcher.add(fakes.BACKEND, [work], term=self.dispatcher.term)
        self.assertEqual((0, 1), self.dispatcher.counts(fakes.BACKEND))

    def test_starts_no_more_than_the_caps_allow(self):
        self._replace('a', 'b', 'c')
        self.assertEqual({'a', 'b'},
                         self.dispatcher.in_flight(fakes.BACKEND))
        self.assertEqual({'c'}, self.dispatcher.waiting(fakes.BACKEND))
        self.assertEqual(2, len(self.executor.submitted))

    def test_other_caps(self):
        self._replace('a', 'b', 'c', 'd')
        self.dispatcher.change(work_items.Caps(CAPS.total, 1, 1))
        self.executor.run_one()
        self.assertEqual({'b'}, self.dispatcher.in_flight(fakes.BACKEND))
        self.assertEqual(1, self.dispatcher.limit(fakes.BACKEND))
        self.dispatcher.change(work_items.Caps(CAPS.total, 3, 3))
        self.assertEqual({'b', 'c'},
                         self.dispatcher.in_flight(fakes.BACKEND))

    def test_at_most(self):
        self.dispatcher = dispatcher.Dispatcher(
            CAPS, self._recover, self._done, self.executor, self.limits,
            self.hosts, self.ear, at_most=lambda _backend: 1)
        self._replace('a', 'b')
        self.assertEqual({'a'}, self.dispatcher.in_flight(fakes.BACKEND))
        self.assertEqual(1, self.dispatcher.limit(fakes.BACKEND))

    def test_the_next_starts_when_one_ends(self):
        self._replace('a', 'b', 'c')
        self.executor.run_one()
        self.assertEqual([('a', results.Outcome.RECOVERED)], self.told)
        self.assertEqual({'b', 'c'},
                         self.dispatcher.in_flight(fakes.BACKEND))

    def test_what_is_in_flight_is_not_started_again(self):
        self._replace('a')
        self._replace('a')
        self.executor.run_one()
        self.assertEqual([], self.executor.submitted)
        self.assertEqual(set(), self.dispatcher.waiting(fakes.BACKEND))

    def test_a_newer_target_waits_for_the_older(self):
        self._replace('a')
        self._replace('a', volumes=(('vol', ''),))
        self.assertEqual(1, len(self.executor.submitted))
        self.executor.run_one()
        self.executor.run_one()
        self.assertEqual([{'vol': 'second'}, {'vol': ''}],
                         [w.volumes for w in self.recovered])

    def test_superseded_work_never_starts(self):
        self._replace('a', 'b', 'c')
        self._replace()
        self.executor.run_one()
        self.executor.run_one()
        self.assertEqual([], self.executor.submitted)
        self.assertEqual(['a', 'b'], [w.server_id for w in self.recovered])

    def test_other_backends_keep_waiting(self):
        self._replace('a', 'b', 'c')
        self._replace('d', backend='other')
        self._replace()
        self.assertEqual({'d'}, self.dispatcher.waiting('other'))

    def test_a_server_on_two_backends_is_recovered_once(self):
        self._replace('x', 'y')
        self._replace('x', 'y', 'a')
        self._replace('a', backend='other', volumes=(('vol2', 'third'),))
        self.executor.run_one()
        work = [args[0] for _fn, args, _kw in self.executor.submitted][-1]
        self.assertEqual({'vol': 'second', 'vol2': 'third'}, work.volumes)
        self.assertEqual(set(), self.dispatcher.waiting('other'))

    @ddt.data(AttributeError, RuntimeError, OSError,
              kombu_exception.OperationalError)
    def test_an_unexpected_error_is_a_failure(self, kind):
        log = self.useFixture(fixtures.FakeLogger())
        self.error = kind('CANARY')
        self._replace('a', 'b', 'c')
        self.executor.run_one()
        self.assertEqual([('a', results.Outcome.FAILED)], self.told)
        self.assertEqual('asking nova-compute on compute1 failed (%s)'
                         % kind.__name__, self.reason)
        self.assertEqual({'b', 'c'},
                         self.dispatcher.in_flight(fakes.BACKEND))
        self.assertIn('in _recover', log.output)
        self.assertNotIn('CANARY', log.output)

    def test_a_result_that_nobody_takes_frees_the_slot(self):
        log = self.useFixture(fixtures.FakeLogger())
        failing = self._make(lambda *_args: {}['x'])
        failing.replace(fakes.BACKEND, [fakes.work()])
        self.executor.run_one()
        self.assertEqual(set(), failing.in_flight(fakes.BACKEND))
        self.assertIn('KeyError', log.output)

    def test_every_backend_of_a_server_is_told(self):
        self.dispatcher.add(
            fakes.BACKEND, [fakes.work(parts=(fakes.part(), OTHER))])
        self.assertEqual((0, 1), self.dispatcher.counts('other'))
        self.executor.run_one()
        self.assertEqual([(fakes.BACKEND, self.load), ('other', self.load)],
                         self.parts)
        self.assertEqual((0, 0), self.dispatcher.counts('other'))

    def test_one_backend_that_fails_to_listen_harms_no_other(self):
        self.useFixture(fixtures.FakeLogger())
        told = []

        def done(part, *_args):
            told.append(part.backend)
            raise KeyError

        self._make(done).add(fakes.BACKEND, [
            fakes.work(parts=(fakes.part(), OTHER))])
        self.executor.run_one()
        self.assertEqual([fakes.BACKEND, 'other'], told)
        self.assertEqual('ended', self.ear.notification_log[-1][0])

    def test_add_keeps_what_waits(self):
        self._replace('a', 'b', 'c')
        self.dispatcher.add(fakes.BACKEND, [fakes.work(server_id='d')])
        self.assertEqual({'c', 'd'}, self.dispatcher.waiting(fakes.BACKEND))
        self.assertEqual((2, 2), self.dispatcher.counts(fakes.BACKEND))

    def test_the_observer_hears(self):
        self._replace('a')
        self.assertEqual([], self.ear.notification_log)
        self.executor.run_one()
        self.assertEqual(
            [('started', 'a'),
             ('ended', 'a', results.Outcome.RECOVERED, self.load)],
            self.ear.notification_log)

    def test_a_follower_starts_nothing(self):
        self._replace('a', 'b', 'c')
        self.dispatcher.pause()
        self.assertEqual((0, 2), self.dispatcher.counts(fakes.BACKEND))
        self._replace('d')
        self.dispatcher.add(fakes.BACKEND, [fakes.work(server_id='e')])
        self.executor.run_one()
        self.executor.run_one()
        self.assertEqual([], self.executor.submitted)
        self.assertEqual((0, 0), self.dispatcher.counts(fakes.BACKEND))
        # They had a thread, but were not sent yet.
        self.assertEqual([], self.recovered)
        self.assertEqual([], self.told)

    def test_what_is_in_flight_at_a_pause_is_told_of(self):
        self.meanwhile = self.dispatcher.pause
        self._replace('a')
        self.executor.run_one()
        self.assertEqual([('a', results.Outcome.RECOVERED)], self.told)

    def test_resume_starts_with_nothing(self):
        self._replace('a', 'b', 'c')
        self.dispatcher.pause()
        self.dispatcher.resume()
        self._replace('d')
        for _ in range(3):
            self.executor.run_one()
        self.assertEqual(['d'], [w.server_id for w in self.recovered])

    def test_a_paused_backend_keeps_what_waits(self):
        self._replace('a')
        self.held.add(fakes.BACKEND)
        self._replace('a', 'b')
        self._replace('x', backend='other', host='compute2')
        self.executor.run_one()
        self.executor.run_one()
        self.assertEqual([('a', results.Outcome.RECOVERED),
                          ('x', results.Outcome.RECOVERED)], self.told)
        self.dispatcher.start_more()
        self.assertEqual((1, 0), self.dispatcher.counts(fakes.BACKEND))
        self.held.clear()
        self.dispatcher.start_more()
        self.assertEqual((0, 1), self.dispatcher.counts(fakes.BACKEND))

    def test_what_is_excluded_since_is_not_sent(self):
        self._replace('a', 'b')
        self.excluded.add('a')
        self.executor.run_one()
        self.executor.run_one()
        self.assertEqual(['b'], [work.server_id for work in self.recovered])
        self.assertEqual([('b', results.Outcome.RECOVERED)], self.told)
        self.assertEqual((0, 0), self.dispatcher.counts(fakes.BACKEND))

    def test_a_silent_host_waits_for_its_ping(self):
        self.hosts.note_silent(fakes.CELL, 'compute1')
        self._replace('a')
        self._replace('b', backend='other', host='compute2')
        self.assertEqual({'b'}, self.dispatcher.in_flight('other'))
        self.assertEqual((1, 0), self.dispatcher.counts(fakes.BACKEND))
        self.dispatcher.start_more()
        self.assertEqual((1, 0), self.dispatcher.counts(fakes.BACKEND))
        self.hosts.note_answer(fakes.CELL, 'compute1')
        self.dispatcher.start_more()
        self.assertEqual((0, 1), self.dispatcher.counts(fakes.BACKEND))

    def test_a_host_that_does_not_answer(self):
        self.hosts.note_silent(fakes.CELL, 'compute1')
        told = []
        made = self._make(lambda part, work, result, load: told.append(
            (part.backend, work.server_id, result.outcome, result.reason)))
        made.replace(fakes.BACKEND, [fakes.work(server_id='a')])
        made.replace('other', [fakes.work(
            server_id='b', host='compute2', backend='other')])
        made.give_up((fakes.CELL, 'compute1'), 'no answer')
        self.assertEqual([(fakes.BACKEND, 'a', results.Outcome.FAILED,
                           'no answer')], told)
        self.assertEqual((0, 0), made.counts(fakes.BACKEND))
        self.assertEqual((0, 1), made.counts('other'))

    def test_a_refusal_pauses_the_backend_and_halves_its_limit(self):
        self.load = loads.Load(calls=3, seconds=1.0, refused=1)
        self._replace('a', 'b', 'c', 'd')
        self.executor.run_one()
        self.executor.run_one()
        self.assertEqual((2, 0), self.dispatcher.counts(fakes.BACKEND))
        self.assertEqual(1, self.dispatcher.limit(fakes.BACKEND))
        self._replace('x', backend='other')
        self.assertEqual((0, 1), self.dispatcher.counts('other'))
        self.now = 5.0
        self.dispatcher.start_more()
        self.assertEqual((1, 1), self.dispatcher.counts(fakes.BACKEND))

    def test_stop(self):
        self._replace('a', 'b', 'c')
        self.dispatcher.stop()
        self.executor.run_one()
        self._replace('d')
        self.assertEqual(['b'], [args[0].server_id for _fn, args, _kw
                                 in self.executor.submitted])

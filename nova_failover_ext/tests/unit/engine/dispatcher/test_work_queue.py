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

"""What starts next, and what may not."""

import collections
import random

import ddt
import testtools

from nova_failover_ext.engine.dispatcher import work_queue
from nova_failover_ext.engine import work_items
from nova_failover_ext.tests.unit.engine import fakes

LOOSE = work_items.Caps(total=9, per_backend=9, per_host=9)


def _work(name, *backends, **values):
    return fakes.work(server_id=name, parts=tuple(
        fakes.part(backend=backend)
        for backend in backends or (fakes.BACKEND,)), **values)


def _works(*names, **values):
    return [fakes.work(server_id=name, **values) for name in names]


@ddt.ddt
class QueueTest(testtools.TestCase):
    """One step at a time."""

    def setUp(self):
        super().setUp()
        self.limits = {}
        self.shut = set()
        self.held = set()
        self.now = 0.0
        self._make(LOOSE)

    def _make(self, caps):
        self.queue = work_queue.Queue(
            caps, lambda backend: self.limits.get(backend, 9),
            lambda _cell, host: host not in self.shut,
            self.held.__contains__, lambda: self.now)

    def _take(self):
        taken = []
        while True:
            work = self.queue.take()
            if work is None:
                return taken
            taken.append(work)

    def _names(self):
        return [work.server_id for work in self._take()]

    def test_what_is_paused_stays_and_others_go_on(self):
        self.held.add('a')
        self.queue.add([_work('one', 'a'), _work('both', 'a', 'b'),
                        _work('two', 'b')])
        self.assertEqual(['two'], [w.server_id for w in self._take()])
        self.assertEqual({'one', 'both'}, self.queue.waiting_ids('a'))
        self.held.clear()
        self.assertEqual({'one', 'both'},
                         {w.server_id for w in self._take()})

    def test_how_long_the_oldest_has_waited(self):
        self.assertEqual(0.0, self.queue.waited('a'))
        self.queue.add([_work('s1', 'a'), _work('s2', 'a', 'b')])
        self.now = 5.0
        self.queue.replace('a', [_work('s2', 'a'), _work('s3', 'a')])
        self.now = 7.0
        self.assertEqual([7.0, 7.0], [*map(self.queue.waited, 'ab')])
        self.queue.replace('a', [_work('s3', 'a')])
        self.assertEqual(2.0, self.queue.waited('a'))

    def test_nothing_waits(self):
        self.assertIsNone(self.queue.take())

    def test_most_urgent_first(self):
        self.queue.add(_works('a', priority=5) + _works('b', priority=1)
                       + _works('c', 'd', priority=3))
        self.assertEqual(['b', 'c', 'd', 'a'], self._names())

    @ddt.data((work_items.Caps(2, 9, 9), 2), (work_items.Caps(9, 2, 9), 2),
              (work_items.Caps(9, 9, 2), 2), (LOOSE, 3))
    @ddt.unpack
    def test_caps(self, caps, expected):
        self._make(caps)
        self.queue.add(_works('a', 'b', 'c'))
        self.assertEqual(expected, len(self._take()))
        self.assertEqual(3 - expected, self.queue.waiting(fakes.BACKEND))
        self.assertEqual(expected, self.queue.in_flight(fakes.BACKEND))

    @ddt.data(work_items.Caps(1, 9, 9),
              work_items.Caps(9, 1, 9), work_items.Caps(9, 9, 1))
    def test_a_slot_that_is_free_again(self, caps):
        self._make(caps)
        self.queue.add(_works('a', 'b', 'c'))
        for expected in 'abc':
            taken = self._take()
            self.assertEqual([expected], [w.server_id for w in taken])
            self.queue.release(taken[0])
        self.assertEqual((0, 0), (self.queue.waiting(fakes.BACKEND),
                                  self.queue.in_flight(fakes.BACKEND)))

    def test_a_full_host_does_not_hold_up_another(self):
        self._make(work_items.Caps(9, 9, 1))
        self.queue.add(_works('a', 'b', host='full', priority=1)
                       + _works('c', host='idle', priority=5))
        self.assertEqual(['a', 'c'], self._names())

    def test_a_host_of_that_name_in_another_cell(self):
        self._make(work_items.Caps(9, 9, 1))
        self.queue.add(_works('a') + _works('b', cell='other'))
        self.assertEqual(['a', 'b'], self._names())

    def test_a_full_backend_does_not_hold_up_another(self):
        self._make(work_items.Caps(9, 1, 9))
        self.queue.add([_work('a'), _work('b'), _work('c', 'idle')])
        self.assertEqual(['a', 'c'], self._names())

    def test_backends_take_turns(self):
        self.queue.add([_work('a%d' % n, 'one') for n in range(3)]
                       + [_work('b%d' % n, 'two') for n in range(3)])
        self.assertEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2'],
                         self._names())

    def test_urgency_comes_before_turns(self):
        self.queue.add([_work('a', 'one', priority=2),
                        _work('b', 'one', priority=2),
                        _work('c', 'two', priority=3)])
        self.assertEqual(['a', 'b', 'c'], self._names())

    def test_a_server_of_two_backends_is_one_work(self):
        self.queue.add([_work('a', 'one')])
        self.queue.add([_work('a', 'two')])
        self.assertEqual([{'one', 'two'}],
                         [work.backends for work in self._take()])
        self.assertEqual({'a'}, self.queue.in_flight_ids('one'))
        self.assertEqual({'a'}, self.queue.in_flight_ids('two'))

    @ddt.data('one', 'two')
    def test_it_takes_a_slot_of_both(self, full):
        self.limits = {full: 1}
        self.queue.add([_work('a', full), _work('ab', 'one', 'two'),
                        _work('c', 'three')])
        first, other = self._take()
        self.assertEqual(('a', 'c'), (first.server_id, other.server_id))
        self.queue.release(first)
        self.assertEqual(['ab'], self._names())
        self.queue.add([_work('d', full)])
        self.assertEqual([], self._names())

    def test_replace(self):
        self.queue.add([_work('a', 'one'), _work('b', 'one', 'two'),
                        _work('c', 'two')])
        self.queue.replace('one', [_work('d', 'one')])
        self.assertEqual({'d'}, self.queue.waiting_ids('one'))
        self.assertEqual({'b', 'c'}, self.queue.waiting_ids('two'))
        self.assertEqual({'b': {'two'}, 'c': {'two'}, 'd': {'one'}},
                         {w.server_id: w.backends for w in self._take()})

    def test_what_waits_keeps_its_place(self):
        self._make(work_items.Caps(1, 9, 9))
        self.queue.add(_works('a', 'b'))
        self.queue.replace(fakes.BACKEND, _works('b', 'a'))
        self.assertEqual(['a'], self._names())

    def test_a_server_that_has_moved_is_sent_to_its_new_host(self):
        self.queue.add(_works('a'))
        self.queue.add(_works('a', host='compute2'))
        self.assertEqual(['compute2'], [w.host for w in self._take()])

    def test_what_is_in_flight_is_not_added(self):
        self.queue.add(_works('a'))
        self._take()
        self.queue.add(_works('a'))
        self.queue.replace(fakes.BACKEND, _works('a'))
        self.assertEqual(0, self.queue.waiting(fakes.BACKEND))

    def test_more_for_a_server_in_flight_waits_for_it(self):
        self.queue.add(_works('a'))
        running, = self._take()
        self.queue.add(_works('a', volumes=(('vol', ''),)))
        self.assertEqual([], self._names())
        self.assertEqual({'a'}, self.queue.waiting_ids(fakes.BACKEND))
        self.queue.release(running)
        self.assertEqual([{'vol': ''}], [w.volumes for w in self._take()])

    def test_back_to_what_is_in_flight(self):
        self.queue.add(_works('a'))
        self._take()
        self.queue.add(_works('a', volumes=(('vol', ''),)))
        self.queue.add(_works('a', backend='other',
                              volumes=(('vol2', ''),)))
        self.queue.add(_works('a'))
        self.assertEqual(0, self.queue.waiting(fakes.BACKEND))
        self.assertEqual(1, self.queue.waiting('other'))

    def test_a_host_that_cannot_be_asked(self):
        self.shut = {'compute1'}
        self.queue.add(_works('a', 'b') + _works('c', host='compute2'))
        self.assertEqual(['c'], self._names())
        self.shut = set()
        self.assertEqual([], self._names())
        self.queue.recheck()
        self.assertEqual(['a', 'b'], self._names())

    def test_a_lower_limit(self):
        self.queue.add(_works('a', 'b', 'c'))
        self.limits = {fakes.BACKEND: 2}
        first, second = self._take()
        self.limits = {fakes.BACKEND: 1}
        self.queue.release(first)
        self.assertEqual([], self._names())
        self.queue.release(second)
        self.assertEqual(['c'], self._names())

    def test_clear(self):
        self._make(work_items.Caps(9, 9, 1))
        self.queue.add(_works('a', 'b'))
        first, = self._take()
        self.queue.clear()
        self.assertEqual(0, self.queue.waiting(fakes.BACKEND))
        self.queue.release(first)
        self.assertEqual([], self._names())
        self.queue.add(_works('c'))
        self.assertEqual(['c'], self._names())


def _pick(waiting, running, caps, limits, shut):
    # How it was done before: walks all that waits, for each step.
    backends = collections.Counter(
        backend for work in running for backend in work.backends)
    hosts = collections.Counter(work.host for work in running)
    servers = {work.server_id for work in running}
    chosen = []
    for work in sorted(waiting, key=lambda w: (w.priority, w.server_id)):
        if len(running) + len(chosen) >= caps.total:
            break
        if (work.server_id in servers or work.host in shut
                or any(backends[backend] >= limits[backend]
                       for backend in work.backends)
                or hosts[work.host] >= caps.per_host):
            continue
        chosen.append(work)
        servers.add(work.server_id)
        backends.update(work.backends)
        hosts[work.host] += 1
    return chosen


class _World:
    """The queue, and a plain model of what it should hold."""

    BACKENDS = ('one', 'two', 'three')
    HOSTS = ('h1', 'h2', 'h3', 'h4')

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.caps = work_items.Caps(self.random.randint(1, 8),
                                    self.random.randint(1, 4),
                                    self.random.randint(1, 3))
        self.limits = dict.fromkeys(self.BACKENDS, self.caps.per_backend)
        self.shut = set()
        self.waiting = {}
        self.running = {}
        self.queue = work_queue.Queue(
            self.caps, self.limits.__getitem__,
            lambda _cell, host: host not in self.shut)

    def step(self):
        self.random.choice((self.add, self.add, self.replace, self.release,
                            self.release, self.change))()

    def works(self, backend):
        return [fakes.work(
            server_id='s%02d' % number, priority=self.random.randint(1, 5),
            host=self.random.choice(self.HOSTS), parts=(fakes.part(
                backend=backend, volumes=(
                    (backend, self.random.choice('xy')),)),))
                for number in self.random.sample(range(40), 5)]

    def add(self):
        works = self.works(self.random.choice(self.BACKENDS))
        self.queue.add(works)
        self._add(works)

    def replace(self):
        backend = self.random.choice(self.BACKENDS)
        works = self.works(backend)
        self.queue.replace(backend, works)
        for server_id, work in list(self.waiting.items()):
            if server_id not in {w.server_id for w in works}:
                self._set(server_id, work.without(backend))
        self._add(works)

    def release(self):
        if self.running:
            work = self.running.pop(self.random.choice(list(self.running)))
            self.queue.release(work)

    def change(self):
        self.limits[self.random.choice(self.BACKENDS)] = (
            self.random.randint(0, self.caps.per_backend))
        self.shut = {host for host in self.HOSTS
                     if self.random.random() < 0.2}
        self.queue.recheck()

    def startable(self, waiting):
        return _pick(waiting, self.running.values(), self.caps,
                     self.limits, self.shut)

    def start(self, work):
        del self.waiting[work.server_id]
        self.running[work.server_id] = work

    def _add(self, works):
        for work in works:
            older = self.waiting.get(work.server_id)
            running = self.running.get(work.server_id)
            if running and running.covers(work):
                backend, = work.backends
                self._set(work.server_id, older and older.without(backend))
            else:
                self._set(work.server_id, work.joined(older))

    def _set(self, server_id, work):
        self.waiting.pop(server_id, None)
        if work:
            self.waiting[server_id] = work


@ddt.ddt
class OracleTest(testtools.TestCase):
    """The queue against the plain way to do it."""

    @ddt.data(*range(20))
    def test_many_steps(self, seed):
        world = _World(seed)
        for _ in range(500):
            world.step()
            self._check_starts(world)
            for backend in world.BACKENDS:
                self._check_ids(world, backend)

    def _check_starts(self, world):
        while True:
            expected = world.startable(world.waiting.values())
            work = world.queue.take()
            self.assertEqual(bool(expected), work is not None)
            if work is None:
                return
            # Among equals it may be another: backends take turns.
            self.assertEqual([work], world.startable([work]))
            self.assertEqual(expected[0].priority, work.priority)
            world.start(work)

    def _check_ids(self, world, backend):
        for ids, count, works in (
                (world.queue.waiting_ids, world.queue.waiting,
                 world.waiting),
                (world.queue.in_flight_ids, world.queue.in_flight,
                 world.running)):
            expected = {server_id for server_id, work in works.items()
                        if backend in work.backends}
            self.assertEqual(expected, ids(backend))
            self.assertEqual(len(expected), count(backend))

    @ddt.data(*range(5))
    def test_the_same_order_in_one_backend(self, seed):
        own = random.Random(seed)
        caps = work_items.Caps(7, 5, 2)
        limits = {fakes.BACKEND: 5}
        waiting = {work.server_id: work for work in (
            fakes.work(server_id='s%03d' % number, host=own.choice('abcd'),
                       priority=own.randint(1, 5))
            for number in range(200))}
        tested = work_queue.Queue(caps)
        tested.add(waiting.values())
        running = []
        while waiting or running:
            for expected in _pick(waiting.values(), running, caps, limits,
                                  ()):
                work = tested.take()
                self.assertEqual(expected, work)
                running.append(waiting.pop(work.server_id))
            self.assertIsNone(tested.take())
            tested.release(running.pop(own.randrange(len(running))))

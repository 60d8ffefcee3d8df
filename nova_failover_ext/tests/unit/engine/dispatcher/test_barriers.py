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


"""What waits behind a barrier, and what ends it."""

import ddt
import testtools

from nova_failover_ext.engine.dispatcher import work_queue
from nova_failover_ext.engine import work_items
from nova_failover_ext.tests.unit.engine import fakes

CAPS = work_items.Caps(total=9, per_backend=9, per_host=2)


def _work(name, priority, *backends, **values):
    return fakes.work(server_id=name, priority=priority, parts=tuple(
        fakes.part(backend=backend)
        for backend in backends or (fakes.BACKEND,)),
        **{'barrier': True, **values})


@ddt.ddt
class BarrierTest(testtools.TestCase):
    """One step at a time."""

    def setUp(self):
        super().setUp()
        self.shut = set()
        self.paused = set()
        self.queue = work_queue.Queue(
            CAPS, may_send=lambda _cell, host: host not in self.shut,
            held=self.paused.__contains__)
        self.running = {}

    def _take(self):
        names = []
        while work := self.queue.take():
            self.running[work.server_id] = work
            names.append(work.server_id)
        return names

    def _end(self, *names):
        for name in names:
            self.queue.release(self.running.pop(name))
        return self._take()

    def _awaited(self, backend=fakes.BACKEND):
        return sorted(self.queue.awaited(backend))

    def test_a_group_begins_when_the_one_before_has_ended(self):
        self.queue.add([_work('c', 5, host='h3'), _work('b', 3, host='h2'),
                        _work('a1', 1), _work('a2', 1)])
        self.assertEqual(['a1', 'a2'], self._take())
        self.assertEqual(['a1', 'a2'], self._awaited())
        self.assertEqual([], self._end('a1'))
        self.assertEqual(['a2'], self._awaited())
        self.assertEqual(['b'], self._end('a2'))
        self.assertEqual(['c'], self._end('b'))
        self.assertEqual([], self._awaited())

    def test_without_a_barrier_urgency_is_only_an_order(self):
        self.queue.add([_work('b', 3, barrier=False), _work('a', 1)])
        self.assertEqual(['a', 'b'], self._take())
        self.assertEqual([], self._awaited())

    def test_whoever_waits_for_a_host_is_waited_for(self):
        self.shut.add('h1')
        self.queue.add([_work('a', 1, host='h1'), _work('b', 3, host='h2')])
        self.assertEqual(([], ['a']), (self._take(), self._awaited()))
        self.queue.drop((fakes.CELL, 'h1'))
        self.assertEqual((['b'], []), (self._take(), self._awaited()))

    def test_a_full_host(self):
        self.queue.add([_work('a%d' % number, 1) for number in range(3)]
                       + [_work('b', 3, host='h2')])
        self.assertEqual(['a0', 'a1'], self._take())
        self.assertEqual(['a2'], self._end('a0', 'a1'))
        self.assertEqual(['b'], self._end('a2'))

    def test_backends_have_barriers_of_their_own(self):
        self.queue.add([_work('a', 1, 'x'), _work('b', 3, 'y'),
                        _work('c', 3, 'x', 'y', host='h2')])
        self.assertEqual(['a', 'b'], self._take())
        self.assertEqual((['a'], []), (self._awaited('x'),
                                       self._awaited('y')))
        self.assertEqual([], self._end('b'))
        self.assertEqual(['c'], self._end('a'))

    def test_what_is_behind_one_barrier_holds_up_no_other_backend(self):
        self.queue.add([_work('a', 1, 'y'), _work('c', 2, 'x', 'y'),
                        _work('d', 3, 'x', host='h2', barrier=False)])
        self.assertEqual(['a', 'd'], self._take())
        self.assertEqual(['c'], self._end('a'))

    def test_a_paused_backend_holds_up_no_other(self):
        self.paused.add('x')
        self.queue.add([_work('a', 1, 'x', 'y'), _work('b', 3, 'y'),
                        _work('c', 3, 'x', host='h2')])
        self.assertEqual(['b'], self._take())
        self.assertEqual([], self._awaited('y'))
        self.paused.clear()
        self.assertEqual(['a'], self._take())
        self.assertEqual(['c'], self._end('a'))

    def test_what_runs_is_waited_for_though_its_backend_is_paused(self):
        self.queue.add([_work('a', 1, 'x', 'y'), _work('b', 3, 'y')])
        self.assertEqual(['a'], self._take())
        self.paused.add('x')
        self.assertEqual(([], ['a']), (self._take(), self._awaited('y')))
        self.assertEqual(['b'], self._end('a'))

    def test_who_is_expected_is_waited_for(self):
        self.queue.replace(fakes.BACKEND, [_work('b', 3)], {'late': 1})
        self.assertEqual(([], ['late']), (self._take(), self._awaited()))
        self.queue.replace(fakes.BACKEND, [_work('b', 3), _work('late', 1)])
        self.assertEqual(['late'], self._take())
        self.assertEqual(['b'], self._end('late'))

    @ddt.data('replace', 'clear')
    def test_nothing_is_left_of_what_was_superseded(self, how):
        self.queue.replace(fakes.BACKEND, [_work('a', 1)], {'late': 1})
        if how == 'clear':
            self.queue.clear()
        else:
            self.queue.replace(fakes.BACKEND, [])
        self.queue.add([_work('b', 3)])
        self.assertEqual(['b'], self._take())

    def test_more_urgent_servers_that_come_later(self):
        self.queue.add([_work('b1', 3), _work('b2', 3), _work('b3', 3)])
        self.assertEqual(['b1', 'b2'], self._take())
        self.queue.add([_work('a', 1, host='h2')])
        self.assertEqual(['a'], self._take())
        self.assertEqual([], self._end('b1', 'b2'))
        self.assertEqual(['b3'], self._end('a'))

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

"""What may start under the caps."""

import ddt
import testtools

from nova_failover_ext.engine import pace
from nova_failover_ext.tests.unit.engine import fakes

LOOSE = pace.Caps(total=9, per_backend=9, per_host=9)


def _works(*names, **values):
    return [fakes.work(server_id=name, **values) for name in names]


@ddt.ddt
class PickTest(testtools.TestCase):
    """The pure decision."""

    def _pick(self, waiting, in_flight=(), caps=LOOSE):
        return [w.server_id for w in pace.pick(waiting, in_flight, caps)]

    def test_nothing_waits(self):
        self.assertEqual([], self._pick([]))

    def test_most_urgent_first(self):
        waiting = [fakes.work(server_id='a', priority=5),
                   fakes.work(server_id='b', priority=1),
                   fakes.work(server_id='c', priority=3)]
        self.assertEqual(['b', 'c', 'a'], self._pick(waiting))
        self.assertEqual(
            ['b'], self._pick(waiting, caps=pace.Caps(1, 9, 9)))

    @ddt.data((pace.Caps(2, 9, 9), 1), (pace.Caps(9, 2, 9), 1),
              (pace.Caps(9, 9, 2), 1), (pace.Caps(9, 9, 9), 3),
              (pace.Caps(1, 9, 9), 0))
    @ddt.unpack
    def test_caps(self, caps, expected):
        picked = self._pick(_works('a', 'b', 'c'), _works('z'), caps)
        self.assertEqual(expected, len(picked))

    def test_a_full_host_does_not_hold_up_another(self):
        waiting = [*_works('a', 'b', host='full', priority=1),
                   *_works('c', host='idle', priority=5)]
        self.assertEqual(
            ['a', 'c'], self._pick(waiting, caps=pace.Caps(9, 9, 1)))

    def test_a_full_backend_does_not_hold_up_another(self):
        waiting = [*_works('a', 'b', backend='full'),
                   *_works('c', backend='idle')]
        self.assertEqual(
            ['a', 'c'], self._pick(waiting, caps=pace.Caps(9, 1, 9)))

    def test_never_the_same_server_twice(self):
        waiting = [*_works('a', backend='one'), *_works('a', backend='two'),
                   *_works('b')]
        self.assertEqual(['b'], self._pick(waiting, _works('a')))
        self.assertEqual(['a', 'b'], self._pick(waiting))

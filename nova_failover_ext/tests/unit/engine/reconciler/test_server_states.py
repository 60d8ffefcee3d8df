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


"""Counting costs nothing, and is right."""

import testtools

from nova_failover_ext.engine.reconciler import server_states

Standing = server_states.Standing


class StandingsTest(testtools.TestCase):
    """Kept counters."""

    def setUp(self):
        super().setUp()
        self.standings = server_states.Standings()
        for server_id in 'abc':
            self.standings.set(server_id, Standing.WAITING)

    def _counts(self, in_flight=0):
        return {standing: count for standing, count
                in self.standings.counts(in_flight).items() if count}

    def test_every_standing_is_named(self):
        self.assertEqual(set(Standing), set(self.standings.counts(0)))

    def test_what_is_in_flight_does_not_wait(self):
        self.assertEqual({Standing.WAITING: 1, Standing.RECOVERING: 2},
                         self._counts(2))
        self.assertEqual({Standing.RECOVERING: 3}, self._counts(9))

    def test_each_server_stands_in_one_place(self):
        self.standings.set('a', Standing.CONVERGED)
        self.standings.set('a', Standing.CONVERGED)
        self.assertEqual({Standing.WAITING: 2, Standing.CONVERGED: 1},
                         self._counts())
        self.assertEqual(2, self.standings.open())

    def test_who_is_gone(self):
        self.standings.drop('a')
        self.standings.drop('unheard of')
        self.assertIsNone(self.standings.get('a'))
        self.standings.keep_only({'b', 'other'})
        self.assertEqual({Standing.WAITING: 1}, self._counts())

    def test_superseded(self):
        self.standings.set('a', Standing.CONVERGED)
        self.standings.supersede()
        self.assertEqual({Standing.CONVERGED: 1, Standing.SUPERSEDED: 2},
                         self._counts())

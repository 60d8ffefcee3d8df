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

ServerState = server_states.ServerState


class StandingsTest(testtools.TestCase):
    """Kept counters."""

    def setUp(self):
        super().setUp()
        self.server_states = server_states.ServerStates()
        for server_id in 'abc':
            self.server_states.set(server_id, ServerState.WAITING)

    def _counts(self, in_flight=0):
        return {state: count for state, count
                in self.server_states.counts(in_flight).items() if count}

    def test_every_standing_is_named(self):
        self.assertEqual(set(ServerState), set(self.server_states.counts(0)))

    def test_what_is_in_flight_does_not_wait(self):
        self.assertEqual({ServerState.WAITING: 1, ServerState.RECOVERING: 2},
                         self._counts(2))
        self.assertEqual({ServerState.RECOVERING: 3}, self._counts(9))

    def test_each_server_stands_in_one_place(self):
        self.server_states.set('a', ServerState.CONVERGED)
        self.server_states.set('a', ServerState.CONVERGED)
        self.assertEqual({ServerState.WAITING: 2, ServerState.CONVERGED: 1},
                         self._counts())
        self.assertEqual(2, self.server_states.open())

    def test_who_is_gone(self):
        self.server_states.drop('a')
        self.server_states.drop('unheard of')
        self.assertIsNone(self.server_states.get('a'))
        self.server_states.keep_only({'b', 'other'})
        self.assertEqual({ServerState.WAITING: 1}, self._counts())

    def test_excluded_ones_are_not_open(self):
        self.server_states.set('a', ServerState.EXCLUDED)
        self.assertEqual(2, self.server_states.open())

    def test_superseded(self):
        self.server_states.set('a', ServerState.CONVERGED)
        self.server_states.set('b', ServerState.EXCLUDED)
        self.server_states.supersede()
        self.assertEqual({ServerState.CONVERGED: 1, ServerState.EXCLUDED: 1,
                          ServerState.SUPERSEDED: 1}, self._counts())

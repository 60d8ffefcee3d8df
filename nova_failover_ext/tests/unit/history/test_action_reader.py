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


"""How the reader of past recoveries treats what the queries return."""

import datetime
from unittest import mock

import ddt
import nova.context
from oslotest import base

from nova_failover_ext.api import server_state
from nova_failover_ext.history import action_reader
from nova_failover_ext.history import outcomes
from nova_failover_ext import nova_cells

ServerState = server_state.ServerState
# As Nova's columns are.
BEGIN = datetime.datetime(2026, 11, 23, 4, 31, 12)  # noqa: DTZ001


def total(request_id, result, servers=1, seconds=0):
    """Return a row of actions.total_rows_between."""
    started = BEGIN + datetime.timedelta(seconds=seconds)
    return mock.Mock(
        spec_set=('request_id', 'result', 'servers', 'started', 'ended'),
        request_id=request_id, result=result, servers=servers,
        started=started,
        ended=started + datetime.timedelta(seconds=9) if result else None)


@ddt.ddt
class PastTest(base.BaseTestCase):

    @ddt.data(('Success', ServerState.CONVERGED),
              ('Error', ServerState.FAILED),
              ('Deferred', ServerState.DEFERRED),
              ('of a later release', ServerState.FAILED))
    @ddt.unpack
    def test_standing_after(self, result, expected):
        tries = (outcomes.Try(None, None, 'h', 'Error'),
                 outcomes.Try(None, None, 'h', result))
        self.assertEqual(expected, outcomes.state_after(tries))
        self.assertEqual(ServerState.RECOVERING, outcomes.state_after(()))

    def test_cells_are_added_up(self):
        [found] = outcomes.failovers([
            total('req-1', 'Success', 3, 10), total('req-1', 'Error', 2, 5),
            total('req-1', 'Success', 4, 20), total('req-1', None, 1, 50)])
        self.assertEqual(
            (10, 7, 0, 2, 1),
            (found.servers, found.recovered, found.deferred, found.failed,
             found.open))
        begin = BEGIN.replace(tzinfo=datetime.UTC)
        self.assertEqual(begin + datetime.timedelta(seconds=5),
                         found.started_at)
        self.assertEqual(begin + datetime.timedelta(seconds=29),
                         found.last_at)

    def test_nothing_has_ended(self):
        [found] = outcomes.failovers([total('req-1', None)])
        self.assertIsNone(found.last_at)

    def test_the_latest_comes_first(self):
        found = outcomes.failovers([total('a', None), total('b', None, 1, 5)])
        self.assertEqual(['b', 'a'], [f.failover_id for f in found])

    def test_a_success_counts_only_if_it_is_the_last(self):
        server = outcomes.ServerHistory('id', tries=(
            outcomes.Try(BEGIN, BEGIN, 'h', 'Success'),
            outcomes.Try(BEGIN, BEGIN, 'h', 'Deferred', 'why')))
        self.assertIsNone(server.recovered_at)
        self.assertEqual('why', server.reason)

    def test_clocks_that_disagree(self):
        server = outcomes.ServerHistory('id', tries=(
            outcomes.Try(BEGIN, BEGIN, 'h', 'Success'),))
        self.assertEqual(0.0, server.seconds_since(
            BEGIN + datetime.timedelta(seconds=1)))


class WalkTest(base.BaseTestCase):
    """How the list of failovers ends."""

    def setUp(self):
        super().setUp()
        self.actions = self._patch(action_reader, 'queries')
        cell = mock.Mock(spec_set=('uuid', 'name'))
        self._patch(nova_cells, 'all_cells').return_value = [cell]
        self._patch(nova.context, 'target_cell')
        self.actions.total_rows_between.return_value = []

    def _patch(self, target, name):
        patched = mock.patch.object(target, name, autospec=True)
        self.addCleanup(patched.stop)
        return patched.start()

    def _ranges(self, latest, *oldest):
        self.actions.latest_id.return_value = latest
        self.actions.start_after.side_effect = oldest
        action_reader.HistoryReader(10, id_range=100).failovers(BEGIN)
        return [call.args[2:] for call in
                self.actions.total_rows_between.call_args_list]

    def test_at_the_begin_of_the_table(self):
        self.assertEqual([(150, 250), (50, 150), (0, 50)],
                         self._ranges(250, BEGIN, BEGIN, BEGIN))

    def test_at_the_first_that_is_too_old(self):
        earlier = BEGIN - datetime.timedelta(seconds=1)
        self.assertEqual([(150, 250), (50, 150)],
                         self._ranges(250, BEGIN, earlier))

    def test_no_actions(self):
        self.assertEqual([], self._ranges(0))

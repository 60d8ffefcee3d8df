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

"""A cell whose database accepts connections, and says nothing."""

import threading
from unittest import mock

import fixtures
import nova.context
import tenacity

from nova_failover_ext.api import cell_problem
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext import nova_cells
from nova_failover_ext.tests.functional.engine import records


class SilentCellsTest(records.RecordsTestCase):
    """The other cell is read."""

    def _until(self, condition):
        for attempt in tenacity.Retrying(
                stop=tenacity.stop_after_delay(30),
                wait=tenacity.wait_fixed(0.05)):
            with attempt:
                self.assertTrue(condition())

    def _mute(self):
        """Have the second cell accept connections, and say nothing.

        Nova's fixture lets only one cell be used at a time, so the thread
        has to hang before it.
        """
        answer = threading.Event()
        self.addCleanup(answer.set)
        target_cell = nova.context.target_cell
        asked = []

        def mute(context, cell):
            asked.append(cell.uuid)
            if cell.uuid == self.cells[1].uuid:
                answer.wait()
            return target_cell(context, cell)

        self.useFixture(fixtures.MonkeyPatch(
            'nova.context.target_cell', mute))
        return answer, asked

    def test_a_cell_is_mute(self):
        volumes = [self._volume(self._server()),
                   self._volume(self._server(cell=1), cell=1)]
        answer, asked = self._mute()
        reader = nova_reader.NovaReader(3, cell_timeout=3)
        found, problems = reader.attachments(volumes)
        self.assertEqual([volumes[0]], [a.volume_id for a in found])
        self.assertEqual([cell_problem.CellProblem(
            'cell2', 'it has said nothing for 3 seconds')], problems)
        # It is not asked again while it still owes an answer.
        found, problems = reader.attachments(volumes)
        self.assertEqual([volumes[0]], [a.volume_id for a in found])
        self.assertEqual([cell_problem.CellProblem(
            'cell2', 'an earlier question has no answer yet')], problems)
        self.assertEqual(1, asked.count(self.cells[1].uuid))
        answer.set()
        self._until(lambda: not reader.attachments(volumes)[1])
        self.assertEqual(2, len(reader.attachments(volumes)[0]))

    def test_a_mute_cell_is_read_before_the_other(self):
        volumes = [self._volume(self._server(cell=1), cell=1)]
        self._mute()
        with mock.patch.object(nova_cells, 'all_cells', autospec=True) as get:
            get.return_value = list(reversed(self.cells))
            found, _problems = nova_reader.NovaReader(
                3, cell_timeout=3).attachments(
                    [*volumes, self._volume(self._server())])
        self.assertEqual([self.cells[0].uuid], [a.server.cell for a in found])

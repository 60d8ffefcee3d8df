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

"""Cells are read side by side, each for as long as it says something."""

import threading
import time
import types
from unittest import mock

import nova.context
from oslo_db import exception as db_exception
from oslotest import base

from nova_failover_ext import nova_cells


def _cell(name):
    return types.SimpleNamespace(uuid='uuid-of-' + name, name=name)


class CellsTest(base.BaseTestCase):
    """What comes back, and what is said of the rest."""

    def setUp(self):
        super().setUp()
        target = mock.patch.object(nova.context, 'target_cell', autospec=True)
        self.addCleanup(target.stop)
        target.start()
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)
        self.pair = [_cell('one'), _cell('two')]
        self.reader = nova_cells.Cells(0.2)

    def _read(self, read):
        found, problems = self.reader.read(self.pair, read)
        return found, [(p.cell, p.reason) for p in problems]

    def test_in_the_order_of_the_cells(self):
        second = threading.Event()

        def read(_context, cell, _heard):
            if cell.name == 'one':
                self.assertTrue(second.wait(10))
            second.set()
            return cell.name

        self.reader = nova_cells.Cells(10)
        self.assertEqual((['one', 'two'], []), self._read(read))

    def test_a_cell_that_says_something_is_waited_for(self):
        def read(_context, cell, heard):
            for _ in range(15):
                self.go_on.wait(0.1)
                heard()
            return cell.name

        self.reader = nova_cells.Cells(1)
        self.assertEqual((['one', 'two'], []), self._read(read))

    def test_an_error(self):
        def read(_context, cell, _heard):
            if cell.name == 'one':
                raise db_exception.DBConnectionError(
                    Exception('no way\n[SQL: CANARY]'))
            return cell.name

        self.assertEqual((['two'], [('one', 'no way')]), self._read(read))

    def test_an_error_of_ours(self):
        self.assertRaises(ZeroDivisionError, self._read,
                          lambda *_args: 1 // 0)

    def test_no_name(self):
        self.pair[0].name = None
        self.assertEqual(
            [('uuid-of-one', 'it has said nothing for 0.2 seconds')],
            self._read(lambda _context, cell, _heard:
                       cell.name or self.go_on.wait())[1])

    def test_a_silent_cell_is_asked_again_once_it_has_answered(self):
        asked = []

        def read(_context, cell, _heard):
            asked.append(cell.name)
            if cell.name == 'one':
                self.go_on.wait()
            return cell.name

        self._read(read)
        self.assertEqual(
            (['two'], [('one', 'an earlier question has no answer yet')]),
            self._read(read))
        self.assertEqual(1, asked.count('one'))
        self.go_on.set()
        self.reader._late[self.pair[0].uuid].reading.future.result(10)
        self.assertEqual((['one', 'two'], []), self._read(read))

    def test_a_silent_cell_is_asked_anew_after_a_while(self):
        """A connection to a database that has moved never ends by itself."""
        passed = [0.0]
        self.reader = nova_cells.Cells(
            0.2, lambda: time.monotonic() + passed[0])
        asked = []

        def read(_context, cell, _heard):
            asked.append(cell.name)
            if cell.name == 'one' and asked.count('one') < 3:
                self.go_on.wait()
            return cell.name

        counts = []
        for seconds in (0, 59, 2, 59, 59):
            passed[0] += seconds
            self.assertEqual(['two'], self._read(read)[0])
            counts.append(asked.count('one'))
        self.assertEqual([1, 1, 2, 2, 2], counts)
        passed[0] += 3
        self.assertEqual((['one', 'two'], []), self._read(read))
        self.assertEqual((['one', 'two'], []), self._read(read))

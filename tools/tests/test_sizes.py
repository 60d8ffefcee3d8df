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

import fixtures
from oslotest import base

from tools.patches import sizes
from tools.tests import series

ONE = sizes.Size('One', 100, 5, 30, 60)
TWO = sizes.Size('Two', 50, 0, 20, 0)


class TestMeasure(series.SeriesTestCase):

    def test_kinds(self):
        self.write(self.repository, {
            'made_up/code.py': '1\n2\n',
            'made_up/tests/unit/test_code.py': '1\n2\n3\n',
            'made_up/tests/data': '1\n',
            'made_up/history.rst': '1\n',
            'doc/made_up.rst': '1\n',
            'picture': b'\0'.decode()})
        self.repository('add', '.')
        self.commit('Add files', a=series.text(l10='ours'))
        self.assertEqual(
            sizes.Size('Add files', 9, 1, 2, 4),
            sizes.measure(self.repository, 'made_up', 'HEAD'))


class TestFaults(base.BaseTestCase):

    def test_none(self):
        self.assertEqual([], sizes.faults(
            [ONE, TWO], sizes.Limits(100, 150, 50)))

    def test_all(self):
        self.assertEqual(
            ['One: adds 100 lines, 99 are allowed.',
             'The series: adds 150 lines, 149 are allowed.',
             'The series: adds 50 lines of production code, 49 are allowed.'],
            sizes.faults([ONE, TWO], sizes.Limits(99, 149, 49)))


class TestMerged(series.SeriesTestCase):

    def _faults(self, *numbers):
        self.useFixture(fixtures.MonkeyPatch('tools.patches.sizes.MERGED', (
            sizes.Merged('It', ('HEAD~', 'HEAD'), *numbers),)))
        return sizes.merged_faults(self.repository)

    def test_as_measured(self):
        self.assertEqual([], self._faults(3, 2, 0))

    def test_other_size(self):
        self.assertEqual(
            [('It: adds 3 lines, 2 of them in its largest commit and 0 in '
              'production code.')], self._faults(3, 1, 0))


class TestTable(base.BaseTestCase):

    def test_rows(self):
        text = sizes.table([ONE, TWO])
        rows = [[cell.strip() for cell in line.strip('|').split('|')]
                for line in text.splitlines() if line.startswith('|')]
        self.assertEqual(['One', '100', '5', '30', '60', '10'], rows[1])
        self.assertEqual(['all', '150', '5', '50', '60', '40'], rows[3])
        self.assertIn(['power-update', '1', '635', '635', '195'], rows)

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

from oslotest import base

from tools.patches import own
from tools.tests import series

PATH = 'made_up/tests/unit/test_it.py'
SOURCE = """\
import ddt


@ddt.ddt
class TestIt:

    def setUp(self):
        self.it = 1

    def _helper(self):
        self.more()

    @ddt.data(1)
    def test_one(self, case):
        self.assert_it(case)

    def test_two(self):
        self.assert_it(2)


class Helper:
    it = 1


def helper():
    return 1
"""


def _line(text):
    return SOURCE.splitlines().index(text) + 1


class TestModules(base.BaseTestCase):

    def test_which_files(self):
        self.assertEqual(
            ['nova.tests.unit.test_a', 'nova.tests.functional.b.test_c'],
            own.modules('nova', [
                'nova/tests/unit/test_a.py',
                'nova/tests/functional/b/test_c.py',
                'nova/tests/unit/fake_a.py',
                'nova/tests/fixtures/test_d.py',
                'nova/compute/test_e.py',
                'doc/nova/tests/unit/test_f.py',
                'nova/tests/unit/test_g.py.orig']))


class TestTests(base.BaseTestCase):

    def _assert(self, expected, *lines):
        self.assertEqual(expected, own.tests(SOURCE, set(map(_line, lines))))

    def test_of_a_test(self):
        self._assert(['.TestIt.test_two'], '        self.assert_it(2)')

    def test_decorator(self):
        self._assert(['.TestIt.test_one'], '    @ddt.data(1)')

    def test_beside_an_import(self):
        self._assert(['.TestIt.test_two'], 'import ddt',
                     '    def test_two(self):')

    def test_what_is_set_up(self):
        self._assert(['.TestIt'], '        self.it = 1')

    def test_new_helper(self):
        self._assert(['.TestIt.test_two'], '    def _helper(self):',
                     '        self.more()', '    def test_two(self):')

    def test_old_helper(self):
        self._assert(['.TestIt'], '        self.more()')

    def test_decorator_of_class(self):
        self._assert(['.TestIt'], '@ddt.ddt')

    def test_class_without_tests(self):
        self._assert([''], '    it = 1', '        self.assert_it(2)')

    def test_no_class(self):
        self._assert([''], '    return 1')


class TestChanged(series.SeriesTestCase):

    def _changed(self, source):
        self.write(self.repository, {PATH: SOURCE})
        self.repository('add', '.')
        self.repository('commit', '--message', 'Before')
        self.write(self.repository, {PATH: source})
        self.repository('commit', '--all', '--message', 'After')
        return own.changed(self.repository, 'made_up', 'HEAD')

    def test_added(self):
        self.assertEqual(
            ['made_up.tests.unit.test_it.TestIt.test_one'],
            self._changed(SOURCE.replace(
                'assert_it(case)', 'assert_it(case)\n        self.rest()')))

    def test_blank_lines(self):
        self.assertEqual(
            ['made_up.tests.unit.test_it.TestIt.test_two'],
            self._changed(SOURCE.replace(
                '    def test_two', '\n\n    def test_two').replace(
                    'assert_it(2)', 'assert_it(3)')))

    def test_only_removed(self):
        self.assertEqual([], self._changed(SOURCE.replace(
            '    it = 1\n', '').replace('class Helper:\n', '')))

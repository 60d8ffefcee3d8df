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

from tools.patches import report
from tools.patches import runner
from tools import run_tests

GOOD = runner.Outcome('success')
BAD = runner.Outcome('fail', 'why')
SKIPPED = runner.Outcome('skip')


class TestCount(base.BaseTestCase):

    def test_of_every_status(self):
        count = report.count(map(runner.Outcome, (
            'success', 'xfail', 'skip', 'fail', 'uxsuccess', 'inprogress')))
        self.assertEqual(run_tests.Count(2, 3, 1), count)

    def test_line_is_understood_by_run_tests(self):
        line = str(run_tests.Count(304, 1, 2))
        self.assertEqual(
            run_tests.Count(304, 1, 2),
            run_tests.judge(run_tests.Step('patches-cinder'), 1, [line]))


class TestComparison(base.BaseTestCase):

    def test_nothing_has_changed(self):
        comparison = report.Comparison({'a': GOOD}, {'a': GOOD})
        self.assertEqual(([], [], []), (comparison.known, comparison.broken,
                                        comparison.gone))
        self.assertEqual(run_tests.Count(1, 0, 0), comparison.count())

    def test_broken(self):
        comparison = report.Comparison({'a': GOOD}, {'a': BAD})
        self.assertEqual(['a'], comparison.broken)
        self.assertEqual(run_tests.Count(0, 1, 0), comparison.count())

    def test_new_and_failing_is_broken(self):
        comparison = report.Comparison({}, {'a': BAD, 'b': GOOD})
        self.assertEqual(['a'], comparison.broken)
        self.assertEqual(run_tests.Count(1, 1, 0), comparison.count())

    def test_known(self):
        comparison = report.Comparison({'a': BAD}, {'a': BAD})
        self.assertEqual((['a'], []), (comparison.known, comparison.broken))
        self.assertEqual(run_tests.Count(0, 0, 1), comparison.count())

    def test_skipped_before_and_failing_now_is_broken(self):
        comparison = report.Comparison({'a': SKIPPED}, {'a': BAD})
        self.assertEqual(([], ['a']), (comparison.known, comparison.broken))

    def test_mended(self):
        comparison = report.Comparison({'a': BAD}, {'a': GOOD})
        self.assertEqual(run_tests.Count(1, 0, 0), comparison.count())

    def test_gone(self):
        comparison = report.Comparison({'a': GOOD, 'b': BAD, 'c': SKIPPED},
                                       {})
        self.assertEqual(['a'], comparison.gone)
        self.assertEqual(run_tests.Count(0, 1, 0), comparison.count())

    def test_skipped_now_is_gone(self):
        comparison = report.Comparison({'a': GOOD}, {'a': SKIPPED})
        self.assertEqual(['a'], comparison.gone)
        self.assertEqual(run_tests.Count(0, 1, 0), comparison.count())

    def test_case_with_other_data_is_not_gone(self):
        comparison = report.Comparison(
            {'a_1_NotFound': GOOD, 'a_2': GOOD},
            {'a_1_NotFoundException': GOOD, 'a_2': GOOD})
        self.assertEqual([], comparison.gone)

    def test_case_without_another_is_gone(self):
        comparison = report.Comparison(
            {'a_1_NotFound': GOOD, 'a_2': GOOD}, {'a_2': GOOD})
        self.assertEqual(['a_1_NotFound'], comparison.gone)

    def test_rewritten_test_may_have_fewer_cases(self):
        before = {'a_1_x': GOOD, 'a_2_y': GOOD}
        self.assertEqual([], report.Comparison(
            before, {'a_1_z': GOOD}, frozenset(('a',))).gone)
        self.assertEqual(['a_1_x', 'a_2_y'], report.Comparison(
            before, {}, frozenset(('a',))).gone)

    def test_runner_that_broke_is_a_failure(self):
        comparison = report.Comparison(
            {'a': GOOD}, {runner.LOADING: BAD})
        self.assertEqual(run_tests.Count(0, 2, 0), comparison.count())

    def test_nothing_to_be_loaded_is_never_excused(self):
        both = {runner.LOADING: BAD}
        comparison = report.Comparison(both, both)
        self.assertEqual([], comparison.known)
        self.assertEqual(run_tests.Count(0, 1, 0), comparison.count())


class TestTable(base.BaseTestCase):

    def test_side_by_side(self):
        text = report.table(
            report.Comparison(
                {'x.a.T.one': GOOD, 'x.b.T.one': BAD},
                {'x.a.T.one': GOOD, 'x.a.T.two': GOOD, 'x.b.T.one': BAD,
                 'x.ab.T.one': SKIPPED, 'y': BAD}),
            {'x.a': 'first', 'x.b': 'second', 'x.ab': 'first'})
        rows = [[cell.strip() for cell in line.strip('|').split('|')]
                for line in text.splitlines() if line.startswith('|')]
        self.assertEqual([
            ['tests', 'before', 'after'],
            ['first', '1 passed, 0 failed, 0 skipped',
             '2 passed, 0 failed, 1 skipped'],
            ['second', '0 passed, 1 failed, 0 skipped',
             '0 passed, 1 failed, 0 skipped'],
            ['not to be loaded', '0 passed, 0 failed, 0 skipped',
             '0 passed, 1 failed, 0 skipped'],
            ['all', '1 passed, 1 failed, 0 skipped',
             '2 passed, 2 failed, 1 skipped'],
        ], rows)

    def test_no_line_counts_for_run_tests(self):
        text = report.table(report.Comparison({'x.T.a': GOOD}, {}),
                            {'x': 'label'})
        count = run_tests.judge(run_tests.Step('patches-cinder'), 0,
                                [*text.splitlines(), '1 passed, 0 failed'])
        self.assertEqual(run_tests.Count(1, 0, 0), count)

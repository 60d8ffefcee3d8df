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

import dataclasses
import pathlib

import fixtures
from oslotest import base

from tools.patches import check
from tools.patches import export
from tools.patches import git
from tools.patches import lint
from tools.patches import projects
from tools.patches import runner
from tools.patches import sizes
from tools import run_tests
from tools.tests import series


TEST = """\
class TestIt:
    def test_it(self):
        pass
"""


class TestThere(base.BaseTestCase):

    def test_there(self):
        tree = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        tree.joinpath('nova').mkdir()
        tree.joinpath('nova', 'test_a.py').touch()
        self.assertEqual(
            ['nova.test_a', 'nova.test_a.TestA'],
            check.there(tree, ['nova.test_a', 'nova.test_a.TestA',
                               'nova.test_b', 'nova.test_b.TestB']))


class TestSeries(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        folder = self.useFixture(fixtures.TempDir()).path
        self.useFixture(fixtures.MonkeyPatch(
            'tools.patches.projects.SERIES', pathlib.Path(folder)))
        self.project = projects.Project('nova', 'nova', {}, ())

    def _patch(self, release):
        folder = self.project.folder(release)
        folder.mkdir(parents=True)
        folder.joinpath('0001-It.patch').touch()

    def test_newest_release_by_default(self):
        self._patch('9.10.0')
        self._patch('10.0.0')
        release, patches = self.project.patches(None)
        self.assertEqual('10.0.0', release)
        self.assertEqual(['0001-It.patch'], [path.name for path in patches])

    def test_none(self):
        self.project.folder('34.0.0').mkdir(parents=True)
        error = self.assertRaises(projects.Problem, self.project.patches, None)
        self.assertEqual('There is no series in patches/nova/.', str(error))

    def test_not_of_that_release(self):
        self._patch('34.0.0')
        self.assertRaises(projects.Problem, self.project.patches, '33.0.0')


class TestMessages(base.BaseTestCase):

    def test_change_id_of_two_commits(self):
        first, second = (
            f'{series.message(subject)}\nChange-Id: I{"a" * 40}'
            for subject in ('One', 'Two'))
        self.assertEqual(
            [f'I{"a" * 40} is the Change-Id of 2 commits.'],
            check.message_faults({'One': first, 'Two': second}))


class TestCheck(series.SeriesTestCase):

    OWN = 'made_up/tests/unit/test_own.py'
    NEAR = 'made_up/tests/unit/test_near.py'

    def setUp(self):
        super().setUp()
        self.project = projects.Project('made_up', 'made_up', {}, (
            projects.Neighbours('near', ('unit.test_near',)),))
        self.repository('checkout', '--quiet', 'HEAD~2')
        self.write(self.repository, {self.NEAR: ''})
        self.repository('add', '.')
        self.repository('commit', '--amend', '--message', 'made_up 1.0.0')
        self.releases['1.0.0'] = {'a': series.text(), 'b': series.text(),
                                  self.NEAR: ''}
        self.write(self.repository, {self.OWN: TEST})
        self.repository('add', '.')
        self.commit('Add a test', a=series.text(l10='ours'))
        self.commit('Go on', a=series.text(l10='ours', l30='ours'))
        self.patches = export.export(self.repository, self.folder / 'series')
        self.lint = self.useFixture(fixtures.MockPatchObject(
            lint, 'run', autospec=True, return_value=(True, 'said'))).mock
        self.useFixture(fixtures.MockPatchObject(
            runner, 'run', autospec=True, side_effect=self._run))
        #: which tests were run with which line 30 of the tree
        self.runs = []
        self.outcomes = {'made_up.tests.unit.test_near.T.one': 'success'}

    def _run(self, tree, name, chosen, env):
        line = tree.joinpath('a').read_text().splitlines()[30]
        self.runs.append((line, [one.rpartition('.')[2] for one in chosen]))
        return {test: runner.Outcome(status.replace('gone', 'success'))
                for test, status in self.outcomes.items()
                if status != 'gone' or line != 'ours'}

    def _check(self, each=None):
        self.tree = self.folder / 'checked'
        return check.Check(self.project, '1.0.0', self.patches,
                           self.tree).run(each)

    def test_with_and_without(self):
        self.assertEqual(run_tests.Count(3, 0, 0), self._check())
        self.assertEqual([('line 30', ['test_near']),
                          ('ours', ['test_near', 'test_own'])], self.runs)

    def test_each_commit_runs_its_own_tests(self):
        self._check(each=check.OWN_TESTS)
        self.assertEqual([('line 30', ['test_near']),
                          ('line 30', ['TestIt']),
                          ('ours', ['test_near', 'test_own'])], self.runs)

    def test_each_commit_is_linted(self):
        self.assertEqual(5, self._check(each=check.OWN_TESTS).passed)
        self.assertEqual(2, self.lint.call_count)

    def test_each_commit_runs_what_is_around(self):
        self._check(each=check.NEIGHBOURS)
        self.assertEqual([('line 30', ['test_near']),
                          ('line 30', ['test_own', 'test_near'])],
                         self.runs[:2])

    def test_commit_that_changes_no_code_runs_nothing(self):
        self._check(each=check.NEIGHBOURS)
        self.assertEqual([('ours', ['test_near', 'test_own'])], self.runs[2:])

    def test_commit_is_compared_with_the_release(self):
        self.outcomes['made_up.tests.unit.test_near.T.one'] = 'fail'
        self.assertEqual(run_tests.Count(3, 0, 2),
                         self._check(each=check.NEIGHBOURS))

    def test_removed(self):
        self.outcomes['made_up.tests.unit.test_near.T.two'] = 'gone'
        self.assertEqual(1, self._check().failed)

    def test_removed_on_purpose(self):
        self.outcomes['made_up.tests.unit.test_near.T.two'] = 'gone'
        self.project = dataclasses.replace(
            self.project, removed=('unit.test_near.T.two',))
        self.assertEqual(0, self._check().failed)

    def test_series_is_too_large(self):
        self.project = dataclasses.replace(
            self.project, limits=sizes.Limits(commit=4, series=4))
        self.assertEqual(run_tests.Count(2, 1, 0), self._check())

    def test_person_is_not_ours_to_name(self):
        self.patches[0].write_text(self.patches[0].read_text().replace(
            'Generated-By:', 'Signed-off-by: A <a@b>\nGenerated-By:'))
        self.assertEqual(1, self._check().failed)

    def test_linter_complains(self):
        self.lint.return_value = (False, 'no')
        self.assertEqual(run_tests.Count(2, 1, 0), self._check())

    def test_tree_is_left_with_the_series(self):
        self._check(each=check.OWN_TESTS)
        self.assertEqual(series.text(l10='ours', l30='ours'),
                         self.tree.joinpath('a').read_text())

    def test_patch_that_does_not_apply(self):
        self.releases['1.0.0']['a'] = series.text(l10='theirs')
        error = self.assertRaises(git.GitError, self._check)
        self.assertIn('0001 Add a test', str(error))

    def test_fuzz_is_refused(self):
        self.releases['1.0.0']['a'] = series.text(l12='theirs')
        self.assertRaises(git.GitError, self._check)
        self.assertEqual([], self.runs)

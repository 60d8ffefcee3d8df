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

from unittest import mock

from tools.patches import export
from tools.patches import git
from tools.patches import projects
from tools.patches import rebase
from tools.patches import source
from tools.tests import series


class TestExport(series.SeriesTestCase):

    def test_names(self):
        self.assertEqual(['0001-Change-a.patch', '0002-Change-both.patch'],
                         [path.name for path in self.patches])

    def test_same_again_from_what_was_applied(self):
        again = git.Git(self.folder / 'again')
        source.tree(again, 'made_up', '1.0.0')
        again('am', *map(str, self.patches))
        made = export.export(again, self.folder / 'exported')
        self.assertEqual([path.read_text() for path in self.patches],
                         [path.read_text() for path in made])

    def test_old_ones_go(self):
        self.repository('reset', '--hard', 'HEAD~')
        export.export(self.repository, self.folder / 'series')
        self.assertEqual(
            ['0001-Change-a.patch'],
            [path.name for path in self.folder.joinpath('series').iterdir()])

    def test_old_ones_stay_if_it_fails(self):
        self.assertRaises(git.GitError, export.export,
                          git.Git(self.folder), self.folder / 'series')
        self.assertTrue(all(path.exists() for path in self.patches))

    def _propose(self, tool=None, person=None):
        return [path.read_text() for path in export.export(
            self.repository, self.folder / 'proposed', tool, person)]

    def test_tool_and_person(self):
        for text in self._propose('tool [model]', 'A Person <a@person>'):
            self.assertIn('\nGenerated-By: tool [model]\n', text)
            self.assertIn('\nSigned-off-by: A Person <a@person>\n---\n', text)

    def test_proposed_again_from_what_was_proposed(self):
        self.patches = export.export(
            self.repository, self.folder / 'proposed', 'tool [model]',
            'A Person <a@person>')
        first = [path.read_text() for path in self.patches]
        self.repository('reset', '--hard', self.repository.root())
        self.repository('am', *map(str, self.patches))
        self.assertEqual(first, self._propose('tool [model]',
                                              'A Person <a@person>'))

    def test_signed_off_by_somebody_else(self):
        self.commit('Mine\n\nSigned-off-by: Me <me@here>', a=series.text())
        for person in (None, 'A Person <a@person>'):
            error = self.assertRaises(
                projects.Problem, self._propose, None, person)
            self.assertIn('Me <me@here> was not named', str(error))

    def test_configuration_of_a_person_makes_no_difference(self):
        home = self.folder / 'config'
        home.write_text('[format]\n  subjectPrefix = MINE\n')
        with mock.patch.dict('os.environ', GIT_CONFIG_GLOBAL=str(home)):
            (first, _second) = export.export(self.repository,
                                             self.folder / 'exported')
        self.assertIn('[PATCH 1/2] Change a', first.read_text())


class TestRebase(series.SeriesTestCase):

    def _rebase(self, **files):
        self.releases['2.0.0'] = files
        self.rebased = git.Git(self.folder / 'rebased')
        return rebase.rebase(self.rebased, self.project, self.patches,
                             '1.0.0', '2.0.0')

    def test_applies(self):
        results = self._rebase(a=series.text(l20='theirs'), b=series.text())
        self.assertEqual([rebase.APPLIES] * 2, [one.how for one in results])
        self.assertEqual(series.text(l10='ours', l20='theirs', l30='ours'),
                         self.rebased.tree.joinpath('a').read_text())
        self.assertEqual(['Change a', 'Change both'], list(map(
            self.rebased.subject, self.rebased.commits())))

    def test_only_the_new_release_is_below_the_series(self):
        self._rebase(a=series.text(l20='theirs'), b=series.text())
        self.assertEqual('made_up 2.0.0',
                         self.rebased.subject(self.rebased.root()))

    def test_merge(self):
        # In the context of the first change, but not next to it.
        results = self._rebase(a=series.text(l12='theirs'), b=series.text())
        self.assertEqual([rebase.THREE_WAY, rebase.APPLIES],
                         [one.how for one in results])
        self.assertEqual(series.text(l10='ours', l12='theirs', l30='ours'),
                         self.rebased.tree.joinpath('a').read_text())

    def test_release_has_it_already(self):
        results = self._rebase(a=series.text(l10='ours'), b=series.text())
        self.assertEqual([rebase.THERE, rebase.APPLIES],
                         [one.how for one in results])
        self.assertEqual(1, len(self.rebased.commits()))

    def test_conflict(self):
        results = self._rebase(a=series.text(l10='theirs'),
                               b=series.text(l10='theirs'))
        self.assertEqual(
            [(rebase.CONFLICTS, ('a',)), (rebase.CONFLICTS, ('b',))],
            [(one.how, one.files) for one in results])
        self.assertEqual('0001-Change-a.patch: conflicts\n    a',
                         str(results[0]))

    def test_person_goes_on_at_the_first_conflict(self):
        self._rebase(a=series.text(l10='theirs'), b=series.text())
        self.assertEqual(
            ['a'], self.rebased.lines('diff', '--name-only',
                                      '--diff-filter=U'))
        self.write(self.rebased, {'a': series.text(l10='both')})
        self.rebased('add', 'a')
        self.rebased('am', '--continue')
        self.assertEqual(series.text(l10='both', l30='ours'),
                         self.rebased.tree.joinpath('a').read_text())
        self.assertEqual(2, len(self.rebased.commits()))

    def test_folder_that_is_not_empty(self):
        self.folder.joinpath('rebased').mkdir()
        self.folder.joinpath('rebased', 'mine').touch()
        self.assertRaises(projects.Problem, self._rebase, a='', b='')

    def test_file_that_is_gone(self):
        results = self._rebase(a=series.text())
        self.assertEqual([False, True], [one.conflicts for one in results])
        self.assertIn('b', str(results[1]))

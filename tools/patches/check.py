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

"""Applies a series, and runs upstream's linters and tests with and without."""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
import pathlib
import textwrap

from tools.patches import git
from tools.patches import lint
from tools.patches import own
from tools.patches import projects
from tools.patches import report
from tools.patches import runner
from tools.patches import sizes
from tools.patches import source
from tools.patches import trailers
from tools import run_tests

OWN = "the series' own tests"
#: What is run for each commit by itself: the tests that it adds or changes, or
#: the whole modules of these, and upstream's tests around the change.
OWN_TESTS = 'own'
NEIGHBOURS = 'neighbours'
EACH = (OWN_TESTS, NEIGHBOURS)


def there(tree: pathlib.Path, names: list[str]) -> list[str]:
    """Return those whose module a tree has.

    :param names: full names of modules, or of classes
    """
    return [name for name in names if any(
        tree.joinpath(*module.split('.')).with_suffix('.py').exists()
        for module in (name, name.rpartition('.')[0]))]


def message_faults(messages: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the commit messages of a series.

    :param messages: each by its subject
    :returns: sentences
    """
    wrong = [f'{subject}: {fault}' for subject, message in messages.items()
             for fault in trailers.faults(message)]
    ids = collections.Counter(map(trailers.change_id, messages.values()))
    return wrong + [f'{change} is the Change-Id of {number} commits.'
                    for change, number in ids.items()
                    if change and number > 1]


class Check:
    """A check of one series.

    :param project: whose series it is
    :param release: which one
    :param patches: its patches
    :param tree: where to make the tree
    """

    def __init__(self, project: projects.Project, release: str,
                 patches: list[pathlib.Path], tree: pathlib.Path) -> None:
        self._project = project
        self._release = release
        self._patches = patches
        self._git = git.Git(tree)
        self._total = run_tests.Count()

    def run(self, each: str | None) -> run_tests.Count:
        """Check the series.

        :param each: one of :data:`EACH` to check each commit by itself, too
        :returns: tests and linters that passed, failed and were skipped
        :raises git.GitError: if a patch does not apply
        """
        source.series(self._git, self._project.name, self._release,
                      self._patches)
        print(f'{len(self._patches)} patches apply to {self._project.name} '
              f'{self._release}.', flush=True)
        self._rules()
        labels = self._labels()
        before = self._release_tests(list(labels))
        if each:
            for commit in self._git.commits():
                self._commit(commit, before if each == NEIGHBOURS else None)
            self._git('checkout', '--quiet', 'series')
        self._series(labels, before, linted=bool(each))
        return self._total

    def _rules(self) -> None:
        commits = self._git.commits()
        measured = [sizes.measure(self._git, self._project.name, commit)
                    for commit in commits]
        print(sizes.table(measured))
        wrong = sizes.faults(measured, self._project.limits) + message_faults(
            {self._git.subject(commit): self._git.message(commit)
             for commit in commits})
        for sentence in wrong:
            print(f'  {sentence} ... FAILED', flush=True)
        self._total.add(run_tests.Count(passed=int(not wrong),
                                        failed=len(wrong)))

    def _labels(self) -> dict[str, str]:
        labels = dict(self._project.labels())
        names = own.modules(self._project.name, self._git.changed(
            self._git.root(), 'series'))
        return labels | {name: OWN for name in names if name not in labels}

    def _release_tests(self, names: list[str]) -> report.Outcomes:
        self._git('checkout', '--quiet', self._git.root())
        outcomes = self._test(there(self._git.tree, names))
        print(f'\n{self._project.name} {self._release}\n'
              f'  tests: {report.count(outcomes.values())}', flush=True)
        self._git('checkout', '--quiet', 'series')
        return outcomes

    def _commit(self, commit: str, before: report.Outcomes | None) -> None:
        print(f'\n{self._git.subject(commit)}', flush=True)
        self._git('checkout', '--quiet', commit)
        self._lint(f'{commit}~')
        if before is None:
            names = own.changed(self._git, self._project.name, commit)
        else:
            names = self._around(commit)
        begins = tuple(f'{name}.' for name in names)
        comparison = self._compare(
            {test: outcome for test, outcome in (before or {}).items()
             if test.startswith(begins)}, self._test(names))
        self._tell(comparison)
        print(f'  tests: {comparison.count()}', flush=True)
        self._total.add(comparison.count())

    def _around(self, commit: str) -> list[str]:
        files = self._git.changed(f'{commit}~', commit)
        # Documentation changes no test.
        if not any(path.startswith(f'{self._project.name}/')
                   for path in files):
            return []
        names = own.modules(self._project.name, files)
        return names + there(self._git.tree, [
            name for name in dict(self._project.labels())
            if name not in names])

    def _series(self, labels: dict[str, str], before: report.Outcomes,
                linted: bool) -> None:
        print('\nThe whole series', flush=True)
        # Each file has been seen as the last commit to change it leaves it.
        if not linted:
            self._lint(self._git.root())
        comparison = self._compare(before, self._test(list(labels)))
        print(f'\n{report.table(comparison, labels)}\n', flush=True)
        self._tell(comparison)
        self._total.add(comparison.count())

    def _compare(self, before: report.Outcomes,
                 after: report.Outcomes) -> report.Comparison:
        removed = self._full_names(self._project.removed)
        return report.Comparison(
            {test: outcome for test, outcome in before.items()
             if test not in removed},
            after, self._full_names(self._project.rewritten))

    def _full_names(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(f'{self._project.name}.tests.{name}'
                         for name in names)

    def _lint(self, old: str) -> None:
        content, said = lint.run(self._git, old, self._project.scripts)
        self._total.add(run_tests.Count(passed=int(content),
                                     failed=int(not content)))
        print(textwrap.indent(said, '  '), flush=True)

    def _test(self, names: list[str]) -> report.Outcomes:
        # As upstream does, with a process for each kind: the harness of one
        # is not that of the other.
        outcomes: dict[str, runner.Outcome] = {}
        for kind in ('unit', 'functional'):
            begin = f'{self._project.name}.tests.{kind}.'
            if chosen := [name for name in names if name.startswith(begin)]:
                outcomes.update(runner.run(
                    self._git.tree, self._project.name, chosen,
                    self._project.env))
        return outcomes

    def _tell(self, comparison: report.Comparison) -> None:
        for test in comparison.broken:
            print(f'  {test} ... FAILED')
            print(textwrap.indent(comparison.after[test].details, '    '))
        for test in comparison.gone:
            print(f'  {test} passed before, and is not run now ... FAILED')
        for test in comparison.known:
            print(f'  {test} fails without the series, too:')
            print(f'    {comparison.after[test].reason}')

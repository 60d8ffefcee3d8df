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

"""Measures a series as its reviewers do: in lines that are added."""

from collections.abc import Iterable
import dataclasses

import prettytable

from tools.patches import git


@dataclasses.dataclass(frozen=True)
class Limits:
    """How many lines may be added.

    :ivar commit: by one commit
    :ivar series: by all commits
    :ivar production: by all commits, to code that is not for tests
    """

    commit: int = 600
    series: int = 1600
    production: int = 350


@dataclasses.dataclass(frozen=True)
class Size:
    """What a commit adds and removes, in lines.

    :ivar subject: of the commit
    :ivar added: lines added in all
    :ivar removed: lines removed in all
    :ivar production: lines added to code that is not for tests
    :ivar tests: lines added to code for tests
    """

    subject: str
    added: int = 0
    removed: int = 0
    production: int = 0
    tests: int = 0

    @property
    def other(self) -> int:
        """Lines added to documentation, samples and release notes."""
        return self.added - self.production - self.tests

    def __add__(self, another: 'Size') -> 'Size':
        """Return the sum, with the subject of the first."""
        return Size(self.subject, *(
            getattr(self, name) + getattr(another, name)
            for name in ('added', 'removed', 'production', 'tests')))


@dataclasses.dataclass(frozen=True)
class Merged:
    """A merged series of Nova of the same kind, as :func:`measure` sees it.

    :ivar name: what it brought
    :ivar commits: its commits
    :ivar added: lines added in all
    :ivar largest: lines added by its largest commit
    :ivar production: lines added to code that is not for tests
    """

    name: str
    commits: tuple[str, ...]
    added: int
    largest: int
    production: int


#: To compare with; :func:`merged_faults` measures them again.
MERGED = (
    Merged('volume-extended', ('bbe0f313bd',), 759, 759, 207),
    Merged('volume-reimaged', (
        'f320e59a8a', '30aab9c234', '6919db5612', '45c5b80fd0'),
        929, 464, 277),
    Merged('nova-manage volume_attachment refresh', (
        'e906a8c0ec', '70040856aa', 'd59188d5e2', 'cfd6c6b76f', '211737d0ce',
        'a8f81d5f08'), 1697, 1252, 496),
    Merged('power-update', ('62f6a0a1bc',), 635, 635, 195),
)


def measure(repository: git.Git, name: str, commit: str) -> Size:
    """Return the size of a commit.

    :param repository: which has it
    :param name: of the project and its package
    """
    size = Size(repository.subject(commit))
    for line in repository.lines(
            'diff', '--numstat', '--no-renames', f'{commit}~', commit):
        added, removed, path = line.split('\t')
        # Binary files have no lines.
        if added == '-':
            continue
        lines = int(added)
        tests = lines if path.startswith(f'{name}/tests/') else 0
        code = path.startswith(f'{name}/') and path.endswith('.py')
        size += Size('', lines, int(removed),
                     lines if code and not tests else 0, tests)
    return size


def faults(sizes: list[Size], limits: Limits) -> list[str]:
    """Return which limits a series exceeds, a sentence each."""
    total = sum(sizes, Size(''))
    measured = [(size.subject, size.added, limits.commit, 'lines')
                for size in sizes]
    measured += [
        ('The series', total.added, limits.series, 'lines'),
        ('The series', total.production, limits.production,
         'lines of production code')]
    return [f'{subject}: adds {added} {what}, {limit} are allowed.'
            for subject, added, limit, what in measured if added > limit]


def merged_faults(nova: git.Git) -> list[str]:
    """Return which of :data:`MERGED` have another size, a sentence each.

    :param nova: a clone of Nova
    :raises git.GitError: if it lacks one of their commits
    """
    wrong = []
    for series in MERGED:
        sizes = [measure(nova, 'nova', commit) for commit in series.commits]
        total = sum(sizes, Size(''))
        measured = (total.added, max(size.added for size in sizes),
                    total.production)
        if measured != (series.added, series.largest, series.production):
            wrong.append('{}: adds {} lines, {} of them in its largest commit '
                         'and {} in production code.'.format(
                             series.name, *measured))
    return wrong


def table(sizes: Iterable[Size]) -> str:
    """Return the sizes commit by commit, beside those of merged series."""
    made = prettytable.PrettyTable(
        ['commit', 'added', 'removed', 'production', 'tests', 'other'],
        align='r')
    made.align['commit'] = 'l'
    measured = list(sizes)
    for size in [*measured, sum(measured, Size('all'))]:
        made.add_row([size.subject, size.added, size.removed,
                      size.production, size.tests, size.other],
                     divider=size is measured[-1])
    compared = prettytable.PrettyTable(
        ['merged series', 'commits', 'added', 'largest commit',
         'production'], align='r')
    compared.align['merged series'] = 'l'
    for series in MERGED:
        compared.add_row([series.name, len(series.commits), series.added,
                          series.largest, series.production])
    return f'{made}\n{compared}'

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

"""Applies a series to another release, and says which patches do not fit."""

import dataclasses
import pathlib

from tools.patches import git
from tools.patches import projects
from tools.patches import source

APPLIES = 'applies'
THERE = 'is in that release already'
THREE_WAY = 'applies by 3-way merge'
CONFLICTS = 'conflicts'
REJECTED = 'does not apply'

#: What git says, and what it means; the first that is found counts.
_SAID = (
    ('Patch already applied', THERE),
    ('Falling back to patching base', THREE_WAY),
    ('Applying: ', APPLIES),
)


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of one patch.

    :ivar patch: its file
    :ivar how: one of the constants of this module
    :ivar files: those in conflict
    :ivar said: what git said, if the patch could not be merged
    """

    patch: str
    how: str
    files: tuple[str, ...] = ()
    said: str = ''

    @property
    def conflicts(self) -> bool:
        """Whether a person has to go on."""
        return self.how in (CONFLICTS, REJECTED)

    def __str__(self) -> str:
        """Return a line for the patch and one for each file."""
        return '\n    '.join([f'{self.patch}: {self.how}', *self.files,
                              *self.said.splitlines()])


def rebase(repository: git.Git, project: projects.Project,
           patches: list[pathlib.Path], old: str, new: str) -> list[Result]:
    """Apply a series to another release.

    The repository has both releases, so that a patch that does not fit can
    be merged. If there are conflicts, it is left at the first of them, as
    ``git am`` leaves it.

    :param repository: where to make the tree
    :param project: whose series it is
    :param patches: the series
    :param old: the release that it is for
    :param new: the release to apply it to
    :returns: what became of each patch
    """
    source.tree(repository, project.name, old)
    repository('checkout', '--quiet', '--orphan', 'rebased')
    source.commit(repository, project.name, new)
    root = repository.root()
    source.install_hook(repository)
    results = [_one(repository, patch) for patch in patches]
    if any(result.conflicts for result in results):
        repository('reset', '--quiet', '--hard', root)
        repository.run('am', '--3way', *map(str, patches))
    return results


def _one(repository: git.Git, patch: pathlib.Path) -> Result:
    done = repository.run('am', '--3way', str(patch))
    if not done.returncode:
        return Result(patch.name, next(
            how for said, how in _SAID if said in done.stdout))
    files = repository.lines('diff', '--name-only', '--diff-filter=U')
    if not files:
        repository('am', '--abort')
        return Result(patch.name, REJECTED, said=done.stdout)
    # With its marks of conflicts, so that the next patches can be tried.
    repository('add', '--all')
    repository('am', '--continue')
    return Result(patch.name, CONFLICTS, tuple(files))

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

"""Writes a series from the commits of a git tree."""

import pathlib
import tempfile

from tools.patches import git
from tools.patches import projects
from tools.patches import trailers


def export(repository: git.Git, folder: pathlib.Path,
           tool: str | None = None,
           person: str | None = None) -> list[pathlib.Path]:
    """Write the commits after the first one, which is the release.

    :param repository: its tree is that of the whole series
    :param folder: where the patches go; those that are there are removed
    :param tool: what wrote them, as ``TOOL [MODEL]``, or None to keep the
        placeholder
    :param person: who signs them off, as ``NAME <ADDRESS>``, or None for
        nobody
    :returns: the patches
    :raises git.GitError: if the patches cannot be made; the old ones stay
    :raises projects.Problem: if a commit is signed off by somebody else, or
        is not fit to be proposed; the old ones stay
    """
    _refuse(repository, tool, person)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        repository(
            'format-patch', '--quiet', '--zero-commit', '--no-signature',
            '--output-directory', made, f'{repository.root()}..HEAD')
        new = sorted(pathlib.Path(made).iterdir())
        for patch in new:
            message, mark, rest = patch.read_text().partition('\n---\n')
            message = trailers.fill(message, tool, person)
            patch.write_text(f'{message.rstrip()}{mark}{rest}')
        for old in folder.glob('*.patch'):
            old.unlink()
        return [patch.rename(folder / patch.name) for patch in new]


def _refuse(repository: git.Git, tool: str | None,
            person: str | None) -> None:
    wrong = [
        f'{repository.subject(commit)}: {fault}'
        for commit in repository.commits()
        for fault in trailers.faults(
            trailers.fill(repository.message(commit), tool, person), person,
            tool or trailers.PLACEHOLDER)]
    if wrong:
        raise projects.Problem('\n'.join(wrong))

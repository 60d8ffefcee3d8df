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


def export(repository: git.Git, folder: pathlib.Path) -> list[pathlib.Path]:
    """Write the commits after the first one, which is the release.

    :param repository: its tree is that of the whole series
    :param folder: where the patches go; those that are there are removed
    :returns: the patches
    :raises git.GitError: if the patches cannot be made; the old ones stay
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        repository(
            'format-patch', '--quiet', '--zero-commit', '--no-signature',
            '--output-directory', made, f'{repository.root()}..HEAD')
        for old in folder.glob('*.patch'):
            old.unlink()
        return [new.rename(folder / new.name)
                for new in sorted(pathlib.Path(made).iterdir())]

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

"""Makes a git tree of a release's source distribution."""

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

from tools.patches import git
from tools.patches import projects

#: What git runs for each new commit message.
HOOK = 'commit-msg'


def cache() -> pathlib.Path:
    """Return the folder for what is downloaded, below the user's cache."""
    base = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    folder = pathlib.Path(base) / 'nova-cinder-failover' / 'patches'
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pip(*words: str) -> None:
    """Run a command of pip.

    :raises projects.Problem: if it fails
    """
    done = subprocess.run(
        [sys.executable, '-m', 'pip', '--quiet',
         '--disable-pip-version-check', *words],
        check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise projects.Problem(f'pip {" ".join(words)}:\n{done.stdout}')


def sdist(name: str, release: str) -> pathlib.Path:
    """Return the source distribution of a release, downloaded once."""
    found = cache() / f'{name}-{release}.tar.gz'
    if not found.exists():
        # What was cut off in the middle must not be found the next time.
        with tempfile.TemporaryDirectory(dir=cache()) as folder:
            pip('download', '--no-deps', '--no-binary', ':all:',
                '--dest', folder, f'{name}=={release}')
            pathlib.Path(folder, found.name).rename(found)
    return found


def tree(repository: git.Git, name: str, release: str) -> None:
    """Make a git repository of which a release is the first commit.

    :param repository: its folder must not be there yet, or be empty
    :raises projects.Problem: if it is not empty
    """
    folder = repository.tree
    if folder.exists() and any(folder.iterdir()):
        raise projects.Problem(f'{folder} is not empty.')
    folder.mkdir(parents=True, exist_ok=True)
    repository('init', '--quiet', '--initial-branch', 'series')
    commit(repository, name, release)


def series(repository: git.Git, name: str, release: str,
           patches: list[pathlib.Path]) -> None:
    """Make the same, and apply a series to it.

    :raises projects.Problem: if the folder is not empty
    :raises git.GitError: if a patch does not apply
    """
    tree(repository, name, release)
    repository('am', '--quiet', *map(str, patches))
    install_hook(repository)


def install_hook(repository: git.Git) -> None:
    """Have new commits of a repository get a Change-Id."""
    shutil.copy(pathlib.Path(__file__).with_name(HOOK),
                repository.tree / '.git' / 'hooks')


def commit(repository: git.Git, name: str, release: str) -> None:
    """Replace what is in a tree by a release, and commit that."""
    for path in repository.tree.iterdir():
        if path.name != '.git':
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with tarfile.open(sdist(name, release)) as archive:
        archive.extractall(repository.tree, filter=_below_root)
    repository('add', '--all', '--force')
    repository('commit', '--quiet', '--message', f'{name} {release}')


def _below_root(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    # All is in one folder, PROJECT-RELEASE.
    name = member.name.partition('/')[2]
    return tarfile.data_filter(member.replace(name=name), path) if name \
        else None

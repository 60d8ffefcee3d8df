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

"""A git repository, by the git command, the same on every machine."""

import os
import pathlib
import subprocess

_CONFIG = {
    'advice.mergeConflict': 'false',
    # It grows with what a repository has, and is a part of patches.
    'core.abbrev': '7',
    'core.editor': 'true',
    'gc.auto': '0',
}
_NAME = 'nova-cinder-failover'
_ENV = {
    'GIT_AUTHOR_NAME': _NAME,
    'GIT_AUTHOR_EMAIL': f'{_NAME}@localhost',
    'GIT_COMMITTER_NAME': _NAME,
    'GIT_COMMITTER_EMAIL': f'{_NAME}@localhost',
    # What a person or a machine has set must make no difference.
    'GIT_CONFIG_GLOBAL': os.devnull,
    'GIT_CONFIG_NOSYSTEM': '1',
    # What git says is read.
    'LC_ALL': 'C.UTF-8',
}


class GitError(Exception):
    """A git command failed; the text is what it said."""


class Git:
    """A repository with its tree.

    :param tree: the folder, which need not be a repository yet
    """

    def __init__(self, tree: pathlib.Path) -> None:
        self.tree = tree

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a git command, which may fail."""
        options = [word for key, value in _CONFIG.items()
                   for word in ('-c', f'{key}={value}')]
        return subprocess.run(
            ['git', *options, *words], cwd=self.tree, check=False,
            env=_env(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors='replace')

    def __call__(self, *words: str) -> str:
        """Run a git command and return what it printed.

        :raises GitError: if it fails
        """
        done = self.run(*words)
        if done.returncode:
            raise GitError(f'git {words[0]} failed:\n{done.stdout}')
        return done.stdout

    def lines(self, *words: str) -> list[str]:
        """Run a git command and return the lines that it printed."""
        return self(*words).splitlines()

    def root(self) -> str:
        """Return the first commit of what is checked out."""
        return self.lines('rev-list', '--max-parents=0', 'HEAD')[-1]

    def commits(self) -> list[str]:
        """Return the commits after the first one, the oldest first."""
        return self.lines('rev-list', '--reverse', f'{self.root()}..HEAD')

    def subject(self, commit: str) -> str:
        """Return the first line of a commit's message."""
        return self('log', '-1', '--format=%s', commit).strip()

    def message(self, commit: str) -> str:
        """Return a commit's message."""
        return self('log', '-1', '--format=%B', commit).strip()

    def changed(self, old: str, new: str) -> list[str]:
        """Return the files that one commit has otherwise than another."""
        return self.lines('diff', '--name-only', '--diff-filter=d', old, new)


def _env() -> dict[str, str]:
    # A git hook, for one, says which repository is meant.
    return {**{key: value for key, value in os.environ.items()
               if not key.startswith('GIT_')}, **_ENV}

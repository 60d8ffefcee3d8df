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

"""An environment that the wheel is tried in, and what pip changes there."""

import os
import pathlib
import re
import subprocess
import sys

DISTRIBUTION = 'nova-cinder-failover'
#: Seconds after which a command has failed.
TIMEOUT = 600


class Failed(Exception):
    """A step did not pass; its text says why."""


class Unsupported(Exception):
    """A release does not support a Python; its text says which."""


class Environment:
    """A virtual environment outside of the checkout.

    :param folder: where it is
    :param constraints: the file that pins what is installed there; without
        one, the newest versions are installed
    """

    def __init__(self, folder: pathlib.Path,
                 constraints: pathlib.Path | None = None) -> None:
        self.folder = folder
        self._pins: list[str | pathlib.Path] = (
            ['--constraint', constraints] if constraints else [])
        self._builds: list[str | pathlib.Path] = (
            ['--build-constraints', constraints] if constraints else [])

    def create(self, python: str) -> None:
        """Make it, with pip.

        :param python: which Python, as ``uv venv --python`` takes it
        :raises Failed: if that cannot be done
        """
        command(['uv', 'venv', '-q', '--seed', '--python', python,
                 self.folder])

    def add(self, *what: str | pathlib.Path) -> None:
        """Install what is there before the wheel, or what tests need.

        :param what: arguments for ``uv pip install``, which takes less time
        :raises Failed: if that cannot be done
        """
        command(['uv', 'pip', 'install', '-q', '--python', self.folder,
                 *self._builds, *self._pins, *what])

    def install(self, wheel: pathlib.Path, extra: str) -> None:
        """Install the wheel as the documentation says.

        :param wheel: the file
        :param extra: ``nova`` or ``cinder``
        :raises Failed: if that cannot be done
        """
        self._pip('install', *self._pins, f'{wheel}[{extra}]')

    def remove(self) -> None:
        """Remove what the wheel has brought, as the documentation says.

        :raises Failed: if that cannot be done
        """
        self._pip('uninstall', '--yes', DISTRIBUTION)

    def freeze(self) -> dict[str, str]:
        """Return what is installed: the lines of ``pip freeze`` by name."""
        lines = self._pip('freeze', '--all').splitlines()
        return {re.split('==| @ ', line)[0].lower(): line for line in lines}

    def call(self, program: str, *arguments: str | pathlib.Path,
             env: dict[str, str] | None = None, code: int = 0) -> str:
        """Run a program of the environment beside it.

        :param program: its name
        :param arguments: what follows it
        :param env: more variables for it
        :param code: the exit code that is right
        :returns: what it printed
        :raises Failed: if it ends with another exit code
        """
        return command([self.folder / 'bin' / program, *arguments],
                       self.folder.parent, env, code)

    def _pip(self, verb: str, *arguments: str | pathlib.Path) -> str:
        return self.call('python', '-m', 'pip', verb, '-q', *arguments)


def replaced(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Say what is not as it was; what was added does not count.

    :param before: the lines of ``pip freeze`` by name
    :param after: the same, later
    :returns: a sentence for each distribution
    """
    return [f'{line} became {after[name]}' if name in after
            else f'{line} was removed'
            for name, line in sorted(before.items())
            if after.get(name) != line]


def check_kept(environment: Environment, wheel: pathlib.Path,
               extra: str) -> None:
    """Install the wheel and remove it; all else has to stay as it was.

    :param environment: one that has the service
    :param wheel: the file
    :param extra: ``nova`` or ``cinder``
    :raises Failed: if something was replaced or removed
    """
    before = environment.freeze()
    environment.install(wheel, extra)
    installed = environment.freeze()
    if changes := replaced(before, installed):
        raise Failed(f'on installation, {"; ".join(changes)}')
    environment.remove()
    removed = environment.freeze()
    del installed[DISTRIBUTION]
    if changes := replaced(installed, removed):
        raise Failed(f'on removal, {"; ".join(changes)}')
    if DISTRIBUTION in removed:
        raise Failed(f'the removal left {removed[DISTRIBUTION]}')


def command(words: list[str | pathlib.Path],
            folder: pathlib.Path | None = None,
            env: dict[str, str] | None = None, code: int = 0) -> str:
    """Run a command that finds nothing of the checkout by its environment.

    :param words: the command
    :param folder: its working directory
    :param env: more variables for it
    :param code: the exit code that is right
    :returns: what it printed
    :raises Failed: if it ends with another exit code
    :raises subprocess.TimeoutExpired: if it does not end
    """
    own = {name: value for name, value in os.environ.items()
           if not name.startswith(('PYTHON', 'OS_', 'TOX', 'VIRTUAL_ENV'))}
    # So that what was printed last also comes last, of either kind.
    own['PYTHONUNBUFFERED'] = '1'
    done = subprocess.run(words, cwd=folder, env=own | (env or {}),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          errors='replace', timeout=TIMEOUT, check=False)
    if done.returncode != code:
        print(done.stdout, file=sys.stderr)
        last = (done.stdout.strip() or 'nothing').splitlines()[-1]
        name = pathlib.Path(words[0]).name
        raise Failed(f'{name} ended with {done.returncode}: {last}')
    return done.stdout.strip()


def expect(text: str, *wanted: str) -> None:
    """See that a program has printed what it should.

    :param text: what it printed
    :param wanted: parts of that
    :raises Failed: if one is missing
    """
    if missing := [part for part in wanted if part not in text]:
        print(text, file=sys.stderr)
        raise Failed(f'{missing[0]} was not printed')

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

"""Runs chosen tests of a tree with stestr, and says what became of each."""

import dataclasses
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import Any

import subunit
import testtools

PASSED = ('success', 'xfail')
SKIPPED = ('skip',)
#: The package of the tree that finds the chosen tests.
_PACKAGE = 'series_tests'
#: What stands for all tests of a run if they cannot be loaded.
LOADING = f'{_PACKAGE}.test_chosen'
#: How stestr finds all there is in a few modules without importing the rest.
#: The package must be that of the tree, for the environment has another one.
#: A class is also what inherits from it.
_FINDER = """\
import importlib
import pathlib
import re
import unittest

from testtools import testsuite

NAME = {name!r}
CHOSEN = {chosen!r}


def is_chosen(test, pattern):
    name = test.id().rpartition('.')[2]
    return any(re.fullmatch(pattern, f'{{one.__name__}}.{{name}}')
               for one in type(test).__mro__)


def load_tests(loader, tests, pattern):
    imported = pathlib.Path(importlib.import_module(NAME).__file__)
    here = pathlib.Path(__file__).resolve().parents[1]
    assert imported.resolve().is_relative_to(here), imported
    return unittest.TestSuite(
        test for module, pattern in CHOSEN
        for test in testsuite.iterate_tests(loader.loadTestsFromName(module))
        if is_chosen(test, pattern))
"""
#: A module, and a class, and a test in it.
_NAME = re.compile(r'(.*?\.test_\w+)(?:\.(\w+))?(?:\.(\w+))?')


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a test.

    :ivar status: as subunit calls it: success, fail, skip and so on
    :ivar details: what it said, if it failed
    """

    status: str
    details: str = ''

    @property
    def passed(self) -> bool:
        """Whether it did what was expected."""
        return self.status in PASSED

    @property
    def reason(self) -> str:
        """The last line of what it said."""
        return self.details.strip().rpartition('\n')[2].strip()

    @property
    def skipped(self) -> bool:
        """Whether it was not run."""
        return self.status in SKIPPED


def run(tree: pathlib.Path, name: str, chosen: list[str],
        env: dict[str, str]) -> dict[str, Outcome]:
    """Run tests of a tree.

    :param tree: where the package is
    :param name: the package
    :param chosen: full names of modules, classes and tests
    :param env: environment variables to be set
    :returns: what became of each test, by its name; if they cannot be loaded
        there is one that has failed
    """
    with tempfile.TemporaryDirectory() as folder:
        _write_finder(tree, name, chosen)
        done = _call(
            [sys.executable, '-m', 'stestr', '--test-path', _PACKAGE,
             '--top-dir', '.', '--repo-url', folder, 'run', '--subunit',
             '--concurrency', str(os.cpu_count() or 1)], tree, env)
    outcomes = read(done.stdout)
    return outcomes or {LOADING: Outcome(
        'fail', (done.stdout + done.stderr).decode(errors='replace'))}


def read(stream: bytes) -> dict[str, Outcome]:
    """Read the subunit stream of a run."""
    found: dict[str, Outcome] = {}

    def add(test: Any) -> None:
        if test['status'] != 'exists':
            found[test['id']] = Outcome(test['status'], '\n'.join(
                content.as_text() for key, content in test['details'].items()
                if key.startswith('traceback')))

    result = testtools.StreamToDict(add)
    result.startTestRun()
    # What is not a part of the stream says why there are no tests.
    subunit.ByteStreamToStreamResult(
        io.BytesIO(stream), non_subunit_name='stdout').run(result)
    result.stopTestRun()
    return found


def _write_finder(tree: pathlib.Path, name: str, chosen: list[str]) -> None:
    package = tree / _PACKAGE
    package.mkdir(exist_ok=True)
    package.joinpath('__init__.py').touch()
    # A tree that is kept may be worked on.
    package.joinpath('.gitignore').write_text('*\n')
    package.joinpath('test_chosen.py').write_text(
        _FINDER.format(name=name, chosen=_patterns(chosen)))


def _patterns(chosen: list[str]) -> list[tuple[str, str]]:
    """Return modules, and what names of tests in them have to match."""
    found: dict[str, list[str]] = {}
    for one in chosen:
        if not (parts := _NAME.fullmatch(one)):
            raise ValueError(f'{one} is no test')
        module, of_class, test = parts.groups()
        # ddt appends the number of the case, and maybe its name.
        name = rf'{test}(_\d+(_\w*)?)?' if test else '.*'
        found.setdefault(module, []).append(
            rf'{of_class or ".*"}\.{name}')
    return [(module, '|'.join(names)) for module, names in found.items()]


def _call(command: list[str], tree: pathlib.Path,
          env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    # PYTHONPATH could name another package before that of the tree.
    clean = {key: value for key, value in os.environ.items()
             if key != 'PYTHONPATH'}
    return subprocess.run(
        command, cwd=tree, check=False, stdin=subprocess.DEVNULL,
        env={**clean, **env, 'PYTHONDONTWRITEBYTECODE': '1'},
        capture_output=True)

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

"""Breaks each step of a recovery in turn and sees whether a test notices.

Usage: ``tox -e mutations``, or ``python -m tools.mutations`` in any
environment that can run the unit tests of ``nova_failover_ext`` and has mypy.
Arguments choose steps by name. Each mutation is made in a copy of the
packages. The last line is the kill ratio; the exit code is 1 if a mutation
went unnoticed, and 2 if one cannot be made any more. See
``doc/source/contributor/mutations.rst``.
"""

import argparse
from concurrent import futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from tools import mutation_catalog

CannotBeMade = mutation_catalog.CannotBeMade
Mutation = mutation_catalog.Mutation
MUTATIONS = mutation_catalog.MUTATIONS

TOP = pathlib.Path(__file__).resolve().parent.parent
COPIED = ('cinder_failover_hooks', 'nova_failover_ext', 'pyproject.toml')
#: Seconds after which tests that a mutation makes hang are taken for failed;
#: many, for a busy machine must not make a mutation look noticed.
HANGS = 1800

_FAILED = re.compile(r'^(?:FAIL|ERROR): (\S+) \((\S+)\)', re.MULTILINE)
_VOID = re.compile(r'^.* error: .*\[(?:attr-defined|name-defined)\]$',
                   re.MULTILINE)


def new_tree(folder: str) -> pathlib.Path:
    """Copy what a mutation needs into a folder."""
    tree = pathlib.Path(folder)
    for name in COPIED:
        if (TOP / name).is_dir():
            shutil.copytree(TOP / name, tree / name,
                            ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy(TOP / name, tree)
    return tree


def first_failure(tree: pathlib.Path, kind: str, part: str) -> str:
    """Run tests until one fails.

    :param tree: what to test
    :param kind: unit or functional
    :param part: the package below them, such as recovery
    :returns: the name of the test that failed, or an empty string
    :raises CannotBeMade: if the tests could not be run
    """
    try:
        run = subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', 'unittest', 'discover',
             '--failfast', '--start-directory',
             f'nova_failover_ext/tests/{kind}/{part}',
             '--top-level-directory', '.'],
            cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, timeout=HANGS)
    except subprocess.TimeoutExpired:
        return f'no end after {HANGS} seconds'
    if not run.returncode:
        return ''
    if not (found := _FAILED.search(run.stdout)):
        raise CannotBeMade(f'The tests could not be run:\n{run.stdout}')
    return found[2].removeprefix('nova_failover_ext.tests.')


def check_names(mutation: Mutation, tree: pathlib.Path) -> None:
    """See that a mutant uses no name that does not exist.

    Such a mutant is void: it breaks because of itself, wherever it stands.

    :raises CannotBeMade: if it does
    """
    run = subprocess.run(
        [sys.executable, '-m', 'mypy', '--cache-dir', os.devnull,
         '--follow-imports', 'silent', mutation.path],
        cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    if wrong := _VOID.search(run.stdout):
        raise CannotBeMade(f'{mutation}: {wrong[0]}')
    if run.returncode not in (0, 1):
        raise CannotBeMade(f'mypy could not be run:\n{run.stdout}')


def caught_by(mutation: Mutation, functional: bool = False) -> str:
    """Make one mutation in a copy of the packages.

    :param mutation: what to do
    :param functional: run the functional tests if the unit tests are silent
    :returns: the test that noticed first, or an empty string
    :raises CannotBeMade: if it does not fit the code, or is void
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = new_tree(folder)
        path = tree / mutation.path
        path.write_text(mutation.mutate(path.read_text()))
        check_names(mutation, tree)
        name = first_failure(tree, 'unit', mutation.tests)
        if not name and functional:
            name = first_failure(tree, 'functional', mutation.tests)
        return name


def check_tests() -> None:
    """See that the tests pass while nothing is broken.

    :raises CannotBeMade: if they do not
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = new_tree(folder)
        for part in sorted({mutation.tests for mutation in MUTATIONS}):
            if name := first_failure(tree, 'unit', part):
                raise CannotBeMade(f'{name} fails without any mutation')


def break_all(mutations: list[Mutation], functional: bool) -> int:
    """Make mutations, as many at a time as there are processors.

    :returns: how many were noticed
    :raises CannotBeMade: if one does not fit the code, or is void
    """
    killed = 0
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutation, name in zip(mutations, pool.map(
                lambda mutation: caught_by(mutation, functional),
                mutations), strict=True):
            killed += bool(name)
            print(f'{mutation}: {name or "NOBODY NOTICES"}', flush=True)
    return killed


def main() -> int:
    """Print who notices what, and the kill ratio.

    :returns: the exit code
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('step', nargs='*', help='only mutations of this step')
    parser.add_argument('--functional', action='store_true',
                        help='ask the functional tests, too, where no unit '
                             'test notices')
    args = parser.parse_args()
    chosen = [mutation for mutation in MUTATIONS
              if not args.step or mutation.step in args.step]
    try:
        # Before anything takes its time.
        for mutation in MUTATIONS:
            mutation.mutate((TOP / mutation.path).read_text())
        check_tests()
        killed = break_all(chosen, args.functional)
    except CannotBeMade as exc:
        print(f'mutations: {exc}', file=sys.stderr)
        return 2
    print(f'{killed} of {len(chosen)} mutations were noticed: '
          f'{killed / max(len(chosen), 1):.0%}')
    return int(killed < len(chosen))


if __name__ == '__main__':
    sys.exit(main())

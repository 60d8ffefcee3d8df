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

"""Print how the packages hang together, and check the size of what is there.

Usage: ``python -m tools.structure``, at the top of the repository. It prints
who imports whom, and exits with 1 if there is a loop, or if a module, a
function or a name is beyond the limits below. ``tox -e pep8`` runs it. Which
imports are allowed is for ``lint-imports`` to say, see ``.importlinter``.
"""

import ast
import collections
from collections.abc import Iterable, Iterator
import copy
import dataclasses
import pathlib
import statistics
import subprocess
import sys

import grimp

#: The packages of the distribution, of which the median is taken.
PRODUCT = ('cinder_failover_hooks', 'nova_failover_ext')
#: Packages whose parts must not import each other in a circle.
WHOLES = (*PRODUCT, 'nova_failover_ext.engine')
#: Lines of one module.
MODULE_LINES = 400
#: Lines of one function, from its def to its end.
FUNCTION_LINES = 50
#: Lines of the median module of the product.
MEDIAN_LINES = 130
#: How many base names may occur more than once outside of tests.
RECURRING = 8
#: Base names that may recur: each package has one, as in all of OpenStack.
COMMON = frozenset({'__init__', 'conf', 'exception'})


@dataclasses.dataclass(frozen=True)
class Module:
    """A Python file.

    :ivar path: below the top of the repository
    :ivar text: its source
    """

    path: pathlib.PurePosixPath
    text: str

    @property
    def lines(self) -> int:
        """Return how many lines it has."""
        return len(self.text.splitlines())

    @property
    def tests(self) -> bool:
        """Return whether it belongs to tests."""
        return 'tests' in self.path.parts

    @property
    def product(self) -> bool:
        """Return whether it is installed with the distribution."""
        return self.path.parts[0] in PRODUCT and not self.tests

    def functions(self) -> Iterator[tuple[str, int]]:
        """Return the name and the lines of each function."""
        for node in ast.walk(ast.parse(self.text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, (node.end_lineno or 0) - node.lineno + 1


def read_modules(top: pathlib.Path) -> list[Module]:
    """Read the Python files that git knows, or would add.

    :param top: the top of the repository
    :raises subprocess.CalledProcessError: if it is none
    """
    names = subprocess.run(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard',
         '*.py'], cwd=top, check=True, stdout=subprocess.PIPE,
        text=True).stdout.split()
    return [Module(pathlib.PurePosixPath(name), (top / name).read_text())
            for name in sorted(set(names)) if (top / name).exists()]


def long_modules(modules: Iterable[Module]) -> dict[str, int]:
    """Return the modules over the limit, with their lines."""
    return {str(module.path): module.lines for module in modules
            if module.lines > MODULE_LINES}


def long_functions(modules: Iterable[Module]) -> dict[str, int]:
    """Return the functions over the limit, with their lines."""
    return {f'{module.path}: {name}': lines for module in modules
            for name, lines in module.functions() if lines > FUNCTION_LINES}


def median_lines(modules: Iterable[Module]) -> float:
    """Return the length of the median module of the product."""
    return statistics.median(
        [module.lines for module in modules if module.product])


def recurring_names(modules: Iterable[Module]) -> dict[str, list[str]]:
    """Return the base names of more than one module outside of tests."""
    places = collections.defaultdict(list)
    for module in modules:
        if not module.tests and module.path.stem not in COMMON:
            places[module.path.stem].append(str(module.path))
    return {name: paths for name, paths in sorted(places.items())
            if len(paths) > 1}


def imports_of_parts(graph: grimp.ImportGraph,
                     whole: str) -> dict[str, list[str]]:
    """Return, for each part of a package, the other parts that it imports.

    :param graph: of all packages; it is not changed
    :param whole: the package, whose tests are left out
    """
    parts = graph.find_children(whole) - {f'{whole}.tests'}
    coarse = copy.deepcopy(graph)
    for part in parts:
        coarse.squash_module(part)
    return {part.rpartition('.')[2]: sorted(
        other.rpartition('.')[2] for other in
        coarse.find_modules_directly_imported_by(part) & parts - {part})
        for part in sorted(parts)}


def print_graph(graph: grimp.ImportGraph) -> list[str]:
    """Print who imports whom.

    :returns: what is wrong with it
    """
    wrong = []
    for whole in WHOLES:
        print(whole)
        for part, others in imports_of_parts(graph, whole).items():
            print(f'    {part:<14}{" ".join(others) or "-"}')
        wrong += [f'A loop: {importer} imports {imported}'
                  for importer, imported
                  in sorted(graph.nominate_cycle_breakers(whole))]
    if not wrong:
        print('no loop between packages')
    return wrong


def print_sizes(modules: list[Module]) -> list[str]:
    """Print the figures that have a limit.

    :returns: those that are beyond it
    """
    wrong = []
    modules_over, functions_over = (
        long_modules(modules), long_functions(modules))
    median, names = median_lines(modules), recurring_names(modules)
    print(f'modules over {MODULE_LINES} lines: {len(modules_over)}')
    for path, lines in modules_over.items():
        print(f'    {lines} {path}')
    wrong += [f'Too long: {path}' for path in modules_over]
    print(f'functions over {FUNCTION_LINES} lines: {len(functions_over)}')
    wrong += [f'Too long: {where}, {lines} lines'
              for where, lines in functions_over.items()]
    print(f'median module of the product: {median:g} lines')
    if median > MEDIAN_LINES:
        wrong.append(f'The median module has over {MEDIAN_LINES} lines')
    print(f'base names that recur outside of tests: {len(names)}')
    for name, paths in names.items():
        print(f'    {name:<14}{" ".join(paths)}')
    if len(names) > RECURRING:
        wrong.append(f'Over {RECURRING} base names recur')
    return wrong


def main() -> int:
    """Print graph and sizes.

    :returns: the exit code, 1 if a limit is passed
    """
    wrong = print_graph(grimp.build_graph(*PRODUCT, cache_dir=None))
    wrong += print_sizes(read_modules(pathlib.Path.cwd()))
    for line in wrong:
        print(f'structure: {line}', file=sys.stderr)
    return int(bool(wrong))


if __name__ == '__main__':
    sys.exit(main())

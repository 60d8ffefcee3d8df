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

"""Finds the tests that a series or a commit adds or changes."""

import ast
import re

from tools.patches import git

_HUNK = re.compile(r'@@ -\S+ \+(\d+)(?:,\d+)? @@')


def modules(name: str, files: list[str]) -> list[str]:
    """Return the test modules among changed files, by their full names.

    :param name: the project and its package
    """
    return [_module(path) for path in _paths(name, files)]


def changed(repository: git.Git, name: str, commit: str) -> list[str]:
    """Return the tests that a commit adds or changes.

    A test that is changed stands for itself. A class of which more is changed
    than tests and new helpers stands for all its tests, and a module of which
    no class is changed, or one without tests, for all that it has.

    :param repository: which has the commit
    :param name: the project and its package
    :returns: full names of modules, classes and tests
    """
    found = []
    for path in _paths(name, repository.changed(f'{commit}~', commit)):
        lines = _added(repository.lines(
            'diff', '-U0', f'{commit}~', commit, '--', path))
        if lines:
            source = repository('show', f'{commit}:{path}')
            found += [f'{_module(path)}{test}'
                      for test in tests(source, lines)]
    return found


def tests(source: str, lines: set[int]) -> list[str]:
    """Return the tests of a module to which some of its lines belong.

    :param source: of the module
    :param lines: their numbers
    :returns: ``.Class.test`` or ``.Class``; or an empty string, for all tests
    """
    found = [name for node in ast.parse(source).body
             if isinstance(node, ast.ClassDef)
             for name in _of_class(node, lines & _lines(node))]
    return [''] if '' in found or not found else found


def _of_class(node: ast.ClassDef, lines: set[int]) -> list[str]:
    methods = [child for child in node.body
               if isinstance(child, ast.FunctionDef)]
    all_tests = [one for one in methods if one.name.startswith('test')]
    # Those that use a new helper are changed, too.
    new = [one for one in methods
           if one.name.startswith('_') and one.lineno in lines]
    # What is set up, or an old helper, may matter to each of them.
    if lines.difference(*map(_lines, [*all_tests, *new])):
        return [f'.{node.name}' if all_tests else '']
    return [f'.{node.name}.{test.name}' for test in all_tests
            if lines & _lines(test)]


def _lines(node: ast.ClassDef | ast.FunctionDef) -> set[int]:
    first = min([node, *node.decorator_list], key=lambda part: part.lineno)
    return set(range(first.lineno, (node.end_lineno or node.lineno) + 1))


def _added(diff: list[str]) -> set[int]:
    # Blank lines between tests belong to none of them.
    found, number = set(), 0
    for line in diff:
        if hunk := _HUNK.match(line):
            number = int(hunk[1])
        elif number and line.startswith('+'):
            if line[1:].strip():
                found.add(number)
            number += 1
    return found


def _paths(name: str, files: list[str]) -> list[str]:
    wanted = re.compile(
        rf'{name}/tests/(unit|functional)/(.*/)?test_\w+\.py')
    return [path for path in files if wanted.fullmatch(path)]


def _module(path: str) -> str:
    return path.removesuffix('.py').replace('/', '.')

#!/usr/bin/env python3
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

"""Makes the files that the plugin and a patch series share.

They are written once, in the plugin. ``patches/PROJECT/shared.toml`` says
which they are and what is different upstream. ``write`` puts them into a git
tree of the series; ``check`` sees that the series of a release has them as
they are made now, and exits with 1 if not. Needs git.
"""

import argparse
from collections.abc import Iterator
import difflib
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib
from typing import Any

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
PATCHES = CHECKOUT / 'patches'

_IMPORT = re.compile(r'(?:from (\S+) )?import (\S+)')


class PortError(Exception):
    """What shared.toml asks for cannot be done."""


def files(table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each shared file's path in the plugin and in the series.

    :param table: what shared.toml says
    """
    for folder in table['folder']:
        for name in folder['files']:
            yield (f'{folder["source"]}/{name}.py',
                   f'{folder["target"]}/{name}.py')
    yield from table.get('renamed', {}).items()


def port(text: str, target: str, table: dict[str, Any]) -> str:
    """Return a file as the series has it, its imports not yet sorted.

    :param text: as the plugin has it
    :param target: its path in the series
    :param table: what shared.toml says
    :raises PortError: if a change finds nothing to change, or if a word is
        left that must not be
    """
    for old, new in table['words']:
        text = text.replace(old, new)
    for change in table['change']:
        if change['file'] == target:
            text = _changed(text, change)
    left = [word for word in table['forbidden'] if word in text]
    if left:
        raise PortError(f'{target}: still has {", ".join(left)}')
    return text


def _changed(text: str, change: dict[str, Any]) -> str:
    old = change.get('old')
    if old is None:
        start = text.find(change['from'])
        end = text.find(change['to'], start)
        old = text[start:end] if 0 <= start < end else ''
    if not old or old not in text:
        wanted = change.get('old') or change['from']
        raise PortError(f'{change["file"]}: {wanted!r} is not there')
    return text.replace(old, change['new'], 1)


def sort_imports(text: str, project: str) -> str:
    """Return a module with its imports in the order that hacking wants.

    :param text: it has one import on each line
    :param project: whose modules come last
    """
    lines = text.splitlines()
    places = [number for number, line in enumerate(lines)
              if _IMPORT.match(line)]
    if not places:
        return text
    first, last = places[0], places[-1] + 1
    found = sorted(filter(_IMPORT.match, lines[first:last]), key=_whole)
    groups = [[line for line in found if _group(line, project) == number]
              for number in range(3)]
    block = '\n\n'.join('\n'.join(group) for group in groups if group)
    return '\n'.join([*lines[:first], block, *lines[last:], ''])


def _whole(line: str) -> str:
    module, name = _IMPORT.match(line).groups()  # type: ignore[union-attr]
    return f'{module}.{name}'.lower() if module else name.lower()


def _group(line: str, project: str) -> int:
    package = _whole(line).split('.')[0]
    if package in sys.stdlib_module_names:
        return 0
    return 2 if package == project else 1


def made(project: str) -> dict[str, str]:
    """Return every shared file by its path in the series."""
    with (PATCHES / project / 'shared.toml').open('rb') as source:
        table = tomllib.load(source)
    return {target: sort_imports(
        port((CHECKOUT / path).read_text(), target, table), project)
        for path, target in files(table)}


def patched(series: pathlib.Path, wanted: list[str]) -> dict[str, str]:
    """Return shared files as a series makes them.

    :param series: the folder with its patches
    :param wanted: paths that the series creates
    :raises subprocess.CalledProcessError: if a patch does not apply
    """
    with tempfile.TemporaryDirectory() as folder:
        only = [f'--include={path}' for path in wanted]
        for patch in sorted(series.glob('*.patch')):
            subprocess.run(['git', 'apply', *only, str(patch)], cwd=folder,
                           check=True)
        return {path: (pathlib.Path(folder) / path).read_text()
                for path in wanted if (pathlib.Path(folder) / path).exists()}


def write(project: str, tree: pathlib.Path) -> int:
    """Put the shared files into a tree."""
    for path, text in made(project).items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    return 0


def check(project: str) -> int:
    """See that each release's series has the shared files, as made now."""
    wanted, differing = made(project), 0
    releases = sorted(path for path in PATCHES.joinpath(project).iterdir()
                      if path.is_dir())
    if not releases:
        raise PortError(f'there is no series for {project}')
    for series in releases:
        found = patched(series, list(wanted))
        for path, text in wanted.items():
            lines = list(difflib.unified_diff(
                found.get(path, '').splitlines(True), text.splitlines(True),
                f'{series.name}/{path}', 'as the plugin has it'))
            differing += bool(lines)
            sys.stdout.writelines(lines)
    print(f'{project}: {len(wanted)} shared files, {differing} differ')
    return int(bool(differing))


def main() -> int:
    """Do what is asked for.

    :returns: the exit code
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('command', choices=('check', 'write'))
    parser.add_argument('project', choices=sorted(
        path.parent.name for path in PATCHES.glob('*/shared.toml')))
    parser.add_argument('--tree', type=pathlib.Path,
                        help='the git tree to write to')
    asked = parser.parse_args()
    if (asked.command == 'write') != bool(asked.tree):
        parser.error('write, and only write, needs --tree')
    try:
        if asked.command == 'write':
            return write(asked.project, asked.tree)
        return check(asked.project)
    except (OSError, PortError, subprocess.CalledProcessError) as error:
        sys.exit(f'port: {error}')


if __name__ == '__main__':
    sys.exit(main())

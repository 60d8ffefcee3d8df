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

"""Checks, rebases and writes the patch series in ``patches/``.

Usage: ``python -m tools.patches check|rebase|export nova|cinder``, in the tox
environments ``patches-nova`` and ``patches-cinder``; the exit code is 0 if
all went well, 1 if something failed or conflicts, and 2 for wrong arguments.
"""

import argparse
import pathlib
import sys
import tempfile

from tools.patches import check
from tools.patches import export
from tools.patches import git
from tools.patches import projects
from tools.patches import rebase
from tools.patches import source


def _check(options: argparse.Namespace) -> int:
    project = projects.PROJECTS[options.project]
    release, patches = project.patches(options.release)
    with tempfile.TemporaryDirectory() as folder:
        tree = options.tree or pathlib.Path(folder, 'tree')
        total = check.Check(project, release, patches, tree).run(
            options.each_commit)
    print(total)
    return int(bool(total.failed))


def _rebase(options: argparse.Namespace) -> int:
    project = projects.PROJECTS[options.project]
    old, patches = project.patches(options.series)
    tree = options.tree or source.cache() / (
        f'rebase-{project.name}-{options.release}')
    results = rebase.rebase(git.Git(tree), project, patches, old,
                            options.release)
    print(*results, sep='\n')
    bad = [result for result in results if result.conflicts]
    print(f'{len(results) - len(bad)} of {len(results)} patches apply to '
          f'{project.name} {options.release}; the tree is in {tree}')
    return int(bool(bad))


def _export(options: argparse.Namespace) -> int:
    project = projects.PROJECTS[options.project]
    release = options.release or project.patches(None)[0]
    print(*export.export(git.Git(options.tree), project.folder(release)),
          sep='\n')
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m tools.patches', description=__doc__.split('\n')[0])
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    for name, call, text in (
            ('check', _check, 'run linters and tests with the series'),
            ('rebase', _rebase, 'apply the series to another release'),
            ('export', _export, 'write the series from a git tree')):
        command = commands.add_parser(name, help=text)
        command.set_defaults(call=call)
        command.add_argument('project', choices=sorted(projects.PROJECTS))
        command.add_argument(
            '--release', required=name == 'rebase',
            help='the release to apply it to' if name == 'rebase' else
            'the release that the series is for; the newest by default')
        command.add_argument(
            '--tree', type=pathlib.Path, required=name == 'export',
            help='the git tree' if name == 'export' else
            'where to make the git tree, to keep it')
        if name == 'check':
            command.add_argument('--each-commit', action='store_true',
                                 help='check each commit by itself, too')
        if name == 'rebase':
            command.add_argument(
                '--series', metavar='RELEASE',
                help='the release that the series is for; the newest by '
                     'default')
    return parser


def main() -> int:
    """Do what the command line says.

    :returns: the exit code
    """
    options = _parser().parse_args()
    try:
        return options.call(options)
    except (git.GitError, projects.Problem) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())

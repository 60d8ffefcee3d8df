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

Usage: ``python -m tools.patches check|sizes|rebase|export nova|cinder``, in
the tox environments ``patches-nova`` and ``patches-cinder``; the exit code is
0 if all went well, 1 if something failed or conflicts, and 2 for wrong
arguments.
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
from tools.patches import sizes
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
    folder = options.output
    if not folder:
        if options.tool or options.person:
            raise projects.Problem(
                'What is proposed is not a part of this repository: '
                '--generated-by and --signed-off-by need --output.')
        folder = project.folder(
            options.release or project.patches(None)[0])
    print(*export.export(git.Git(options.tree), folder, options.tool,
                         options.person), sep='\n')
    return 0


def _sizes(options: argparse.Namespace) -> int:
    project = projects.PROJECTS[options.project]
    release, patches = project.patches(options.release)
    with tempfile.TemporaryDirectory() as folder:
        repository = git.Git(options.tree or pathlib.Path(folder, 'tree'))
        source.series(repository, project.name, release, patches)
        measured = [sizes.measure(repository, project.name, commit)
                    for commit in repository.commits()]
    print(sizes.table(measured))
    wrong = sizes.faults(measured, project.limits)
    if options.merged:
        wrong += sizes.merged_faults(git.Git(options.merged))
    print(*wrong, sep='\n', end='\n' if wrong else '')
    return int(bool(wrong))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m tools.patches', description=__doc__.split('\n')[0])
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    for name, call, text in (
            ('check', _check, 'run linters and tests with the series'),
            ('rebase', _rebase, 'apply the series to another release'),
            ('sizes', _sizes, 'print how many lines each commit adds'),
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
            command.add_argument(
                '--each-commit', nargs='?', choices=check.EACH,
                const=check.OWN_TESTS, help='check each commit by itself, '
                'too, with the tests that it changes (the default), or with '
                "upstream's tests around the change, before and after")
        if name == 'sizes':
            command.add_argument(
                '--merged', type=pathlib.Path, metavar='CLONE',
                help='a clone of Nova, to measure the merged series again')
        if name == 'export':
            command.add_argument(
                '--output', type=pathlib.Path,
                help='where the patches go, to be proposed from there')
            command.add_argument(
                '--generated-by', dest='tool', metavar='"TOOL [MODEL]"',
                help='what wrote them, for the trailer Generated-By')
            command.add_argument(
                '--signed-off-by', dest='person', metavar='"NAME <ADDRESS>"',
                help='who proposes them')
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

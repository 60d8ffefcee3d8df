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

"""Runs the linters that upstream has in its ``.pre-commit-config.yaml``.

pre-commit takes them from git repositories. Here each is taken, in the same
version, from the package index, and pre-commit is told to run that.
"""

import dataclasses
import hashlib
import os
import pathlib
import subprocess
import sys
from typing import Any

import yaml

from tools.patches import git
from tools.patches import projects
from tools.patches import source

CONFIG = '.pre-commit-config.yaml'


@dataclasses.dataclass(frozen=True)
class Hook:
    """A linter, as its repository describes it for pre-commit.

    :ivar module: what ``python -m`` runs, if it is a program
    :ivar package: the distribution that has it
    :ivar settings: more of pre-commit's settings
    """

    module: str = ''
    package: str = ''
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


def _common(name: str, *types: str) -> Hook:
    return Hook(f'pre_commit_hooks.{name}', 'pre-commit-hooks',
                {'types': list(types or ('text',))})


HOOKS = {
    'autopep8': Hook('autopep8', 'autopep8',
                     {'args': ['--in-place'], 'types': ['python']}),
    'check-added-large-files': _common('check_added_large_files', 'file'),
    'check-case-conflict': _common('check_case_conflict', 'file'),
    'check-docstring-first': _common('check_docstring_first', 'python'),
    'check-executables-have-shebangs': _common(
        'check_executables_have_shebangs', 'text', 'executable'),
    'check-json': _common('check_json', 'json'),
    'check-merge-conflict': _common('check_merge_conflict'),
    'check-shebang-scripts-are-executable': _common(
        'check_shebang_scripts_are_executable'),
    'check-yaml': _common('check_yaml', 'yaml'),
    'codespell': Hook('codespell_lib', 'codespell', {'types': ['text']}),
    'debug-statements': _common('debug_statement_hook', 'python'),
    'detect-private-key': _common('detect_private_key'),
    'doc8': Hook('doc8', 'doc8', {'files': r'\.rst$'}),
    'fix-byte-order-marker': _common('fix_byte_order_marker'),
    'hacking': Hook('flake8', 'hacking', {'types': ['python']}),
    'mixed-line-ending': _common('mixed_line_ending'),
    # Its distribution is not on the index.
    'remove-tabs': Hook(settings={
        'language': 'pygrep', 'entry': '\t', 'types': ['text']}),
    'sphinx-lint': Hook('sphinxlint', 'sphinx-lint', {'types': ['rst']}),
    'trailing-whitespace': _common('trailing_whitespace_fixer'),
}


def translate(config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return pre-commit's configuration for installed linters.

    :param config: upstream's configuration
    :returns: ours, and the requirements to be installed
    :raises projects.Problem: if a linter is not in :data:`HOOKS`
    """
    hooks, needed = [], set()
    for repository in config['repos']:
        for upstream in repository['hooks']:
            if not (ours := HOOKS.get(upstream['id'])):
                raise projects.Problem(
                    f'{CONFIG} has {upstream["id"]}, tools/patches/lint.py '
                    'does not know how to run it.')
            if ours.package:
                needed.add(f'{ours.package}=={repository["rev"].lstrip("v")}')
                needed.update(upstream.get('additional_dependencies', ()))
            hooks.append({
                'entry': f'{sys.executable} -m {ours.module}',
                'language': 'system', **ours.settings, **upstream,
                'name': upstream['id'], 'additional_dependencies': [],
                'require_serial': True})
    return {'repos': [{'repo': 'local', 'hooks': hooks}]}, sorted(needed)


def generated(script: str) -> dict[str, Any]:
    """Return a linter that complains if a script changes what it writes."""
    return {'id': script, 'name': script, 'language': 'system',
            'entry': f'{sys.executable} {script}', 'always_run': True,
            'pass_filenames': False}


def run(repository: git.Git, old: str,
        scripts: tuple[str, ...] = ()) -> tuple[bool, str]:
    """Run the linters on what has changed since a commit.

    :param repository: with the tree
    :param old: the commit
    :param scripts: those that write files which are a part of the tree
    :returns: whether they are content, and what they said
    """
    config, needed = translate(yaml.safe_load(
        repository.tree.joinpath(CONFIG).read_text()))
    config['repos'][0]['hooks'] += map(generated, scripts)
    folder = _install(needed)
    written = folder / 'config.yaml'
    written.write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, '-m', 'pre_commit', 'run', '--color', 'never',
         '--show-diff-on-failure', '--config', str(written),
         '--files', *repository.changed(old, 'HEAD')],
        cwd=repository.tree, check=False, stdin=subprocess.DEVNULL,
        env=dict(os.environ, PRE_COMMIT_HOME=str(folder),
                 PYTHONPATH=f'{folder}:{repository.tree}'),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # Some of them mend what they complain about.
    repository('checkout', '--quiet', '--force', 'HEAD')
    return done.returncode == 0, done.stdout


def _install(needed: list[str]) -> pathlib.Path:
    # Apart from the environment, whose constraints have other versions.
    digest = hashlib.sha256('\n'.join([sys.version, *needed]).encode())
    folder = source.cache() / f'linters-{digest.hexdigest()[:12]}'
    complete = folder / 'complete'
    folder.mkdir(exist_ok=True)
    if needed and not complete.exists():
        source.pip('install', '--upgrade', '--target', str(folder), *needed)
        complete.touch()
    return folder

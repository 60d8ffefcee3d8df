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

import pathlib
import sys

import fixtures
from oslotest import base

from tools.patches import git
from tools.patches import lint
from tools.patches import projects

CONFIG = {'repos': [
    {'repo': 'https://opendev.org/openstack/hacking', 'rev': '8.1.0',
     'hooks': [{'id': 'hacking', 'exclude': '^doc/.*$',
                'additional_dependencies': ['flake8-import-order~=0.19.2']}]},
    {'repo': 'https://github.com/codespell-project/codespell',
     'rev': 'v2.4.1',
     'hooks': [{'id': 'codespell', 'args': ['--ignore-words=words.txt']}]},
    {'repo': 'https://github.com/Lucas-C/pre-commit-hooks', 'rev': 'v1.5.6',
     'hooks': [{'id': 'remove-tabs'}]},
]}


class TestTranslate(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.config, self.needed = lint.translate(CONFIG)
        (repository,) = self.config['repos']
        self.hooks = {hook['id']: hook for hook in repository['hooks']}

    def test_versions_are_upstreams(self):
        self.assertEqual(['codespell==2.4.1', 'flake8-import-order~=0.19.2',
                          'hacking==8.1.0'], self.needed)

    def test_settings_are_upstreams(self):
        self.assertEqual('^doc/.*$', self.hooks['hacking']['exclude'])
        self.assertEqual(['--ignore-words=words.txt'],
                         self.hooks['codespell']['args'])

    def test_what_is_run(self):
        self.assertEqual(f'{sys.executable} -m flake8',
                         self.hooks['hacking']['entry'])
        self.assertEqual(['python'], self.hooks['hacking']['types'])

    def test_nothing_is_fetched_from_git(self):
        self.assertEqual({'system', 'pygrep'}, {
            hook['language'] for hook in self.hooks.values()})

    def test_not_on_the_index(self):
        self.assertEqual('\t', self.hooks['remove-tabs']['entry'])

    def test_none_is_forgotten(self):
        config = {'repos': [{'repo': 'somewhere', 'rev': '1',
                             'hooks': [{'id': 'new'}]}]}
        self.assertRaises(projects.Problem, lint.translate, config)


class TestRun(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.repository = git.Git(
            pathlib.Path(self.useFixture(fixtures.TempDir()).path))
        self.repository('init')
        self._commit(**{lint.CONFIG: """repos:
- repo: https://github.com/Lucas-C/pre-commit-hooks
  rev: v1.5.6
  hooks: [{id: remove-tabs}]
""", 'list.py': 'open("list", "a").write("")', 'bad': 'a\tb'})
        self.useFixture(fixtures.EnvironmentVariable(
            'XDG_CACHE_HOME', self.useFixture(fixtures.TempDir()).path))

    def _commit(self, **files):
        for name, text in files.items():
            self.repository.tree.joinpath(name).write_text(text)
        self.repository('add', '.')
        self.repository('commit', '--message', 'It')

    def _run(self, *scripts):
        return lint.run(self.repository, 'HEAD~', scripts)

    def test_only_what_has_changed(self):
        self._commit(good='ab')
        content, said = self._run()
        self.assertTrue(content, said)

    def test_complaint(self):
        self._commit(worse='c\td')
        content, said = self._run()
        self.assertFalse(content)
        self.assertIn('worse:1:c\td', said)
        self.assertNotIn('bad:', said)

    def test_what_a_script_writes_is_there(self):
        self._commit(list='')
        content, said = self._run('list.py')
        self.assertTrue(content, said)

    def test_what_a_script_writes_has_changed(self):
        self._commit(list='', **{'list.py': 'open("list", "a").write("new")'})
        content, said = self._run('list.py')
        self.assertFalse(content)
        self.assertIn('+new', said)
        self.assertEqual('', self.repository('status', '--short'))

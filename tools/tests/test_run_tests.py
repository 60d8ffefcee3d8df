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
import shutil
import subprocess
from unittest import mock
import venv

import fixtures
from oslotest import base

from tools import run_tests


def _run(command, **_kwargs):
    # The real venv, without the pip that would cost most of the time.
    if 'venv' in command:
        venv.create(command[-1], with_pip=False)
    return subprocess.CompletedProcess(command, 0)


class TestPrepare(base.BaseTestCase):
    """A clone in which somebody else's tox has run before."""

    def setUp(self):
        super().setUp()
        self.clone = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.redirect = self.clone / '.venv'
        self.redirect.write_text('.tox/py3-nova\n')
        self.venv = self.clone / run_tests.VENV.relative_to(
            run_tests.CHECKOUT)
        self.useFixture(fixtures.MonkeyPatch(
            'tools.run_tests.VENV', self.venv))

    def _prepare(self):
        with mock.patch.object(run_tests.subprocess, 'run', autospec=True,
                               side_effect=_run) as run:
            run_tests.prepare()
        return run.call_args_list

    def test_redirect_of_tox_is_left_alone(self):
        self._prepare()
        self.assertEqual('.tox/py3-nova\n', self.redirect.read_text())
        self.assertTrue((self.venv / 'bin' / 'python').exists())

    def test_second_time_there_is_nothing_to_do(self):
        self.assertEqual(2, len(self._prepare()))
        self.assertEqual([], self._prepare())

    def test_git_sees_neither(self):
        self._prepare()
        shutil.copy(run_tests.CHECKOUT / '.gitignore', self.clone)
        for words in (['init', '-q'], ['add', '.gitignore']):
            subprocess.run(['git', *words], cwd=self.clone, check=True)
        seen = subprocess.run(
            ['git', 'ls-files', '--others', '--exclude-standard'],
            cwd=self.clone, check=True, stdout=subprocess.PIPE, text=True)
        self.assertEqual('', seen.stdout)

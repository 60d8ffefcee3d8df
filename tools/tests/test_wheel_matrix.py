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

"""What the wheel matrix says is what it has seen."""

import contextlib
import io
import os
import pathlib
import sys
from unittest import mock

import fixtures
from oslotest import base
import testtools

from tools import wheel_environment
from tools import wheel_matrix as matrix
from tools import wheel_page


class TestCommand(base.BaseTestCase):

    def run_python(self, source, **kwargs):
        with contextlib.redirect_stderr(io.StringIO()):
            return wheel_environment.command(
                [sys.executable, '-c', source], **kwargs)

    def test_output(self):
        self.assertEqual('seen', self.run_python('print("seen")'))

    def test_wrong_exit_code(self):
        """The last line of a program says why it has failed."""
        error = self.assertRaises(
            wheel_environment.Failed, self.run_python,
            'import sys; print("first"); sys.exit("the reason")')
        self.assertIn('ended with 1: the reason', str(error))
        with testtools.ExpectedException(wheel_environment.Failed):
            self.run_python('', code=3)
        self.assertEqual('', self.run_python('raise SystemExit(3)', code=3))

    def test_nothing_of_the_checkout(self):
        """What would let a program import from here is taken away."""
        source = 'import os; print(os.environ.get("PYTHONPATH"))'
        with mock.patch.dict(os.environ, {'PYTHONPATH': '/work'}):
            self.assertEqual('None', self.run_python(source))
            self.assertEqual('/x', self.run_python(
                source, env={'PYTHONPATH': '/x'}))

    def test_expect(self):
        wheel_environment.expect('plan recover', 'plan', 'recover')
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertRaises(
                wheel_environment.Failed, wheel_environment.expect,
                'plan', 'plan', 'recover')


class TestTrial(base.BaseTestCase):

    def run_trial(self, **effects):
        steps = {'install': 'install', 'import': 'import_all',
                 'start': 'start', 'smoke': 'smoke',
                 'constraints': 'keep_pinned', 'newest': 'keep_newest'}
        patches = [mock.patch.object(matrix.Trial, method, autospec=True,
                                     side_effect=effects.get(name))
                   for name, method in steps.items()]
        trial = matrix.Trial(wheel_page.RELEASES[0], '3.11',
                             pathlib.Path('ours-1.0-py3-none-any.whl'),
                             mock.MagicMock())
        with contextlib.ExitStack() as stack:
            for patch in patches:
                stack.enter_context(patch)
            return trial.run()

    def assert_row(self, results, reasons, row):
        self.assertEqual((['1.0', *results.split()], reasons),
                         (row.cells(matrix.COLUMNS)[4:], row.reasons))

    def test_passed(self):
        self.assert_row('passed ' * 6, [], self.run_trial())

    def test_later_steps_are_tried(self):
        self.assert_row(
            'passed passed FAILED passed passed passed',
            ['start: no options'],
            self.run_trial(start=wheel_environment.Failed('no options')))

    def test_replaced_package(self):
        self.assert_row(
            'passed passed passed passed passed FAILED',
            ['newest: on installation, a==2 became a==1'],
            self.run_trial(newest=wheel_environment.Failed(
                'on installation, a==2 became a==1')))

    def test_python_that_is_not_supported(self):
        """Is no failure, and no row."""
        self.assertRaises(
            wheel_environment.Unsupported, self.run_trial,
            install=wheel_environment.Unsupported('nova-31 does not'))

    def test_support_by_the_classifiers(self):
        trial = matrix.Trial(wheel_page.RELEASES[0], '3.11',
                             pathlib.Path('ours-1.0-py3-none-any.whl'),
                             mock.MagicMock())
        trial.row.python = '3.1.2'
        with mock.patch.object(matrix.Trial, '_call', autospec=True) as call:
            call.return_value = 'Programming Language :: Python :: 3.11'
            self.assertRaises(wheel_environment.Unsupported,
                              trial._see_support)
            trial.row.python = '3.11.7'
            trial._see_support()

    def test_nothing_without_an_environment(self):
        self.assert_row(
            'FAILED - - - - -', ['install: no network'],
            self.run_trial(install=wheel_environment.Failed('no network')))


class TestPage(base.BaseTestCase):

    def test_failures_are_told(self):
        row = wheel_page.Row(wheel_page.RELEASES[0], '31.0.0', '3.11.7', '1.0',
                             {'install': 'FAILED'}, ['install: ' + 'x' * 200])
        text = wheel_page.page([row], ' --python 3.11')
        self.assertIn('tox -e wheels -- --write --python 3.11\n', text)
        self.assertIn('* Nova 31.0.0 2025.1 3.11.7 1.0::\n', text)
        self.assertIn('install: ' + 'x' * 200,
                      ''.join(line.strip() if 'xx' in line else line
                              for line in text.splitlines()))
        self.assertEqual([], [line for line in text.splitlines()
                              if len(line) > 79])

    def test_rows_of_several_runs(self):
        """The last of a kind counts; releases and Pythons are in order."""
        path = pathlib.Path(
            self.useFixture(fixtures.TempDir()).join('rows.jsonl'))
        first, second = wheel_page.RELEASES[:2]
        rows = [wheel_page.Row(release, '1.0', python, '1.0', {
            'install': result}, reasons) for release, python, result, reasons
            in ((second, '3.12.1', 'passed', []),
                (first, '3.12.1', 'passed', []),
                (first, '3.9.18', 'FAILED', ['install: why']),
                (first, '3.9.20', 'passed', []))]
        for row in rows:
            wheel_page.remember(row, path)
        self.assertEqual([rows[3], rows[1], rows[0]],
                         wheel_page.remembered(path))

    def test_page_in_the_documentation(self):
        """It has every release, and names what did not pass."""
        text = matrix.PAGE.read_text()
        for release in wheel_page.RELEASES:
            self.assertRegex(text, rf'(?m)^{release.service.capitalize()} +'
                                   rf'{release.number}\.')
        self.assertEqual('FAILED' in text, 'What did not pass:' in text)


class TestReleases(base.BaseTestCase):

    def test_constraints(self):
        """Each release has a file, which pins that release."""
        for release in wheel_page.RELEASES:
            self.assertIn(f'\n{release.service}=={release.number}.',
                          release.constraints.read_text())

    def test_smoke(self):
        """The tests are there, and in the wheel."""
        for side, tests in matrix.SMOKE.items():
            for name in tests:
                self.assertTrue(name.startswith(matrix.PACKAGES[side]))
                module, _, method = name.rsplit('.', 2)
                path = matrix.CHECKOUT / (module.replace('.', '/') + '.py')
                self.assertIn(f'def {method}(', path.read_text())

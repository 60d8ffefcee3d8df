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

"""plan, recover and status as an operator types them, over fake truth."""

import io
import sys
from unittest import mock

import ddt
import fixtures
import testtools

from nova_failover_ext.api import cell_problem
from nova_failover_ext.cli import main
from nova_failover_ext import exception
from nova_failover_ext import startup
from nova_failover_ext.tests.unit.cli import test_commands


@ddt.ddt
class ErrorsTest(test_commands.CommandsTestCase):
    """What can go wrong with each command."""

    @ddt.data(
        exception.BackendNotFound(backend='b', known='c'),
        exception.CinderUnavailable(reason='x'),
        exception.DatabaseUnavailable(reason='x'))
    def test_wrong_use(self, error):
        self.read.side_effect = error
        self.backend.side_effect = error
        for name in ('plan', 'recover', 'status'):
            self.stderr.truncate(self.stderr.seek(0))
            code, out, err = self._run(name, 'b')
            self.assertEqual((3, '', '%s\n' % error), (code, out, err))
        self.engine.recover.assert_not_called()

    def test_configuration(self):
        error = exception.ConfigurationInvalid(reason='x')
        self.configure.side_effect = error
        self.assertEqual((3, '', '%s\n' % error), self._run('plan', 'b'))
        startup.choose_threads.side_effect = error
        self.stderr.truncate(self.stderr.seek(0))
        self.assertEqual((3, '', '%s\n' % error), self._run('plan', 'b'))

    def test_debug_has_the_traceback(self):
        self.read.side_effect = exception.CinderUnavailable(reason='x')
        code, _out, err = self._run('--debug', 'plan', 'b')
        self.assertEqual(1, code)
        self.assertIn('Traceback', err)

    def test_an_unexpected_error_is_one_line(self):
        self.read.side_effect = KeyError('x')
        code, _out, err = self._run('plan', 'b')
        self.assertEqual(1, code)
        self.assertEqual(1, len(err.splitlines()))

    def test_a_cell_is_down(self):
        self.read.return_value = test_commands.records(
            problems=(cell_problem.CellProblem('cell1', 'gone'),))
        code, _out, err = self._run('plan', 'b')
        self.assertEqual(
            (3, 'The Nova database cannot be read: gone.\n'), (code, err))
        self.cells.return_value = [object(), object()]
        code, _out, err = self._run('plan', 'b')
        self.assertEqual(0, code)
        self.assertIn('cell cell1 are missing here: gone', err)

    def test_no_arguments(self):
        self.assertRaises(SystemExit, self._run)
        self.assertIn('usage:', self.stdout.getvalue())

    def test_no_command(self):
        for option in ('--config-file', '--config-dir'):
            self.stdout.truncate(self.stdout.seek(0))
            self.assertFalse(self.assertRaises(
                SystemExit, self._run, option, '/nowhere').code)
            self.assertIn('usage:', self.stdout.getvalue())
        self._assert_nothing_was_read()

    @ddt.data((['nonsense'], 'nonsense'), (['plan', '--nonsense'], 'usage:'),
              (['recover'], 'Name a BACKEND'),
              (['pause', '--reason', ' '], 'a pause needs a reason'),
              (['status', '--state', 'well'], 'usage:'),
              (['check', '--host-timeout', '-5'], 'not positive'))
    @ddt.unpack
    def test_usage_errors_need_no_configuration(self, arguments, expected):
        try:
            code = main.main(['--config-file', '/nowhere', *arguments])
        except SystemExit as exc:
            code = exc.code
        self.assertEqual(2, code)
        self.assertIn(expected,
                      self.stdout.getvalue() + self.stderr.getvalue())
        self._assert_nothing_was_read()

    def test_help_needs_no_configuration(self):
        self._run('--config-file', '/nowhere', 'plan', '--help')
        self._assert_nothing_was_read()

    def _assert_nothing_was_read(self):
        startup.choose_threads.assert_not_called()
        self.configure.assert_not_called()

    @ddt.data('check', 'plan', 'recover', 'status', 'history', 'report')
    def test_help(self, name):
        code, text, _err = self._run(name, '--help')
        self.assertEqual(0, code)
        for word in ('Change', 'Needs', 'exit codes:\n  0  done\n'):
            self.assertIn(word, text)

    def test_libraries_keep_quiet(self):
        def noisy(*_args):
            import logging
            logging.getLogger('oslo.messaging').error('noise')
            return test_commands.records(None)
        self.read.side_effect = noisy
        self.assertNotIn('noise', self._run('plan', 'b')[2])


class WarningsTest(testtools.TestCase):
    """Where warnings were asked for, they stay."""

    def test_filters(self):
        self.useFixture(fixtures.MonkeyPatch('sys.warnoptions', ['error']))
        with (mock.patch.object(main.warnings, 'simplefilter',
                                autospec=True) as simplefilter,
              mock.patch.object(startup, 'choose_threads',
                                autospec=True) as choose,
              mock.patch.object(sys, 'stderr', io.StringIO())):
            choose.side_effect = exception.ConfigurationInvalid(reason='x')
            main.main(['plan', 'b'])
        simplefilter.assert_not_called()

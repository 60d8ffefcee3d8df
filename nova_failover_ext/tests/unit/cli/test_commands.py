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

"""The commands as an operator types them, over fake truth."""

import io
import json
import sys
from unittest import mock

import ddt
import fixtures
import testtools

from nova_failover_ext.cli import engine
from nova_failover_ext.cli import main
from nova_failover_ext.cli import recover
from nova_failover_ext.engine import cinder
from nova_failover_ext.engine import model
from nova_failover_ext.engine import nova_db
from nova_failover_ext.engine import plan
from nova_failover_ext.engine import survey
from nova_failover_ext import exception
from nova_failover_ext import startup
from nova_failover_ext.tests.unit.engine import fakes

SKIP = plan.Verdict.SKIP


@ddt.ddt
class CommandsTest(testtools.TestCase):
    """plan, recover and status."""

    def setUp(self):
        super().setUp()
        self._patch(startup, 'choose_threads')
        self.configure = self._patch(startup, 'configure')
        self.configure.return_value.failover_engine.batch_size = 5
        self.take = self._patch(survey, 'take')
        self.take.return_value = fakes.found(fakes.server_plan())
        self._patch(nova_db.NovaReader, 'recoveries').return_value = {}
        self.cells = self._patch(nova_db.NovaReader, 'cells')
        self.cells.return_value = [object()]
        self._patch(cinder, 'admin_client')
        client = self._patch(engine, 'EngineClient')
        self.engine = client.return_value
        self.engine.recover.return_value = fakes.FAILOVER_ID
        self.engine.status.return_value = {}
        self.engine.has_asked.return_value = True
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        self.useFixture(fixtures.MonkeyPatch('sys.stdout', self.stdout))
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', self.stderr))
        self._patch(recover.tenacity.nap.time, 'sleep')

    def _patch(self, owner, name):
        patcher = mock.patch.object(owner, name, autospec=True)
        self.addCleanup(patcher.stop)
        return patcher.start()

    def _run(self, *argv):
        code = main.main(list(argv))
        return code, self.stdout.getvalue(), self.stderr.getvalue()

    def _json(self, *argv):
        _code, out, _err = self._run(*argv, '-f', 'json')
        return json.loads(out)

    def test_plan(self):
        row = self._json('plan', 'b')[0]
        self.assertEqual(('server', 'recover'),
                         (row['Server'], row['Verdict']))
        self.assertEqual('b', self.take.call_args.args[2])
        self.engine.recover.assert_not_called()

    def test_plan_by_volume(self):
        self.assertEqual('vol', self._json('plan', 'b', '--long')[0]
                         ['Volume'])

    @ddt.data('table', 'csv', 'yaml', 'json')
    def test_formats(self, name):
        code, out, err = self._run('plan', 'b', '-f', name)
        self.assertEqual(0, code)
        self.assertIn('compute1', out)
        self.assertIn('node@rbd is on second', err)

    def test_config_files(self):
        self._run('--config-file', 'a', '--config-dir', 'd', 'plan', 'b')
        self.assertEqual(['--config-file', 'a', '--config-dir', 'd'],
                         self.configure.call_args.args[0][1:])

    def test_recover(self):
        code, _out, err = self._run('recover', 'b')
        self.assertEqual(0, code)
        self.engine.recover.assert_called_once_with(fakes.BACKEND)
        self.assertIn(fakes.FAILOVER_ID, err)
        self.assertEqual(1, self.take.call_count)

    def test_recover_and_wait(self):
        done = fakes.found(fakes.server_plan(verdict=SKIP))
        self.take.side_effect = [
            fakes.found(fakes.server_plan()),
            fakes.found(fakes.server_plan()),
            exception.CinderUnavailable(reason='restarted'), done]
        code, out, err = self._run('recover', 'b', '--wait')
        self.assertEqual(0, code)
        self.assertIn('converged', out)
        self.assertIn('0 of 1 servers converged\n1 of 1 servers', err)

    def test_recover_and_wait_for_every_answer(self):
        self.take.return_value = fakes.found(fakes.server_plan(verdict=SKIP))
        self.engine.has_asked.side_effect = [
            False, exception.EngineUnavailable(seconds=3), True]
        self.assertEqual(0, self._run('recover', 'b', '--wait')[0])
        self.assertEqual(
            [mock.call(fakes.BACKEND, fakes.FAILOVER_ID)] * 3,
            self.engine.has_asked.call_args_list)

    def test_recover_and_wait_in_vain(self):
        code, _out, err = self._run(
            'recover', 'b', '--wait', '--timeout', '0.001')
        self.assertEqual(4, code)
        self.assertIn('within 0.001 seconds', err)

    @ddt.data('0', '-1', 'soon', 'inf')
    def test_timeouts_that_make_no_sense(self, timeout):
        error = self.assertRaises(SystemExit, self._run, 'recover', 'b',
                                  '--wait', '--timeout', timeout)
        self.assertEqual(2, error.code)
        self.take.assert_not_called()

    def test_status(self):
        self.engine.status.return_value = {'reason': 'gate', 'in_flight': [
            'server']}
        row = self._json('status', 'b')[0]
        self.assertEqual('recovering', row['State'])
        self.assertIn('The engine waits: gate', self.stderr.getvalue())

    @ddt.data((plan.Verdict.RECOVER, 5), (SKIP, 0))
    @ddt.unpack
    def test_status_check(self, verdict, expected):
        self.take.return_value = fakes.found(
            fakes.server_plan(verdict=verdict))
        self.assertEqual(expected, self._run('status', 'b', '--check')[0])
        self.assertEqual(0, self._run('status', 'b')[0])

    @ddt.data(exception.EngineUnavailable(seconds=3),
              exception.BrokerUnavailable(reason='x'))
    def test_status_without_an_engine(self, error):
        self.engine.status.side_effect = error
        code, out, err = self._run('status', 'b')
        self.assertEqual(0, code)
        self.assertIn('unsure', out)
        self.assertIn('Without what an engine knows: ', err)

    @ddt.data(
        exception.BackendNotFound(backend='b', known='c'),
        exception.CinderUnavailable(reason='x'),
        exception.DatabaseUnavailable(reason='x'))
    def test_wrong_use(self, error):
        self.take.side_effect = error
        for name in ('plan', 'recover', 'status'):
            self.stderr.truncate(self.stderr.seek(0))
            code, out, err = self._run(name, 'b')
            self.assertEqual((3, '', '%s\n' % error), (code, out, err))
        self.engine.recover.assert_not_called()

    @ddt.data(exception.EngineUnavailable(seconds=3),
              exception.BrokerUnavailable(reason='x'))
    def test_recover_without_an_engine(self, error):
        self.engine.recover.side_effect = error
        self.assertEqual((3, '', '%s\n' % error), self._run('recover', 'b'))

    def test_configuration(self):
        error = exception.ConfigurationInvalid(reason='x')
        self.configure.side_effect = error
        self.assertEqual((3, '', '%s\n' % error), self._run('plan', 'b'))
        startup.choose_threads.side_effect = error
        self.stderr.truncate(self.stderr.seek(0))
        self.assertEqual((3, '', '%s\n' % error), self._run('plan', 'b'))

    def test_debug_has_the_traceback(self):
        self.take.side_effect = exception.CinderUnavailable(reason='x')
        code, _out, err = self._run('--debug', 'plan', 'b')
        self.assertEqual(1, code)
        self.assertIn('Traceback', err)

    def test_an_unexpected_error_is_one_line(self):
        self.take.side_effect = KeyError('x')
        code, _out, err = self._run('plan', 'b')
        self.assertEqual(1, code)
        self.assertEqual(1, len(err.splitlines()))

    def test_a_cell_is_down(self):
        self.take.return_value = fakes.found(
            problems=(model.CellProblem('cell1', 'gone'),))
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

    def test_libraries_keep_quiet(self):
        def noisy(*_args):
            import logging
            logging.getLogger('oslo.messaging').error('noise')
            return fakes.found()
        self.take.side_effect = noisy
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

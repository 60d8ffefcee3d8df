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

"""pause and resume as an operator types them, and what tells of them."""

import json
from unittest import mock

import ddt

from nova_failover_ext.cli import errors
from nova_failover_ext.cli import pause
from nova_failover_ext.cli import pausing
from nova_failover_ext.cli import servers
from nova_failover_ext.engine import model
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.api import test_pauses
from nova_failover_ext.tests.unit.cli import test_commands
from nova_failover_ext.tests.unit.engine import fakes

DOWN = 'The database of decisions cannot be used: down.'


def said(*backends, **values):
    """Return what an engine says with some backends paused."""
    return {'pauses': [test_pauses.pause(name).to_primitive()
                       for name in backends], 'decisions': '', **values}


class PauseTestCase(test_commands.NamedCommandsTestCase):
    """Runs the two, whatever entry points the installation has."""

    COMMANDS = {'pause': pause.Pause, 'resume': pause.Resume}

    def setUp(self):
        super().setUp()
        self._patch(pausing, 'operator').return_value = ('jo', 'ctl1')
        self.engine.pause.return_value = said(fakes.BACKEND)
        self.engine.resume.return_value = said()


@ddt.ddt
class PauseTest(PauseTestCase):
    """``pause``."""

    def _asked(self):
        (call,) = self.engine.pause.call_args_list
        return call.args[0]

    def test_a_backend(self):
        code, out, err = self._run('pause', 'b', '--reason', 'array ill',
                                   '-f', 'json')
        self.assertEqual(0, code)
        self.assertEqual({'backend': fakes.BACKEND, 'reason': 'array ill',
                          'user': 'jo', 'host': 'ctl1'}, self._asked())
        self.assertEqual([{
            'Backend': fakes.BACKEND, 'By': 'jo@ctl1',
            'Since': '2026-11-26T22:00:05+00:00',
            'Reason': 'array is degraded'}], json.loads(out))
        self.assertEqual('Recoveries of b are paused. What is in flight goes '
                         'on.\n', err)

    def test_everything_without_cinder(self):
        self.backend.side_effect = exception.CinderUnavailable(reason='x')
        code, _out, err = self._run('pause', '--reason', 'array ill')
        self.assertEqual(0, code)
        self.assertEqual('', self._asked()['backend'])
        self.assertIn('Recoveries of every backend are paused.', err)

    def test_a_backend_that_is_not_there(self):
        error = exception.BackendNotFound(backend='b', known='c')
        self.backend.side_effect = error
        self.assertEqual((3, '', '%s\n' % error),
                         self._run('pause', 'b', '--reason', 'x'))
        self.engine.pause.assert_not_called()

    @ddt.data('', '  ', 'x' * 1001)
    def test_a_reason_that_is_none(self, reason):
        code, out, err = self._run('pause', '--reason', reason)
        self.assertEqual((2, '', 1), (code, out, len(err.splitlines())))
        self.engine.pause.assert_not_called()

    def test_no_reason(self):
        error = self.assertRaises(SystemExit, self._run, 'pause')
        self.assertEqual(2, error.code)
        self.engine.pause.assert_not_called()

    def test_what_is_paused(self):
        self.engine.pause.side_effect = errors.Paused('It is.')
        self.assertEqual((9, '', 'It is.\n'),
                         self._run('pause', '--reason', 'x'))

    def test_what_cannot_be_saved_is_told(self):
        self.engine.pause.return_value = said(decisions=DOWN)
        code, _out, err = self._run('pause', '--reason', 'x')
        self.assertEqual(0, code)
        self.assertIn('%s The decision is in effect; it is lost' % DOWN, err)

    @ddt.data('pause', 'resume')
    def test_help(self, name):
        code, text, _err = self._run(name, '--help')
        self.assertEqual(0, code)
        for word in ('Change', 'Needs', 'exit codes:\n  0  done\n'):
            self.assertIn(word, text)


@ddt.ddt
class ResumeTest(PauseTestCase):
    """``resume``."""

    @ddt.data((('b',), 'b', 'b'), ((), '', 'every backend'))
    @ddt.unpack
    def test_resume(self, argv, backend, subject):
        self.backend.side_effect = exception.CinderUnavailable(reason='x')
        code, _out, err = self._run('resume', *argv)
        self.assertEqual((0, 'Recoveries of %s are resumed.\n' % subject),
                         (code, err.lstrip('\n')))
        self.engine.resume.assert_called_once_with(backend, 'jo@ctl1')

    def test_what_stays_paused(self):
        self.engine.resume.return_value = said('other')
        _code, out, _err = self._run('resume', '-f', 'json')
        self.assertEqual(['other'], [row['Backend']
                                     for row in json.loads(out)])

    def test_what_is_not_paused(self):
        self.engine.resume.side_effect = errors.NotFound('It is not.')
        self.assertEqual((8, '', 'It is not.\n'), self._run('resume', 'b'))


class OthersTest(test_commands.CommandsTestCase):
    """What other commands say while recoveries are paused."""

    def test_recover(self):
        self.engine.recover.side_effect = errors.Paused('It is.')
        self.assertEqual((9, '', 'It is.\n'),
                         self._run('recover', 'b', '--wait'))
        self.engine.progress.assert_not_called()

    def test_recover_on_several_backends_of_which_one_is_paused(self):
        self._patch(servers, 'hosts_of').return_value = {
            'server': {fakes.BACKEND, test_commands.OTHER}}
        other = model.Backend(test_commands.OTHER, (fakes.member(
            host=test_commands.OTHER),))
        self.backends.return_value = [fakes.backend(), other]
        self.engine.health.return_value = said(fakes.BACKEND)
        code, out, err = self._run('recover', '--server', 'server')
        self.assertEqual(
            (9, '', '%s.\n' % test_pauses.pause(fakes.BACKEND)),
            (code, out, err))
        self.engine.recover.assert_not_called()

    def test_status_of_a_backend(self):
        self.engine.health.return_value = said('', 'other', decisions=DOWN)
        code, _out, err = self._run('status', 'b')
        self.assertEqual(0, code)
        self.assertIn('Recoveries of every backend are paused by jo@ctl1 '
                      'since 2026-11-26T22:00:05+00:00: array is degraded.\n',
                      err)
        self.assertNotIn('other', err)
        self.assertIn('%s The engine goes by the latest decisions' % DOWN,
                      err)

    def test_status_of_all(self):
        self.engine.health.return_value = said(fakes.BACKEND, 'other')
        (row,) = self._json('status')
        self.assertEqual(str(test_pauses.pause(fakes.BACKEND)),
                         row['Waiting For'])
        self.assertIn('of other are paused', self.stderr.getvalue())


class OperatorTest(test_commands.CommandsTestCase):
    """Who asks."""

    def test_operator(self):
        self._patch(pausing.getpass, 'getuser').return_value = 'jo'
        self._patch(pausing.socket, 'gethostname').return_value = 'ctl1'
        self.assertEqual(('jo', 'ctl1'), pausing.operator())

    def test_a_user_without_a_name(self):
        self._patch(pausing.getpass, 'getuser').side_effect = KeyError('uid')
        with mock.patch.object(pausing.os, 'getuid', autospec=True,
                               return_value=4711):
            self.assertEqual('uid 4711', pausing.operator()[0])

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

"""plan and recover as an operator types them, over fake truth."""

import io
import json
from unittest import mock

import ddt
import fixtures
import testtools

from nova_failover_ext.cli import engine_client
from nova_failover_ext.cli import errors
from nova_failover_ext.cli import main
from nova_failover_ext.cli import pausing
from nova_failover_ext.cli import project_names
from nova_failover_ext.cli import servers
from nova_failover_ext.cli import wait
from nova_failover_ext.engine.inventory import cinder_reader
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import gate
from nova_failover_ext import exception
from nova_failover_ext import startup
from nova_failover_ext.tests.unit.engine import fakes

OTHER = 'node@other'
#: The stamp of what is right.
RIGHT = 'second'


def records(*stamps, **values):
    """Return records of a server per stamp, each with one volume."""
    names = ('server', 'server-2', 'server-3')
    return snapshot.Records(**{
        'backend': fakes.backend(), 'gate': gate.Decision(open=True),
        'volumes': {'vol': fakes.volume()}, 'problems': (),
        'attachments': tuple(fakes.attachment(
            server=fakes.server(id=name, project_id='p-%s' % name,
                                name='web-%s' % name),
            stamp=stamp) for name, stamp in zip(names, stamps, strict=False)),
        **values})


def counts(**values):
    """Return what an engine counts for the backend once all is done."""
    return {fakes.BACKEND: {
        'begun': [fakes.FAILOVER_ID], 'counts': {'converged': 1},
        'unasked': 0, 'done': True, 'in_flight': 0, **values}}


class CommandsTestCase(testtools.TestCase):
    """Runs commands in this process."""

    def setUp(self):
        super().setUp()
        self._patch(startup, 'choose_threads')
        self.configure = self._patch(startup, 'configure')
        self.configure.return_value.failover_engine.batch_size = 5
        self.configure.return_value.failover_engine.drivers = {}
        self.read = self._patch(snapshot, 'read')
        self.read.return_value = records(None)
        self._patch(nova_reader.NovaReader, 'recoveries').return_value = {}
        self.cells = self._patch(nova_reader.NovaReader, 'cells')
        self.cells.return_value = [object()]
        self._patch(cinder_reader, 'admin_client')
        self.backend = self._patch(cinder_reader.CinderReader, 'backend')
        self.backend.return_value = fakes.backend()
        self.backends = self._patch(cinder_reader.CinderReader, 'backends')
        self.backends.return_value = [fakes.backend()]
        self.projects = self._patch(project_names, 'find')
        self.projects.side_effect = errors.NotFound('There is none.')
        client = self._patch(engine_client, 'EngineClient')
        self.engine = client.return_value
        self.engine.failover_id = fakes.FAILOVER_ID
        self.engine.recover.return_value = fakes.FAILOVER_ID
        self.engine.status.return_value = {}
        self.engine.health.return_value = {}
        self.engine.progress.return_value = counts()
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        self.useFixture(fixtures.MonkeyPatch('sys.stdout', self.stdout))
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', self.stderr))
        self._patch(wait.tenacity.nap.time, 'sleep')

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


class NamedCommandsTestCase(CommandsTestCase):
    """Runs commands whatever entry points the installation has.

    :cvar COMMANDS: by name
    """

    COMMANDS: dict[str, type] = {}

    def _run(self, *argv):
        app = main.FailoverApp()
        for name, handler in self.COMMANDS.items():
            app.command_manager.add_command(name, handler)
        code = app.run(list(argv))
        return code, self.stdout.getvalue(), self.stderr.getvalue()


@ddt.ddt
class PlanTest(CommandsTestCase):
    """``plan``."""

    def test_plan(self):
        row = self._json('plan', 'b')[0]
        self.assertEqual(('server', 'recover'),
                         (row['Server'], row['Verdict']))
        self.assertEqual('b', self.read.call_args.args[2])
        self.engine.recover.assert_not_called()

    def test_by_volume(self):
        self.assertEqual('vol', self._json('plan', 'b', '--long')[0]
                         ['Volume'])

    @ddt.data('table', 'csv', 'yaml', 'json')
    def test_formats(self, name):
        code, out, err = self._run('plan', 'b', '-f', name)
        self.assertEqual(0, code)
        self.assertIn('compute1', out)
        self.assertIn('node@rbd is on second', err)

    def test_texts_of_several_lines(self):
        attachment = fakes.attachment(server=fakes.server(name='a\n [/b]'))
        self.read.return_value = records(attachments=(attachment,))
        for name in 'table', 'csv', 'json':
            _code, out, _err = self._run('plan', 'b', '-f', name)
            self.assertIn('a [/b]', out)

    def test_an_error_of_several_lines(self):
        self.read.side_effect = exception.CinderUnavailable(
            reason='<html>\n  [/b]')
        code, _out, err = self._run('plan', 'b')
        self.assertNotEqual(0, code)
        self.assertEqual('The Cinder API cannot be used: <html> [/b].\n', err)

    @ddt.data((('--server', 'server-2'), ['server-2']),
              (('--server', 'web-server-2'), ['server-2']),
              (('--host', 'compute1', '--server', 'server'), ['server']),
              (('--project', 'p-server'), ['server']),
              (('--server', 'server', '--server', 'server-3'),
               ['server', 'server-3']))
    @ddt.unpack
    def test_filters(self, options, expected):
        self.read.return_value = records(None, RIGHT, None)
        self.assertEqual(expected, [row['Server'] for row in self._json(
            'plan', 'b', *options)])

    def test_a_rehearsal(self):
        self.read.return_value = records(RIGHT)
        self.assertEqual('skip', self._json('plan', 'b')[0]['Verdict'])
        self.stdout.truncate(self.stdout.seek(0))
        self.assertEqual('recover', self._json('plan', 'b', '--rehearse')
                         [0]['Verdict'])
        self.assertIn('rehearsal', self.stderr.getvalue())

    @ddt.data(('plan', 'b', '--server', 'nobody'),
              ('plan', 'b', '--project', 'nobody'),
              ('plan', 'b', '--host', 'nobody'),
              ('recover', 'b', '--host', 'nobody'),
              ('recover', 'b', '--server', 'nobody'),
              ('recover', 'b', '--dry-run', '--project', 'nobody'),
              ('recover', 'b', '--server', 'server', '--project',
               'p-server-2'))
    def test_nobody(self, argv):
        self.read.return_value = records(None, None)
        code, out, err = self._run(*argv)
        self.assertEqual((8, '', 1), (code, out, len(err.splitlines())))
        self.engine.recover.assert_not_called()

    def test_config_files(self):
        self._run('--config-file', 'a', '--config-dir', 'd', 'plan', 'b')
        self.assertEqual(['--config-file', 'a', '--config-dir', 'd'],
                         self.configure.call_args.args[0][1:])


@ddt.ddt
class RecoverTest(CommandsTestCase):
    """``recover``."""

    def _asked(self):
        return [call.args[0] for call in self.engine.recover.call_args_list]

    def test_recover(self):
        code, _out, err = self._run('recover', 'b')
        self.assertEqual(0, code)
        (request,) = self._asked()
        self.assertEqual((fakes.BACKEND, False, fakes.FAILOVER_ID, True), (
            request.backend, request.ignore_stamps, request.failover_id,
            request.whole))
        self.assertEqual('%s@%s' % pausing.operator(), request.who)
        self.assertIn(fakes.FAILOVER_ID, err)
        self.engine.progress.assert_not_called()

    def test_options(self):
        self._run('recover', 'b', '--stale', '--policy', 'power-cycle',
                  '--priority-at-most', '4', '--limit', '7',
                  '--server', 'server', '--project', 'p-server', '--barrier')
        (request,) = self._asked()
        self.assertEqual(
            (True, 'power-cycle', 4, 7, ('server',), ('p-server',), True),
            (request.ignore_stamps, request.policy, request.priority_at_most,
             request.limit, request.servers, request.projects,
             request.barrier))

    @ddt.data(('--server', 'web-server'), ('--host', 'compute1'),
              ('--host', 'compute1', '--server', 'server'))
    def test_the_engine_is_asked_for_ids(self, options):
        self._run('recover', 'b', *options)
        self.assertEqual([('server',)], [r.servers for r in self._asked()])

    @ddt.data(('--policy', 'x'), ('--priority-at-most', '0'),
              ('--priority-at-most', '6'), ('--limit', '0'),
              ('--limit', 'x'), ('--wait', '--timeout', '0'),
              ('--wait', '--timeout', '-1'), ('--wait', '--timeout', 'soon'),
              ('--wait', '--timeout', 'inf'))
    def test_nonsense(self, options):
        error = self.assertRaises(SystemExit, self._run, 'recover', 'b',
                                  *options)
        self.assertEqual(2, error.code)
        self.read.assert_not_called()
        self.engine.recover.assert_not_called()

    def test_whom(self):
        code, out, err = self._run('recover')
        self.assertEqual(
            (2, '', 'Name a BACKEND, or servers with --server.\n'),
            (code, out, err))

    def test_a_dry_run(self):
        self.read.return_value = records(None, RIGHT, None)
        rows = self._json('recover', 'b', '--dry-run')
        self.assertEqual(['recover', 'skip', 'recover'],
                         [row['Verdict'] for row in rows])
        self.assertIn('dry run', self.stderr.getvalue())
        self.engine.recover.assert_not_called()

    @ddt.data((('--stale',), ['recover'] * 3),
              (('--limit', '1'), ['recover', 'skip']),
              (('--stale', '--limit', '1'), ['recover']),
              (('--policy', 'none'), ['skip'] * 3),
              (('--priority-at-most', '2'), []))
    @ddt.unpack
    def test_what_a_dry_run_takes_into_account(self, options, expected):
        self.read.return_value = records(None, RIGHT, None)
        self.assertEqual(expected, [row['Verdict'] for row in self._json(
            'recover', 'b', '--dry-run', *options)])

    def test_backends_of_servers(self):
        where = self._patch(servers, 'hosts_of')
        where.return_value = {'server': {fakes.BACKEND, 'node@lvm'}}
        other = model.Backend(OTHER, (fakes.member(host=OTHER),))
        self.backends.return_value = [fakes.backend(), other]
        self.assertEqual(0, self._run('recover', '--server', 'server')[0])
        self.assertEqual([(fakes.BACKEND, ('server',))],
                         [(r.backend, r.servers) for r in self._asked()])

    def test_servers_on_several_backends(self):
        where = self._patch(servers, 'hosts_of')
        where.return_value = {'server': {fakes.BACKEND},
                              'server-2': {OTHER, fakes.BACKEND}}
        other = model.Backend(OTHER, (fakes.member(host=OTHER),))
        self.backends.return_value = [fakes.backend(), other]
        self.read.return_value = records(None, None)
        self.assertEqual(0, self._run(
            'recover', '--server', 'server', '--server', 'server-2')[0])
        self.assertEqual(
            [(OTHER, ('server-2',)),
             (fakes.BACKEND, ('server', 'server-2'))],
            [(r.backend, r.servers) for r in self._asked()])
        self.assertEqual({fakes.FAILOVER_ID},
                         {r.failover_id for r in self._asked()})

    def test_servers_that_have_nothing_replicated(self):
        where = self._patch(servers, 'hosts_of')
        where.return_value = {'server': {'node@lvm'}}
        code, _out, err = self._run('recover', '--server', 'server')
        self.assertEqual(8, code)
        self.assertIn('No volume of server server is on', err)
        self.engine.recover.assert_not_called()

    def test_and_wait(self):
        self.read.side_effect = [
            exception.CinderUnavailable(reason='restarted'),
            records(RIGHT)]
        self.engine.progress.side_effect = [
            counts(begun=[]), exception.EngineUnavailable(seconds=3),
            counts(counts={'recovering': 1}, done=False), counts(), counts()]
        code, out, err = self._run('recover', 'b', '--wait')
        self.assertEqual(0, code)
        self.assertIn('converged', out)
        self.assertIn('0 of 1 server converged, 1 recovering\n'
                      '1 of 1 server converged\n', err)

    def test_the_truth_is_read_once_at_the_end(self):
        self.read.return_value = records(RIGHT)
        self.engine.progress.side_effect = [
            counts(begun=[]), counts(unasked=3), counts(done=False),
            counts()]
        self.assertEqual(0, self._run('recover', 'b', '--wait')[0])
        self.assertEqual(1, self.read.call_count)

    def test_and_wait_for_some(self):
        self.read.side_effect = [records(None, None), records(RIGHT, None)]
        code, out, _err = self._run('recover', 'b', '--wait', '--server',
                                    'server', '-f', 'json')
        self.assertEqual(0, code)
        self.assertEqual(['server'], [r['Server'] for r in json.loads(out)])

    def test_and_wait_in_vain(self):
        self.engine.status.return_value = {
            'servers': {'server': {'state': 'deferred', 'reason': 'paused'},
                        'server-2': {'state': 'retries exhausted'}},
            'waiting': ['server-3']}
        self.read.return_value = records(None, None, None)
        code, out, err = self._run(
            'recover', 'b', '--wait', '--timeout', '0.001')
        self.assertEqual(4, code)
        self.assertIn('within 0.001 seconds', err)
        self.assertIn('paused', out)
        lines = err.splitlines()[-4:]
        self.assertEqual('node@rbd is on second (failed-over); 3 servers: 1 '
                         'waiting, 1 deferred, 1 retries exhausted', lines[0])
        self.assertEqual('1 server of node@rbd: waiting. To follow the '
                         'engine, run "nova-failover status node@rbd '
                         '--watch".', lines[1])
        self.assertEqual('1 server of node@rbd: deferred. The engine tries '
                         'again; to see what they wait for, run '
                         '"nova-failover status node@rbd --state deferred".',
                         lines[2])
        self.assertEqual('1 server of node@rbd: retries exhausted. Mend what '
                         '"nova-failover status node@rbd --state \'retries '
                         'exhausted\'" names, then run "nova-failover '
                         'recover node@rbd".', lines[3])

    def test_nothing_is_left(self):
        self.read.return_value = records(RIGHT)
        _code, _out, err = self._run('recover', 'b', '--wait')
        self.assertEqual('node@rbd is on second (failed-over); 1 server: '
                         '1 converged', err.splitlines()[-1])

    @ddt.data(exception.EngineUnavailable(seconds=3),
              exception.BrokerUnavailable(reason='x'))
    def test_without_an_engine(self, error):
        self.engine.recover.side_effect = error
        self.assertEqual((3, '', '%s\n' % error), self._run('recover', 'b'))

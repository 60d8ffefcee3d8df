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


"""status --watch: when it reads, what it shows, and when it ends."""

import io
from unittest import mock

import ddt
import fixtures
import testtools

from nova_failover_ext.cli import rows
from nova_failover_ext.cli import status_view
from nova_failover_ext.cli import watch
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.cli import test_commands
from nova_failover_ext.tests.unit.cli import test_progress
from nova_failover_ext.tests.unit.engine import fakes

counts = test_commands.counts


def view(*sentences, done=False, states=()):
    """Return what a look has found."""
    row = dict.fromkeys(rows.STATUS_COLUMNS, '')
    return status_view.View(sentences, rows.STATUS_COLUMNS, [
        tuple({**row, 'Name': 'web-%s' % state, 'State': state}.values())
        for state in states], 5, done)


class WatchTestCase(testtools.TestCase):
    """With a clock that moves while nobody waits."""

    def setUp(self):
        super().setUp()
        self.now = 0.0
        patcher = mock.patch.object(watch.tenacity.nap.time, 'sleep',
                                    autospec=True)
        self.addCleanup(patcher.stop)
        patcher.start().side_effect = self._pass
        self.looks_at = []
        self.stream = io.StringIO()

    def _pass(self, seconds):
        self.now += seconds

    def watch(self, counted, looks, spent=0.0):
        """Follow what an engine counts and the records say, one by one."""
        counted, looks = iter(counted), iter(looks)

        def look():
            self.looks_at.append(self.now)
            self.now += spent
            found = next(looks)
            if isinstance(found, BaseException):
                raise found
            return found

        return watch.Watch(lambda: next(counted), look,
                           lambda: self.now).run(self.stream)


class WatchTest(WatchTestCase):
    """How it goes on."""

    def test_ends_once_all_is_done(self):
        end = view('b', done=True)
        self.assertIs(end, self.watch(
            [counts(), counts(in_flight=1), counts(in_flight=2)],
            [view('a'), view('a'), end]))
        self.assertEqual([0, 0, 2], self.looks_at)

    def test_reads_only_what_may_have_changed(self):
        self.watch([counts()] * 17 + [counts(in_flight=1)],
                   [view('a')] * 2 + [view('b', done=True)])
        # At first, after a while, with the change.
        self.assertEqual([0, watch.LOOK, watch.LOOK + 2], self.looks_at)

    def test_leaves_cinder_alone_for_most_of_the_time(self):
        self.watch([counts(in_flight=number) for number in range(100)],
                   [view()] * 2 + [view(done=True)], spent=4.0)
        # Four seconds of reading, then five times as long without.
        self.assertEqual([0, 24, 48], self.looks_at)

    def test_without_an_engine(self):
        end = view('b', done=True)
        self.assertIs(end, self.watch([{}] * 40, [view('a')] * 2 + [end]))
        self.assertEqual([0, watch.LOOK, 2 * watch.LOOK], self.looks_at)
        self.assertEqual('a\nb\n', self.stream.getvalue())

    def test_what_is_down_for_a_while(self):
        end = view('b', done=True)
        down = exception.CinderUnavailable(reason='restarted')
        self.assertIs(end, self.watch(
            [counts(), counts(in_flight=1), counts(in_flight=2)],
            [view('a', done=True), down, end]))
        self.assertIn('The Cinder API cannot be used: restarted',
                      self.stream.getvalue())

    def test_what_is_down_at_first(self):
        self.assertRaises(
            exception.CinderUnavailable, self.watch, [counts()],
            [exception.CinderUnavailable(reason='x')])

    def test_interrupted(self):
        seen = view('a')
        self.assertIs(seen, self.watch(
            [counts(in_flight=number) for number in range(3)],
            [view(), seen, KeyboardInterrupt()]))

    def test_lines_only_when_something_changed(self):
        def counted(**states):
            return counts(counts=states)

        self.watch([counted(converged=1, waiting=1)] * 3
                   + [counted(converged=2)],
                   [view('1 unknown', 'paused'), view('paused', done=True)])
        self.assertEqual('1 of 2 servers converged, 1 waiting\n1 unknown\n'
                         'paused\n2 of 2 servers converged\n',
                         self.stream.getvalue())


class PictureTest(WatchTestCase):
    """What a terminal shows."""

    def setUp(self):
        super().setUp()
        self.stream = test_progress.Terminal()
        for name, value in (('COLUMNS', '100'), ('LINES', '12'),
                            ('TERM', 'xterm')):
            self.useFixture(fixtures.EnvironmentVariable(name, value))

    def test_what_matters_comes_first(self):
        states = ['converged', 'waiting', 'failed', 'retries exhausted',
                  'deferred', 'blocked', 'recovering']
        self.watch([counts()] * 2, [view('two', done=True, states=states)])
        shown = self.stream.getvalue()
        self.assertEqual(
            sorted(('retries exhausted', 'failed', 'blocked', 'deferred',
                    'recovering'), key=lambda one: shown.find('web-' + one)),
            ['retries exhausted', 'failed', 'blocked', 'deferred',
             'recovering'])
        self.assertNotIn('web-converged', shown)
        self.assertIn('and 2 more rows', shown)
        self.assertIn('1 of 1 server converged', shown)

    def test_is_redrawn_and_taken_away(self):
        self.watch([counts(), counts(), counts(in_flight=1)],
                   [view('a'), view('a', done=True)])
        # Up a line, and clear it.
        self.assertIn('\x1b[1A\x1b[2K', self.stream.getvalue())

    def test_no_markup(self):
        self.watch([counts()] * 2, [view('odd [/tag]', done=True)])
        self.assertIn('odd [/tag]', self.stream.getvalue())

    def test_a_table_of_backends(self):
        found = status_view.View(
            (), rows.BACKEND_COLUMNS,
            [rows.backend_row(fakes.found(), {}, {})], 0, True)
        self.watch([counts()] * 2, [found])
        self.assertIn('Remaining', self.stream.getvalue())


@ddt.ddt
class CommandTest(test_commands.CommandsTestCase):
    """As an operator types it."""

    @ddt.data(('b',), ())
    def test_until_all_is_converged(self, argv):
        def converge(_seconds):
            self.read.return_value = test_commands.records(
                test_commands.RIGHT)
            self.engine.progress.return_value = counts()

        self.engine.progress.return_value = counts(
            counts={'waiting': 1}, done=False)
        watch.tenacity.nap.time.sleep.side_effect = converge
        code, out, err = self._run('status', *argv, '--watch')
        self.assertEqual((0, 2), (code, self.read.call_count))
        self.assertIn('converged', out.lower())
        self.assertIn('0 of 1 server converged, 1 waiting\n', err)

    @ddt.data(('deferred', 11), ('retries exhausted', 12))
    @ddt.unpack
    def test_until_nothing_changes_by_itself(self, state, expected):
        self.engine.status.return_value = {
            'servers': {'server': {'state': state}}}
        self.assertEqual(expected, self._run('status', 'b', '--watch')[0])

    @ddt.data({'done': False}, {'unasked': 1}, {'gate': False},
              {'state': 'unknown'})
    def test_not_before(self, values):
        self.engine.status.return_value = {'servers': {'server': {
            'state': values.pop('state', 'deferred')}}}
        self.engine.progress.return_value = counts(**values)
        if 'gate' in values:
            self.read.return_value = test_commands.records(
                None, gate=test_commands.gate.Decision(False, 'not yet'))
        sleep = watch.tenacity.nap.time.sleep
        sleep.side_effect = [None] * 3 + [KeyboardInterrupt()]
        code, out, _err = self._run('status', 'b', '--watch')
        self.assertEqual(4, sleep.call_count)
        self.assertNotEqual(0, code)
        self.assertIn('server', out)

    def test_what_is_no_server(self):
        code, _out, err = self._run('status', '--watch', '--server', 'no')
        self.assertEqual(
            (8, 'No server no has a volume of node@rbd.\n'), (code, err))

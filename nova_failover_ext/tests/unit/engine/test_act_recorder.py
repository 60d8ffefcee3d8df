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

"""Acts are written beside everything else."""

import threading
from unittest import mock

from oslo_utils import timeutils
from oslotest import base

from nova_failover_ext.decisions import act_store
from nova_failover_ext.engine import act_recorder
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.api import test_acts

PATIENCE = 10
DOWN = exception.DecisionsUnavailable(reason='down')


class ActRecorderTest(base.BaseTestCase):
    """Over a database that is a mock."""

    def setUp(self):
        super().setUp()
        self.store = mock.create_autospec(act_store.ActStore, instance=True)
        self.written = []
        self.saved = threading.Event()
        self.store.save.side_effect = self._save
        self.recorder = act_recorder.ActRecorder(
            self.store, lambda: 30, interval=0.01)
        self.addCleanup(self.recorder.stop)

    def _save(self, found, _oldest):
        self.written += found
        self.saved.set()

    def test_it_is_written_soon(self):
        self.recorder.record(test_acts.act())
        self.assertTrue(self.saved.wait(PATIENCE))
        self.assertEqual([test_acts.act()], self.written)
        self.store.upgrade.assert_called_once_with()
        oldest = self.store.save.call_args.args[1]
        self.assertEqual(30, (timeutils.utcnow() - oldest).days)

    def test_nothing_waits_for_a_database_that_hangs(self):
        hanging = threading.Event()
        self.addCleanup(hanging.set)
        entered = threading.Event()

        def hang():
            entered.set()
            hanging.wait(PATIENCE)

        self.store.upgrade.side_effect = hang
        self.recorder.record(test_acts.act('a'))
        self.assertTrue(entered.wait(PATIENCE))
        self.recorder.record(test_acts.act('b'))
        self.assertEqual([], self.written)
        hanging.set()
        self.recorder.read(test_acts.SINCE)
        self.assertEqual([test_acts.act('a'), test_acts.act('b')],
                         self.written)

    def test_a_database_that_comes_back(self):
        failures = [DOWN, DOWN]

        def save(found, oldest):
            if failures:
                raise failures.pop()
            self._save(found, oldest)

        self.store.save.side_effect = save
        with mock.patch.object(act_recorder.LOG, 'warning',
                               autospec=True) as warning:
            self.recorder.record(test_acts.act())
            self.assertTrue(self.saved.wait(PATIENCE))
        self.assertEqual([test_acts.act()], self.written)
        warning.assert_called_once()

    def test_an_act_that_is_refused_holds_up_no_other(self):
        all_saved = threading.Event()

        def save(found, oldest):
            if test_acts.act('bad') in found:
                raise DOWN
            self._save(found, oldest)
            if len(self.written) == 3:
                all_saved.set()

        self.store.save.side_effect = save
        refused = [test_acts.act(subject) for subject in ('a', 'bad', 'b')]
        self.recorder._pending.extend(refused)
        self.recorder.record(test_acts.act('c'))
        self.assertTrue(all_saved.wait(PATIENCE))
        self.assertEqual([test_acts.act(each) for each in 'abc'],
                         sorted(self.written, key=lambda one: one.subject))

    def test_whatever_is_raised_the_next_is_written(self):
        failures = [TypeError('canary')]

        def save(found, oldest):
            if failures:
                raise failures.pop()
            self._save(found, oldest)

        self.store.save.side_effect = save
        with mock.patch.object(act_recorder.LOG, 'warning',
                               autospec=True) as warning:
            self.recorder.record(test_acts.act())
            self.assertTrue(self.saved.wait(PATIENCE))
        self.assertEqual([test_acts.act()], self.written)
        self.assertNotIn('canary', str(warning.call_args_list))

    def test_who_reads_is_told(self):
        self.store.read.side_effect = DOWN
        self.assertRaises(exception.DecisionsUnavailable, self.recorder.read,
                          test_acts.SINCE)

    def test_too_many_are_left_out_and_logged(self):
        self.store.save.side_effect = DOWN
        with (mock.patch.object(act_recorder, 'MOST_PENDING', 1),
              mock.patch.object(act_recorder.LOG, 'warning',
                                autospec=True) as warning):
            self.recorder.record(test_acts.act('a'))
            self.recorder.record(test_acts.act('b'))
        self.assertIn(mock.call(mock.ANY, {
            'what': 'pause', 'subject': 'b', 'who': 'jo@ctl1'}),
            warning.call_args_list)

    def test_an_engine_that_stops_writes_what_waits(self):
        recorder = act_recorder.ActRecorder(self.store, lambda: 30)
        self.store.save.side_effect = [DOWN, None]
        recorder.record(test_acts.act())
        recorder.stop()
        self.assertFalse(recorder._thread.is_alive())
        self.assertEqual(2, self.store.save.call_count)

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

"""What is paused, whatever becomes of the database."""

from unittest import mock

import fixtures
from oslotest import base

from nova_failover_ext.api import pauses
from nova_failover_ext.decisions import store
from nova_failover_ext.engine import brake
from nova_failover_ext.engine import database_copy
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.api import test_pauses

DOWN = exception.DecisionsUnavailable(reason='down')


class BrakeTest(base.BaseTestCase):
    """Over a fake database, with a clock that the test moves."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.now = 100.0
        self.saved = {}
        self.store = mock.create_autospec(store.Store, instance=True)
        self.store.read.side_effect = lambda: list(self.saved.values())
        self.store.save.side_effect = lambda pause: self.saved.update(
            {pause.backend: pause})
        self.store.delete.side_effect = lambda name: self.saved.pop(name)
        self.brake = self._lead()

    def _lead(self, refresh=True):
        made = brake.Brake(self.store, lambda: self.now)
        made.lead()
        if refresh:
            made.refresh(True)
        return made

    def _later(self, leading=True):
        self.now += database_copy.INTERVAL
        self.brake.refresh(leading)

    def _pause(self, *args, **values):
        return self.brake.pause(test_pauses.pause(*args, **values))

    def _break(self, *names):
        for name in names or ('upgrade', 'read', 'save', 'delete'):
            getattr(self.store, name).side_effect = DOWN

    def test_nothing_is_paused(self):
        self.assertFalse(self.brake.held('node@rbd'))
        self.brake.refuse('node@rbd')
        self.assertEqual({'pauses': [], 'decisions': ''},
                         self.brake.report())

    def test_one_backend(self):
        report = self._pause()
        self.assertTrue(self.brake.held('node@rbd'))
        self.assertFalse(self.brake.held('other'))
        self.assertEqual([test_pauses.pause().to_primitive()],
                         report['pauses'])
        self.brake.refuse('other')
        error = self.assertRaises(exception.RecoveryPaused,
                                  self.brake.refuse, 'node@rbd')
        self.assertEqual('%s.' % test_pauses.pause(), str(error))

    def test_everything(self):
        self._pause(pauses.EVERYTHING)
        self.assertTrue(self.brake.held('node@rbd'))
        self.assertRaises(exception.RecoveryPaused,
                          self.brake.refuse, 'node@rbd')

    def test_resume(self):
        self._pause()
        self.assertEqual([], self.brake.resume('node@rbd', 'al@ctl2')[
            'pauses'])
        self.assertFalse(self.brake.held('node@rbd'))
        self.assertEqual({}, self.saved)

    def test_each_pause_is_ended_by_itself(self):
        self._pause()
        self._pause(pauses.EVERYTHING)
        self.brake.resume(pauses.EVERYTHING, 'al@ctl2')
        self.assertTrue(self.brake.held('node@rbd'))
        self.assertFalse(self.brake.held('other'))

    def test_who_asked_is_logged(self):
        self._pause()
        self.brake.resume('node@rbd', 'al@ctl2')
        self.assertIn('of node@rbd are paused by jo@ctl1 since',
                      self.log.output)
        self.assertIn('of node@rbd are resumed by al@ctl2; they were paused '
                      'by jo@ctl1 since', self.log.output)

    def test_a_second_pause_changes_nothing(self):
        self._pause()
        error = self.assertRaises(exception.RecoveryPaused, self._pause,
                                  reason='another')
        self.assertIn('array is degraded', str(error))
        self.assertEqual({'node@rbd': test_pauses.pause()}, self.saved)

    def test_what_is_not_paused_is_not_resumed(self):
        self._pause()
        error = self.assertRaises(exception.NotPaused, self.brake.resume,
                                  pauses.EVERYTHING, 'al@ctl2')
        self.assertEqual('Every backend is not paused; paused at present: '
                         'node@rbd.', str(error))
        self.assertTrue(self.brake.held('node@rbd'))
        self.store.delete.assert_not_called()

    def test_nobody_knows_what_is_paused(self):
        self._break()
        error = self.assertRaises(exception.DecisionsUnavailable,
                                  self._lead().resume, 'node@rbd', 'al@ctl2')
        self.assertEqual(str(DOWN), str(error))

    def test_a_decision_that_is_refused_keeps_no_other_back(self):
        def save(pause):
            if pause.backend == 'node@rbd':
                raise DOWN
            self.saved[pause.backend] = pause
        self.store.save.side_effect = save
        self.assertEqual(str(DOWN), self._pause()['decisions'])
        self._pause('other')
        self.assertEqual({'other': test_pauses.pause('other')}, self.saved)
        self._later()
        self.assertTrue(self.brake.held('node@rbd'))
        self.assertTrue(self.brake.held('other'))

    def test_the_next_engine_reads_it(self):
        self._pause()
        other = self._lead(refresh=False)
        # Nothing starts before it is read.
        self.assertTrue(other.held('other'))
        other.refresh(True)
        self.assertFalse(other.held('other'))
        self.assertTrue(other.held('node@rbd'))

    def test_who_is_asked_at_once_reads_it_first(self):
        self._pause()
        self.assertRaises(exception.RecoveryPaused,
                          self._lead(refresh=False).refuse, 'node@rbd')
        self.assertRaises(exception.RecoveryPaused,
                          self._lead(refresh=False).pause,
                          test_pauses.pause())
        self._lead(refresh=False).resume('node@rbd', 'al@ctl2')
        self.assertEqual({}, self.saved)

    def test_the_database_is_read_now_and_then(self):
        self.saved['node@rbd'] = test_pauses.pause()
        self.brake.refresh(True)
        self.assertFalse(self.brake.held('node@rbd'))
        self._later()
        self.assertTrue(self.brake.held('node@rbd'))

    def test_who_does_not_act_reads_only(self):
        self.store.reset_mock()
        self._later(leading=False)
        self.store.read.assert_called_once_with()
        self.store.upgrade.assert_not_called()
        self.store.read.side_effect = DOWN
        self._later(leading=False)
        self.assertNotIn('down', self.log.output)

    def test_a_database_that_is_down_holds_up_for_a_time(self):
        self._break()
        self.brake = self._lead()
        self.assertTrue(self.brake.held('node@rbd'))
        self.assertIn('down', self.brake.report()['decisions'])
        self.now += database_copy.PATIENCE
        self.assertFalse(self.brake.held('node@rbd'))

    def test_a_database_that_comes_up_after_the_engine(self):
        self._pause()
        self._break('read')
        other = self._lead()
        self.now += 1
        self.store.read.side_effect = lambda: list(self.saved.values())
        other.refresh(True)
        self.now += database_copy.PATIENCE
        self.assertTrue(other.held('node@rbd'))

    def test_a_database_that_hangs_holds_up_for_a_time(self):
        other = self._lead(refresh=False)
        self.now += database_copy.PATIENCE
        self.assertFalse(other.held('node@rbd'))

    def test_the_last_decision_stays_in_effect(self):
        self._pause()
        self._break()
        self._later()
        self._later()
        self.assertTrue(self.brake.held('node@rbd'))
        self.assertEqual(1, self.log.output.count(str(DOWN)))
        self.assertEqual(str(DOWN), self.brake.report()['decisions'])

    def test_what_could_not_be_saved_is_saved_later(self):
        self._break('save')
        self.assertEqual(str(DOWN), self._pause()['decisions'])
        self.assertTrue(self.brake.held('node@rbd'))
        self._later()
        self.assertTrue(self.brake.held('node@rbd'))
        self.store.save.side_effect = lambda pause: self.saved.update(
            {pause.backend: pause})
        self._later()
        self.assertEqual({'node@rbd': test_pauses.pause()}, self.saved)
        self.assertEqual('', self.brake.report()['decisions'])
        self.assertIn('can be used again', self.log.output)

    def test_a_resume_that_could_not_be_saved_is_saved_later(self):
        self._pause()
        self._break('delete')
        self.brake.resume('node@rbd', 'al@ctl2')
        self._later()
        self.assertFalse(self.brake.held('node@rbd'))
        self.store.delete.side_effect = lambda name: self.saved.pop(name)
        self._later()
        self.assertEqual({}, self.saved)

    def test_who_leads_again_while_an_end_is_saved(self):
        self._pause()
        self.store.delete.side_effect = lambda name: (
            self.saved.pop(name), self.brake.lead())
        self.assertEqual([], self.brake.resume('node@rbd', 'me@here')[
            'pauses'])

    def test_who_leads_again_believes_the_database(self):
        self._break('save')
        self._pause()
        self.brake.lead()
        self.brake.refresh(True)
        self.assertFalse(self.brake.held('node@rbd'))

    def test_a_decision_during_a_reading_counts(self):
        def meanwhile():
            self.brake._note('node@rbd', test_pauses.pause())
            return [test_pauses.pause('other')]
        self.store.read.side_effect = meanwhile
        self._later()
        self.assertTrue(self.brake.held('node@rbd'))
        self.assertTrue(self.brake.held('other'))

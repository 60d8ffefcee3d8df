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

"""What is excluded, whatever becomes of the databases."""

import datetime
from unittest import mock

import ddt
import fixtures
from oslotest import base

from nova_failover_ext.api import exclusions
from nova_failover_ext.decisions import exclusion_store
from nova_failover_ext.engine import database_copy
from nova_failover_ext.engine import exclusion_memory
from nova_failover_ext.engine import model
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.api import test_exclusions
from nova_failover_ext.tests.unit.engine import fakes

Kind = exclusions.Kind
DOWN = exception.DecisionsUnavailable(reason='down')
UNREAD = exception.DatabaseUnavailable(reason='API database: down')
exclusion = test_exclusions.exclusion


@ddt.ddt
class ExclusionMemoryTest(base.BaseTestCase):
    """Over fake databases, with clocks that the test moves."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.seconds = 100.0
        self.saved = {}
        self.store = mock.create_autospec(
            exclusion_store.ExclusionStore, instance=True)
        self.store.read.side_effect = self._saved
        self.store.save.side_effect = lambda one: self.saved.update(
            {one.key: one})
        self.store.delete.side_effect = lambda *key: self.saved.pop(key)
        self.groups = mock.create_autospec(lambda: None)
        self.groups.return_value = model.HostGroups(
            frozenset({'compute1', 'compute2'}),
            (model.Aggregate('7', 'racks', frozenset({'compute1'})),),
            {'az1': frozenset({'compute1'})})
        self.memory = self._lead()

    def _saved(self):
        return list(self.saved.values())

    def _now(self):
        return test_exclusions.SINCE + datetime.timedelta(
            seconds=self.seconds)

    def _lead(self, refresh=True):
        made = exclusion_memory.ExclusionMemory(
            self.store, self.groups, lambda: self.seconds, self._now)
        made.lead()
        if refresh:
            made.refresh(True)
        return made

    def _later(self, seconds=database_copy.INTERVAL, leading=True):
        self.seconds += seconds
        return self.memory.refresh(leading)

    def _targets(self, memory=None):
        return [one.target for one in (memory or self.memory).current.all()]

    def test_nothing_is_excluded(self):
        self.assertFalse(self.memory.covers(fakes.work()))
        self.assertEqual({'exclusions': []}, self.memory.report())
        self.groups.assert_not_called()

    @ddt.data((Kind.SERVER, 'server'), (Kind.PROJECT, 'p'),
              (Kind.HOST, 'compute1'), (Kind.AGGREGATE, '7'),
              (Kind.ZONE, 'az1'))
    @ddt.unpack
    def test_exclude(self, kind, target):
        report = self.memory.exclude(exclusion(target, kind))
        self.assertEqual([target],
                         [one['target'] for one in report['exclusions']])
        self.assertTrue(self.memory.covers(fakes.work()))
        self.assertFalse(self.memory.covers(fakes.work(
            server_id='2', project_id='q', host='compute2')))
        # Its owner could not use it otherwise.
        self.assertFalse(self.memory.covers(fakes.work(begun=True)))
        self.assertIn('is excluded from recovery by jo@ctl1 since',
                      self.log.output)

    def test_include_by_name(self):
        self.memory.exclude(exclusion('7', Kind.AGGREGATE, name='racks'))
        self.assertEqual({'exclusions': []}, self.memory.include(
            Kind.AGGREGATE, 'racks', 'al@ctl2'))
        self.assertFalse(self.memory.covers(fakes.work()))
        self.assertEqual({}, self.saved)
        self.assertIn('of aggregate racks (7) is ended by al@ctl2; it was '
                      'excluded by jo@ctl1 since', self.log.output)

    def test_a_second_exclusion_changes_nothing(self):
        self.memory.exclude(exclusion())
        error = self.assertRaises(
            exception.AlreadyExcluded, self.memory.exclude,
            exclusion(reason='another'))
        self.assertEqual('%s.' % exclusion(), str(error))
        self.assertEqual([exclusion()], self._saved())

    def test_what_is_not_excluded_is_not_included(self):
        self.memory.exclude(exclusion())
        error = self.assertRaises(
            exception.NotExcluded, self.memory.include, Kind.HOST, 'server',
            'al@ctl2')
        self.assertEqual('The host server is not excluded; excluded at '
                         'present: server server.', str(error))
        self.store.delete.assert_not_called()

    def test_what_cannot_be_saved_is_not_in_effect(self):
        self.store.save.side_effect = DOWN
        self.assertRaises(exception.DecisionsUnavailable,
                          self.memory.exclude, exclusion())
        self.assertEqual([], self._targets())

    def test_an_end_that_cannot_be_saved_is_none(self):
        self.memory.exclude(exclusion())
        self.store.delete.side_effect = DOWN
        self.assertRaises(exception.DecisionsUnavailable,
                          self.memory.include, Kind.SERVER, 'server', 'x')
        self.assertEqual(['server'], self._targets())

    def test_hosts_that_cannot_be_read(self):
        self.groups.side_effect = UNREAD
        self.assertRaises(exception.DatabaseUnavailable, self.memory.exclude,
                          exclusion('7', Kind.AGGREGATE))
        self.store.save.assert_not_called()
        self.memory.exclude(exclusion())
        self.assertEqual(['server'], self._targets())

    def test_an_aggregate_that_changes(self):
        self.memory.exclude(exclusion('7', Kind.AGGREGATE))
        self.assertTrue(self._later(0))
        self.groups.return_value = model.HostGroups()
        self.assertTrue(self._later())
        self.assertFalse(self.memory.covers(fakes.work()))
        self.assertEqual(['7'], self._targets())

    def test_who_hears_of_a_change(self):
        self.assertFalse(self._later())
        self.memory.exclude(exclusion())
        self.assertTrue(self._later(0))
        self.assertFalse(self._later())
        self.memory.include(Kind.SERVER, 'server', 'al@ctl2')
        self.assertTrue(self._later(0))

    def test_it_ends_by_itself(self):
        self.memory.exclude(exclusion(
            until=self._now() + datetime.timedelta(seconds=5)))
        self.assertTrue(self._later(4))
        self.assertTrue(self.memory.covers(fakes.work()))
        self.assertTrue(self._later(1))
        self.assertFalse(self.memory.covers(fakes.work()))
        self.assertIn('The exclusion of server server has ended at',
                      self.log.output)
        self._later()
        self.assertEqual([], self._targets())
        self.store.purge.assert_called_once_with(self._now())
        # What has ended is no obstacle.
        self.memory.exclude(exclusion())

    def test_who_does_not_act_ends_it_and_writes_nothing(self):
        self.saved['x'] = exclusion(until=test_exclusions.UNTIL)
        self.store.reset_mock()
        self._later(leading=False)
        self.assertEqual(['server'], self._targets())
        self._later(2 * 86400, leading=False)
        self.assertEqual([], self._targets())
        self.store.upgrade.assert_not_called()
        self.store.purge.assert_not_called()
        self.assertNotIn('ended', self.log.output)

    def test_the_next_engine_reads_it(self):
        self.memory.exclude(exclusion())
        other = self._lead(refresh=False)
        # Nothing starts before it is read.
        self.assertTrue(other.unread())
        self.assertTrue(other.refresh(True))
        self.assertFalse(other.unread())
        self.assertTrue(other.covers(fakes.work()))

    def test_who_is_asked_at_once_reads_it_first(self):
        self.memory.exclude(exclusion())
        self.assertRaises(exception.AlreadyExcluded,
                          self._lead(refresh=False).exclude, exclusion())
        self._lead(refresh=False).include(Kind.SERVER, 'server', 'al@ctl2')
        self.assertEqual({}, self.saved)

    def test_the_databases_are_read_now_and_then(self):
        self.saved['x'] = exclusion()
        self.assertFalse(self._later(database_copy.INTERVAL - 1))
        self.assertTrue(self._later(1))
        self.assertEqual(['server'], self._targets())

    @ddt.data('upgrade', 'read')
    def test_a_database_that_is_down_holds_up_for_a_time(self, name):
        getattr(self.store, name).side_effect = DOWN
        other = self._lead()
        self.assertTrue(other.unread())
        self.seconds += database_copy.PATIENCE
        self.assertFalse(other.unread())
        getattr(self.store, name).side_effect = {
            'upgrade': None, 'read': self._saved}[name]
        self.saved['x'] = exclusion()
        other.refresh(True)
        self.assertEqual(['server'], self._targets(other))

    def test_the_latest_that_are_known_stay_in_effect(self):
        self.memory.exclude(exclusion('7', Kind.AGGREGATE))
        self.groups.side_effect = UNREAD
        self._later()
        self._later()
        self.assertTrue(self.memory.covers(fakes.work()))
        self.assertEqual(1, self.log.output.count(str(UNREAD)))

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

"""What a look reads, and reads again."""

import datetime
from unittest import mock

import ddt
import testtools

from nova_failover_ext.api import cell_problem
from nova_failover_ext.engine.inventory import cinder_reader
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import driver_rules
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.tests.unit.engine import fakes

OLD_ID = 'req-1b0f1a0e-2f2a-4b0e-a3e8-3b1f9e0d5c22'


def _at(minute):
    return datetime.datetime(2026, 11, 23, 12, minute, tzinfo=datetime.UTC)


def _records(*attachments, **values):
    return snapshot.Records(**{
        'backend': fakes.backend(), 'gate': gate.Decision(open=True),
        'volumes': {'vol': fakes.volume()}, 'attachments': attachments,
        'problems': (), **values})


@ddt.ddt
class ReadTest(testtools.TestCase):
    """A whole look."""

    def setUp(self):
        super().setUp()
        self.cinder = mock.create_autospec(cinder_reader.CinderReader,
                                           instance=True)
        self.cinder.volumes.return_value = {'vol': fakes.volume()}
        self.cinder.expectation.return_value = driver_rules.recognise(
            'NetApp', 'nfs')
        self.nova = mock.create_autospec(nova_reader.NovaReader, instance=True)
        self.nova.attachments.return_value = [fakes.attachment()], []

    def _read(self, **member):
        self.cinder.backend.return_value = fakes.backend(
            fakes.member(**member))
        return snapshot.read(self.cinder, self.nova, fakes.BACKEND)

    def test_a_driver_that_a_refresh_does_not_heal(self):
        found = self._read().judge(server_plans.PlanOptions())
        self.assertTrue(found.servers[0].blocked)
        self.assertFalse(found.converged)
        self.assertTrue(found.expected.certain)

    def test_a_rehearsal(self):
        self.cinder.volumes.return_value = {
            'vol': fakes.volume(replication_status='enabled')}
        found = self._read(replication_status='enabled',
                           active_backend_id=None)
        self.assertTrue(found.gate.open)
        self.assertTrue(found.rehearse().servers[0].blocked)
        self.assertFalse(found.judge(
            server_plans.PlanOptions()).servers[0].blocked)

    @ddt.data({'replication_status': 'failing-over'}, {'up': False})
    def test_a_service_that_is_at_it_is_not_asked(self, member):
        found = self._read(**member)
        self.cinder.expectation.assert_not_called()
        self.assertEqual(driver_rules.UNKNOWN, found.expected)

    def test_rows_that_are_missing_may_be_given_up(self):
        self.cinder.volumes.return_value['late'] = fakes.volume(
            id='late', replication_status='enabled')
        self.assertTrue(self._read().expected.certain)


class RereadTest(testtools.TestCase):
    """A look at some servers."""

    def test_only_nova_is_asked(self):
        nova = mock.create_autospec(nova_reader.NovaReader, instance=True)
        problem = cell_problem.CellProblem('cell1', 'no way')
        fresh = fakes.attachment(stamp='second')
        nova.attachments_of.return_value = ([fresh], [problem])
        before = _records(
            fakes.attachment(),
            fakes.attachment(server=fakes.server(id='other')))
        asked = [(fakes.CELL, 'server')]
        after = snapshot.reread(before, nova, asked)
        nova.attachments_of.assert_called_once_with(asked, before.volumes)
        self.assertEqual(((fresh,), (problem,)),
                         (after.attachments, after.problems))
        self.assertIs(before.volumes, after.volumes)
        self.assertEqual(before.backend, after.backend)


@ddt.ddt
class KnownFailoverTest(testtools.TestCase):
    """Under which id somebody else has begun."""

    def _recovery(self, failover_id, minute, server_id='server'):
        return {server_id: model.Recovery(
            server_id, failover_id, _at(minute), None)}

    @ddt.data(({'stamp': 'second'}, True), ({'stamp': ''}, False),
              ({'stamp': None}, False),
              ({'server': fakes.server(task_state='recovering_volumes')},
               True))
    @ddt.unpack
    def test_one_server(self, values, known):
        records = _records(fakes.attachment(**values))
        found = snapshot.known_failover(
            records, self._recovery(fakes.FAILOVER_ID, 5))
        self.assertEqual(fakes.FAILOVER_ID if known else None, found)

    def test_nobody_has_begun(self):
        records = _records(fakes.attachment(stamp='second'))
        self.assertIsNone(snapshot.known_failover(records, {}))

    def test_an_older_failover_to_the_same_target_lends_no_id(self):
        # 'kept' has slept through the failback that others have seen.
        records = _records(
            fakes.attachment(stamp='second',
                             server=fakes.server(id='kept')),
            fakes.attachment(stamp='', server=fakes.server(id='back')))
        self.assertIsNone(snapshot.known_failover(records, {
            **self._recovery(OLD_ID, 1, 'kept'),
            **self._recovery(fakes.FAILOVER_ID, 5, 'back')}))

    def test_the_last_one_that_was_tried_has_failed(self):
        records = _records(
            fakes.attachment(stamp='second', server=fakes.server(id='ok')),
            fakes.attachment(server=fakes.server(id='bad')))
        self.assertEqual(fakes.FAILOVER_ID, snapshot.known_failover(records, {
            **self._recovery(fakes.FAILOVER_ID, 1, 'ok'),
            **self._recovery(fakes.FAILOVER_ID, 5, 'bad')}))

    def test_a_group_that_has_failed_over_by_itself(self):
        records = _records(
            fakes.attachment(stamp='group failed-over'),
            backend=fakes.backend(fakes.member(
                replication_status='enabled', active_backend_id=None)),
            volumes={'vol': fakes.volume(group_id='alpha')})
        self.assertEqual(fakes.FAILOVER_ID, snapshot.known_failover(
            records, self._recovery(fakes.FAILOVER_ID, 5)))

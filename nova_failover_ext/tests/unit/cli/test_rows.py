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

"""Tables from surveys."""

import datetime

import ddt
import testtools

from nova_failover_ext.api import cell_problem
from nova_failover_ext.cli import rows
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.tests.unit.engine import fakes

SKIP, DEFER = server_plans.Verdict.SKIP, server_plans.Verdict.DEFER


def _recovery(**values):
    return model.Recovery(**{
        'server_id': 'server', 'failover_id': fakes.FAILOVER_ID,
        'started_at': datetime.datetime(2026, 11, 23, 4, tzinfo=datetime.UTC),
        'finished_at': datetime.datetime(2026, 11, 23, 4, 1,
                                         tzinfo=datetime.UTC),
        'result': 'Error', 'message': 'no path', **values})


class PlanRowsTest(testtools.TestCase):
    """The tables of ``plan``."""

    def test_per_server(self):
        server = fakes.server_plan(
            server=fakes.server(task_state='rebooting'))
        row = dict(zip(rows.PLAN_COLUMNS, rows.plan_rows([server])[0],
                       strict=True))
        self.assertEqual(
            {'Server': 'server', 'Name': 'web', 'Project': 'p',
             'Host': 'compute1', 'Status': 'ACTIVE (rebooting)',
             'Priority': 3, 'Policy': 'reattach', 'Verdict': 'recover',
             'Power Cycle': 'no', 'Volumes': '/dev/vdb',
             'Reason': 'stale?', 'Blocked On': '', 'Notes': ''}, row)

    def test_until_when_and_what_else(self):
        server = fakes.server_plan(until='at noon', notes=('a', 'b'))
        row = dict(zip(rows.PLAN_COLUMNS, rows.plan_rows([server])[0],
                       strict=True))
        self.assertEqual(('at noon', 'a; b'),
                         (row['Blocked On'], row['Notes']))

    def test_per_volume(self):
        done = server_plans.VolumePlan('root', SKIP, 'same', '/dev/vda', True)
        server = fakes.server_plan(
            verdict=DEFER, reason='paused',
            volumes=(done, *fakes.server_plan().volumes))
        found = [dict(zip(rows.VOLUME_COLUMNS, row, strict=True))
                 for row in rows.volume_rows([server])]
        self.assertEqual([('skip', 'same'), ('defer', 'paused')],
                         [(r['Verdict'], r['Reason']) for r in found])
        self.assertEqual([True, False], [r['Root'] for r in found])


@ddt.ddt
class StatusRowsTest(testtools.TestCase):
    """The table of ``status``."""

    @ddt.data(
        (SKIP, None, {}, 'converged'),
        (SKIP, _recovery(), {'in_flight': ['server']}, 'converged'),
        (DEFER, None, {}, 'deferred'),
        (DEFER, None, {'in_flight': ['server']}, 'recovering'),
        (server_plans.Verdict.RECOVER, None, {}, 'unknown'),
        (server_plans.Verdict.RECOVER, _recovery(), {}, 'failed'),
        (server_plans.Verdict.RECOVER, _recovery(result='Deferred'), {},
         'deferred'),
        (server_plans.Verdict.RECOVER, _recovery(result='Success'), {},
         'unknown'),
        (server_plans.Verdict.RECOVER, _recovery(),
         {'servers': {'server': {'outcome': 'deferred'}}}, 'deferred'),
        (server_plans.Verdict.RECOVER, _recovery(),
         {'servers': {'server': {'state': 'retries exhausted'}}},
         'retries exhausted'),
        (server_plans.Verdict.RECOVER, None,
         {'servers': {'server': {'state': 'converged'}}}, 'unknown'),
        (server_plans.Verdict.RECOVER, None,
         {'servers': {'server': {'state': 'of a newer engine'}}},
         'unknown'),
        (server_plans.Verdict.RECOVER, _recovery(), {'waiting': ['server']},
         'waiting'))
    @ddt.unpack
    def test_state(self, verdict, latest, remembered, expected):
        self.assertEqual(expected, rows.state_of(
            fakes.server_plan(verdict=verdict), latest, remembered).value)

    def test_blocked(self):
        server = fakes.server_plan(verdict=DEFER, blocked=True)
        self.assertEqual('blocked', rows.state_of(server, None, {}).value)

    def _row(self, server, recoveries, remembered):
        return dict(zip(rows.STATUS_COLUMNS, rows.status_rows(
            fakes.found(server), recoveries, remembered)[0], strict=True))

    def test_the_recorded_reason(self):
        row = self._row(fakes.server_plan(), {'server': _recovery()}, {})
        self.assertEqual(
            ('no path', 'Error', '2026-11-23T04:01:00+00:00',
             fakes.FAILOVER_ID),
            (row['Reason'], row['Last Result'], row['Last Time'],
             row['Failover']))

    def test_the_remembered_reason(self):
        row = self._row(fakes.server_plan(), {}, {
            'servers': {'server': {'outcome': 'failed', 'reason': 'gone'}}})
        self.assertEqual(('gone', 'failed'), (row['Reason'], row['State']))

    def test_in_progress(self):
        row = self._row(fakes.server_plan(), {'server': _recovery(
            result=None, message=None, finished_at=None)}, {})
        self.assertEqual(('in progress', '2026-11-23T04:00:00+00:00'),
                         (row['Last Result'], row['Last Time']))

    def test_the_truth_has_the_last_word(self):
        row = self._row(fakes.server_plan(verdict=SKIP, reason='same'),
                        {'server': _recovery()}, {})
        self.assertEqual('same', row['Reason'])


class SummaryTest(testtools.TestCase):
    """One line about all of it."""

    def test_settled(self):
        self.assertEqual(
            'node@rbd is on second (failed-over); servers: recover 1, '
            'defer 0, skip 0', rows.summary(fakes.found(fakes.server_plan())))

    def test_waiting(self):
        found = fakes.found(gate=gate.Decision(False, 'not yet'))
        self.assertIn('; waiting: not yet', rows.summary(found))

    def test_of_a_backend(self):
        found = fakes.found(fakes.server_plan(),
                            fakes.server_plan(verdict=SKIP))
        self.assertEqual(
            (fakes.BACKEND, 'second', 'failed-over', 2, 1, 1, '', '', '', ''),
            rows.backend_row(found, {}, {}))
        row = dict(zip(rows.BACKEND_COLUMNS, rows.backend_row(found, {
            'in_flight': 3, 'failover_id': 'req', 'last_checked': 'now',
            'gate': {'open': False, 'reason': 'rows'}}, {}), strict=True))
        self.assertEqual((3, 'rows', 'req', 'now'), (
            row['In Flight'], row['Waiting For'], row['Failover'],
            row['Last Checked']))
        closed = fakes.found(gate=gate.Decision(False, 'not yet'))
        self.assertEqual('not yet', rows.backend_row(closed, {}, {})[7])

    def test_the_primary_has_a_name(self):
        found = fakes.found(backend=fakes.backend(fakes.member(
            active_backend_id=None)))
        self.assertEqual('primary', rows.backend_row(found, {}, {})[1])
        self.assertIn('is on primary (', rows.summary(found))

    def test_converged(self):
        done = fakes.server_plan(verdict=SKIP)
        self.assertTrue(fakes.found(done).converged)
        self.assertTrue(fakes.found().converged)
        self.assertFalse(fakes.found(fakes.server_plan()).converged)
        self.assertFalse(fakes.found(
            fakes.server_plan(verdict=DEFER)).converged)
        self.assertFalse(fakes.found(
            done, gate=gate.Decision(False, 'x')).converged)
        self.assertFalse(fakes.found(
            done, problems=(cell_problem.CellProblem('c', 'x'),)).converged)

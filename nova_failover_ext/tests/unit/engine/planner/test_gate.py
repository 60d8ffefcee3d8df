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

"""The gate's table."""

import datetime

import ddt
import testtools

from nova_failover_ext.engine.planner import gate
from nova_failover_ext.tests.unit.engine import fakes


def _at(minute):
    return datetime.datetime(2026, 11, 23, 12, minute,
                             tzinfo=datetime.UTC)


@ddt.ddt
class DecideTest(testtools.TestCase):
    """When recovery may act on a backend."""

    @ddt.data('enabled', 'failed-over')
    def test_settled(self, status):
        member = fakes.member(replication_status=status)
        volume = fakes.volume(replication_status=status)
        decision = gate.decide(fakes.backend(member), [volume])
        self.assertEqual(gate.Decision(open=True), decision)

    @ddt.data(
        ({'up': False}, 'members', 'cinder-volume of node@rbd is down'),
        ({'replication_status': 'failing-over'}, 'moving',
         'the failover of node@rbd is in progress'),
        ({'replication_status': 'failover-error'}, 'failed',
         'the failover of node@rbd failed in Cinder'),
        ({'replication_status': 'error'}, 'failed',
         'the failover of node@rbd failed in Cinder'))
    @ddt.unpack
    def test_the_service_says_no(self, values, kind, reason):
        backend = fakes.backend(fakes.member(**values))
        decision = gate.decide(backend, [])
        self.assertEqual(
            gate.Decision(False, reason, kind=gate.Kind(kind)), decision)
        self.assertEqual(kind == 'moving', decision.moves('vol'))

    def test_members_that_disagree(self):
        backend = fakes.backend(
            fakes.member(host='one@rbd'),
            fakes.member(host='two@rbd', active_backend_id=None))
        decision = gate.decide(backend, [])
        self.assertIn('different active backends: one@rbd second, two@rbd '
                      'primary', decision.reason)
        self.assertIs(gate.Kind.DISAGREE, decision.kind)

    def test_a_member_that_is_down_has_no_say(self):
        backend = fakes.backend(
            fakes.member(active_backend_id='old', up=False), fakes.member())
        self.assertTrue(gate.decide(backend, []).open)
        self.assertEqual('second', backend.active_backend_id)

    @ddt.data('failing-over', 'enabled')
    def test_a_row_that_is_not_written(self, status):
        rows = [fakes.volume(),
                fakes.volume(id='late', replication_status=status)]
        decision = gate.decide(fakes.backend(), rows)
        self.assertTrue(decision.open)
        self.assertEqual({'late'}, decision.late)
        self.assertIs(gate.Kind.ROWS, decision.kind)
        self.assertEqual((True, False),
                         (decision.moves('late'), decision.moves('vol')))
        self.assertIn('1 of 2 volume records', decision.reason)

    def test_a_row_that_failback_has_not_written(self):
        member = fakes.member(replication_status='enabled')
        decision = gate.decide(fakes.backend(member), [fakes.volume()])
        self.assertEqual({'vol'}, decision.late)

    @ddt.data('disabled', 'not-capable', 'error')
    def test_rows_that_never_follow(self, status):
        rows = [fakes.volume(replication_status=status)]
        self.assertEqual(gate.Decision(True),
                         gate.decide(fakes.backend(), rows))


@ddt.ddt
class UnwrittenTest(testtools.TestCase):
    """Which rows do not tell of the failover yet."""

    def test_created_after_the_failover(self):
        rows = [fakes.volume(id='old', updated_at=_at(10)),
                fakes.volume(id='new', created_at=_at(11),
                             replication_status='enabled')]
        self.assertEqual(frozenset(), gate.unwritten(fakes.backend(), rows))

    def test_groups_fail_over_by_themselves(self):
        self.assertEqual(frozenset(), gate.unwritten(fakes.backend(), [
            fakes.volume(replication_status='enabled', group_id='alpha')]))

    def test_created_before_it(self):
        rows = [fakes.volume(id='old', updated_at=_at(10)),
                fakes.volume(id='late', created_at=_at(9),
                             replication_status='enabled')]
        self.assertEqual({'late'}, gate.unwritten(fakes.backend(), rows))

    @ddt.data(('enabled', True), ('failing-over', True),
              ('failover-error', True), ('not-capable', False),
              ('disabled', False), (None, False))
    @ddt.unpack
    def test_is_replicated(self, status, expected):
        backend = fakes.backend(fakes.member(replication_status=status))
        self.assertEqual(expected, gate.is_replicated(backend))

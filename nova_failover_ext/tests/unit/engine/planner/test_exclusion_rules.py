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

"""What becomes of the plan of a server that is excluded."""

import ddt
import testtools

from nova_failover_ext.api import exclusions
from nova_failover_ext.engine.planner import exclusion_rules
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.unit.api import test_exclusions
from nova_failover_ext.tests.unit.engine import fakes

Verdict = server_plans.Verdict
CURRENT = exclusions.Exclusions((test_exclusions.exclusion(
    'p', exclusions.Kind.PROJECT, name='my demo'),))


def _apply(current=CURRENT, **values):
    (found,) = exclusion_rules.apply([fakes.server_plan(**values)], current)
    return found


@ddt.ddt
class ApplyTest(testtools.TestCase):
    """With a project that is excluded."""

    @ddt.data({'verdict': Verdict.RECOVER}, {'verdict': Verdict.DEFER},
              {'verdict': Verdict.DEFER, 'blocked': True})
    def test_excluded(self, values):
        found = _apply(power_cycle=server_plans.PowerCycle.IF_STALE, **values)
        self.assertEqual(
            (Verdict.EXCLUDE, server_plans.PowerCycle.NO, False),
            (found.verdict, found.power_cycle, found.blocked))
        self.assertEqual('its project my demo (p) is excluded by jo@ctl1: '
                         'is migrated', found.reason)
        self.assertEqual('it is included by "nova-failover include --project '
                         'p"', found.until)

    def test_a_server_until_a_time(self):
        found = _apply(exclusions.Exclusions((test_exclusions.exclusion(
            until=test_exclusions.UNTIL),)))
        self.assertEqual('the server is excluded by jo@ctl1: is migrated',
                         found.reason)
        self.assertEqual(
            'it is included by "nova-failover include --server server", or '
            '2026-11-27T22:00:05+00:00', found.until)

    @ddt.data({'verdict': Verdict.SKIP},
              {'server': fakes.server(project_id='other')},
              # It would be left half done.
              {'server': fakes.server(task_state=staleness.TASK_STATE)})
    def test_not_excluded(self, values):
        self.assertEqual(fakes.server_plan(**values), _apply(**values))

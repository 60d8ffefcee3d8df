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

"""Leaves out of a plan what operators have excluded, as pure decisions."""

from collections.abc import Iterable
import dataclasses
import shlex
import sys

from nova_failover_ext.api import exclusions
from nova_failover_ext.engine.planner import rules
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.recovery import staleness


def apply(plans: Iterable[server_plans.ServerPlan],
          current: exclusions.Exclusions
          ) -> tuple[server_plans.ServerPlan, ...]:
    """Return the plans, with a verdict of their own for excluded servers.

    A server that needs nothing is not excluded from anything.

    :param current: the exclusions in effect
    """
    return tuple(_apply(plan, current) for plan in plans)


def of(plan: server_plans.ServerPlan, current: exclusions.Exclusions
       ) -> exclusions.Exclusion | None:
    """Return what excludes a server, None if nothing does.

    What has begun is not left half done: its owner could not use it.

    :param current: the exclusions in effect
    """
    server = plan.server
    if (plan.verdict is rules.Verdict.SKIP
            or server.task_state == staleness.TASK_STATE):
        return None
    return current.covering(server.id, server.project_id, server.host)


def _apply(plan: server_plans.ServerPlan, current: exclusions.Exclusions
           ) -> server_plans.ServerPlan:
    found = of(plan, current)
    if found is None:
        return plan
    return dataclasses.replace(
        plan, verdict=rules.Verdict.EXCLUDE,
        reason=sys.intern(_reason(found)), until=sys.intern(_until(found)),
        power_cycle=server_plans.PowerCycle.NO, notes=(), blocked=False)


def _reason(found: exclusions.Exclusion) -> str:
    subject = ('the server' if found.kind is exclusions.Kind.SERVER
               else 'its %s' % found.subject)
    return '%s is excluded by %s: %s' % (subject, found.who, found.reason)


def _until(found: exclusions.Exclusion) -> str:
    end = ', or %s' % found.end if found.end else ''
    return 'it is included by "nova-failover include --%s %s"%s' % (
        found.kind.value, shlex.quote(found.target), end)

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


"""Which servers an operator's request is about, as pure decisions."""

from collections.abc import Mapping
import dataclasses

from nova_failover_ext.api import exclusions
from nova_failover_ext.api import requests
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine.planner import filters
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.recovery import policy as policies


def chosen(request: requests.Request, records: snapshot.Records,
           excluded: exclusions.Exclusions) -> set[str]:
    """Return the ids of the servers that a request is about.

    :param records: of a full scan
    :param excluded: those that an operator has excluded are left out
    """
    admitted = {a.server.id for a in records.attachments
                if filters.admits(request, a.server,
                                  server_plans.priority_of(a.server))
                and not excluded.covering(
                    a.server.id, a.server.project_id, a.server.host)}
    if request.limit is None:
        return admitted
    wanted = dict.fromkeys(admitted, request.policy) if request.policy else {}
    found = overruled(records, wanted).judge(server_plans.PlanOptions(
        records.gate.late,
        frozenset(admitted) if request.ignore_stamps else frozenset()))
    first = [p.server.id
             for p in found.servers_to(server_plans.Verdict.RECOVER)
             if p.server.id in admitted]
    return set(first[:request.limit])


def overruled(records: snapshot.Records,
              wanted: Mapping[str, str]) -> snapshot.Records:
    """Let the policies that operators ask for take the place of others.

    :param wanted: policy by the id of the server
    """
    if not wanted:
        return records
    return dataclasses.replace(records, attachments=tuple(
        dataclasses.replace(a, server=dataclasses.replace(
            a.server, policy=policies.Policy(wanted[a.server.id])))
        if a.server.id in wanted else a for a in records.attachments))

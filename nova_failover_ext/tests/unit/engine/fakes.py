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

"""Makes the records that the engine's tests are about."""

from typing import Any

from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.engine import work_items

BACKEND = 'node@rbd'
FAILOVER_ID = 'req-9f4a7e05-5c8e-4f1b-8b0a-0d4d2b9c7a11'
CELL = '6f2c1a53-0c3d-4a37-8f0e-9d0f7d0c1b11'


def member(**values: Any) -> model.Member:
    """Return a service that has failed over to ``second``."""
    return model.Member(**{'host': BACKEND, 'replication_status':
                           'failed-over', 'active_backend_id': 'second',
                           **values})


def backend(*members: model.Member) -> model.Backend:
    """Return a backend, failed over unless members say otherwise."""
    return model.Backend(BACKEND, members or (member(),))


def volume(**values: Any) -> model.Volume:
    """Return an attached volume that has failed over."""
    return model.Volume(**{'id': 'vol', 'status': 'in-use',
                           'replication_status': 'failed-over', **values})


def server(**values: Any) -> model.Server:
    """Return an active server."""
    return model.Server(**{'id': 'server', 'name': 'web', 'project_id': 'p',
                           'host': 'compute1', 'cell': CELL,
                           'vm_state': 'active', **values})


def attachment(**values: Any) -> model.Attachment:
    """Return a mapping of ``vol`` that was never stamped."""
    return model.Attachment(**{
        'server': server(), 'volume_id': 'vol', 'attachment_id': 'att',
        'device_name': '/dev/vdb', **values})


def server_plan(**values: Any) -> server_plans.ServerPlan:
    """Return a server to be recovered, with one data volume."""
    return server_plans.ServerPlan(**{
        'server': server(), 'verdict': server_plans.Verdict.RECOVER,
        'reason': 'stale?',
        'volumes': (server_plans.VolumePlan('vol',
                                            server_plans.Verdict.RECOVER,
                                            'stale?',
                                            '/dev/vdb', False, 'att'),),
        **values})


def found(*servers: server_plans.ServerPlan,
          **values: Any) -> snapshot.BackendPlan:
    """Return a survey of a settled backend."""
    return snapshot.BackendPlan(**{'backend': backend(),
                                   'gate': gate.Decision(open=True),
                                   'servers': servers, **values})


def part(**values: Any) -> work_items.Part:
    """Return what ``server_plan`` leads to, for one backend."""
    return work_items.Part(**{
        'backend': BACKEND, 'failover_id': FAILOVER_ID, 'target': 'second',
        'volumes': (('vol', 'second'),), **values})


def work(**values: Any) -> work_items.Work:
    """Return the work that ``server_plan`` leads to.

    :param values: of the work, or of its only part
    """
    of_part = {name: values.pop(name) for name in (
        'backend', 'failover_id', 'target', 'volumes') if name in values}
    return work_items.Work(**{
        'server_id': 'server', 'host': 'compute1', 'cell': CELL,
        'priority': 3, 'project_id': 'p', 'parts': (part(**of_part),),
        **values})

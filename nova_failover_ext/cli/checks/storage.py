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

"""Cinder's backends: are they up, in order, and fit to be recovered from?"""

from collections.abc import Sequence

from cinder_failover_hooks import statuses

from nova_failover_ext.api import exclusions
from nova_failover_ext.api import wording
from nova_failover_ext.cli.checks import findings
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import server_plans

BACKEND = 'backend'
RECORDS = 'records'
DRIVER = 'driver'
REHEARSAL = 'rehearsal'
VOLUMES = 'volumes'

_WAYS = ((server_plans.PowerCycle.IF_STALE, 'with a power cycle'),
         (server_plans.PowerCycle.IF_HELD, 'while they run'),
         (server_plans.PowerCycle.NO,
          'without a running guest, or records only'))


def service(found: snapshot.Records) -> findings.Finding:
    """Return whether a backend's services are in order."""
    backend = found.backend
    if not gate.is_replicated(backend):
        return findings.failure(
            BACKEND, backend.name, 'it takes no part in replication')
    down = [member.host for member in backend.members if not member.up]
    if len(down) == len(backend.members):
        return findings.failure(BACKEND, backend.name,
                                'cinder-volume is down')
    if found.gate.reason:
        return findings.warning(BACKEND, backend.name, found.gate.reason)
    if down:
        return findings.warning(BACKEND, backend.name,
                                'down: %s' % ', '.join(down))
    return findings.good(BACKEND, backend.name, 'on %s (%s)' % (
        statuses.called(backend.active_backend_id),
        backend.present.replication_status))


def driver(found: snapshot.Records) -> findings.Finding:
    """Tell what its driver makes of a failover."""
    backend, expected = found.backend, found.expected
    if expected.blocks:
        return findings.failure(DRIVER, backend.name, expected.blocks)
    names = ' or '.join(known.title for known in expected.drivers)
    return findings.good(DRIVER, backend.name, '; '.join(filter(None, (
        names or 'not known', expected.unchanged, *expected.notes,
        'tried on the %s' % expected.proven if expected.proven
        else 'not tried on it so far'))))


def rehearsal(found: snapshot.Records, excluded: exclusions.Exclusions
              ) -> list[findings.Finding]:
    """Tell how the servers would be recovered, were it to fail over now.

    :param excluded: what the engine leaves alone
    """
    name = found.backend.name
    servers = found.rehearse().excluding(excluded).servers
    detail = _recovered(servers)
    deferred = [s for s in servers if s.verdict is server_plans.Verdict.DEFER]
    if not deferred:
        told = [findings.good(REHEARSAL, name, detail)]
    else:
        blocked = any(s.blocked for s in deferred)
        told = [(findings.failure if blocked else findings.warning)(
            REHEARSAL, name, '%s; %s' % (detail, _reasons(deferred)))]
    return told + _unreplicated(found)


def hosts(found: snapshot.Records) -> dict[tuple[str, str], bool]:
    """Return where servers with replicated volumes are.

    :returns: whether the compute service is up, by cell and host
    """
    return {(a.server.cell, a.server.host): a.server.compute_up
            for a in found.attachments
            if a.server.host and not a.server.deleted
            and _replicated(found.volumes[a.volume_id])}


def _recovered(servers: Sequence[server_plans.ServerPlan]) -> str:
    ways = [s.power_cycle for s in servers
            if s.verdict is server_plans.Verdict.RECOVER]
    skipped = sum(s.verdict is server_plans.Verdict.SKIP for s in servers)
    excluded = sum(s.verdict is server_plans.Verdict.EXCLUDE
                   for s in servers)
    parts = ['%d %s' % (ways.count(way), text)
             for way, text in _WAYS if way in ways]
    return 'of %s, %d would be recovered%s; %d left alone%s' % (
        wording.count(len(servers), 'server'), len(ways),
        ' (%s)' % ', '.join(parts) if parts else '', skipped,
        '; %d excluded' % excluded if excluded else '')


def _reasons(deferred: Sequence[server_plans.ServerPlan]) -> str:
    reasons = [s.reason for s in deferred]
    return '%d deferred: %s' % (len(reasons), '; '.join(
        '%s (%d)' % (reason, reasons.count(reason))
        for reason in sorted(set(reasons))))


def _unreplicated(found: snapshot.Records) -> list[findings.Finding]:
    left = {a.volume_id for a in found.attachments if not a.server.deleted
            and not _replicated(found.volumes[a.volume_id])}
    return [findings.warning(
        VOLUMES, found.backend.name,
        'attached volumes that are not replicated and would be lost with the '
        'array: %d' % len(left))] if left else []


def _replicated(volume: model.Volume) -> bool:
    return statuses.volume_is_replicated(volume.replication_status)

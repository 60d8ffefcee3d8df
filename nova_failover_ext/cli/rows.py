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

"""Tables from plans, as pure functions."""

from collections.abc import Iterable, Mapping
from typing import Any

from cinder_failover_hooks import statuses

from nova_failover_ext.api import server_state
from nova_failover_ext.cli import excluding
from nova_failover_ext.cli import pausing
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import server_plans

ServerState = server_state.ServerState
Row = tuple[Any, ...]

PLAN_COLUMNS = ('Server', 'Name', 'Project', 'Host', 'Status', 'Priority',
                'Policy', 'Verdict', 'Power Cycle', 'Volumes', 'Reason',
                'Blocked On', 'Notes')
VOLUME_COLUMNS = ('Server', 'Name', 'Volume', 'Device', 'Root',
                  'Attachment', 'Verdict', 'Reason')
STATUS_COLUMNS = ('Server', 'Name', 'Project', 'Host', 'Backend', 'State',
                  'Volumes', 'Reason', 'Blocked On', 'Last Result',
                  'Last Time', 'Failover')
BACKEND_COLUMNS = ('Backend', 'Active', 'Replication', 'Servers', 'Converged',
                   'Remaining', 'In Flight', 'Waiting For', 'Failover',
                   'Last Checked')

#: What a memory counts for where the records leave it open, by what the last
#: try ended with.
_AFTER = {'deferred': ServerState.DEFERRED, 'failed': ServerState.FAILED,
          'error': ServerState.FAILED}
#: States that only an engine knows of, and the records do not contradict.
_REMEMBERED = {state.value: state for state in (
    ServerState.WAITING, ServerState.RECOVERING, ServerState.DEFERRED,
    ServerState.FAILED, ServerState.RETRIES_EXHAUSTED, ServerState.SUPERSEDED)}


def plan_rows(servers: Iterable[server_plans.ServerPlan]) -> list[Row]:
    """Return a row per server, fit for PLAN_COLUMNS."""
    return [(s.server.id, s.server.name, s.server.project_id,
             s.server.host or '', _status(s.server), s.priority,
             s.server.policy.value, s.verdict.value, s.power_cycle.value,
             _devices(s), s.reason, s.until, '; '.join(s.notes))
            for s in servers]


def volume_rows(servers: Iterable[server_plans.ServerPlan]) -> list[Row]:
    """Return a row per volume, fit for VOLUME_COLUMNS.

    The verdict is that of the server, unless the volume's own is milder.
    """
    return [(s.server.id, s.server.name, v.volume_id, v.device_name or '',
             v.root, v.attachment_id or '',
             *((s.verdict.value, s.reason)
               if v.verdict is server_plans.Verdict.RECOVER
               else (v.verdict.value, v.reason)))
            for s in servers for v in s.volumes]


def status_rows(found: snapshot.BackendPlan,
                recoveries: Mapping[str, model.Recovery],
                remembered: Mapping[str, Any]) -> list[Row]:
    """Return a row per server, fit for STATUS_COLUMNS.

    :param found: which servers, with a verdict on each
    :param recoveries: the latest of each server, by its id
    :param remembered: what an engine says, see ``EngineAPI.status``; empty
        if none could be asked
    """
    return [_status_row(found.backend.name, s, recoveries.get(s.server.id),
                        remembered) for s in found.servers]


def summary(found: snapshot.BackendPlan) -> str:
    """Return one line about the backend as a whole."""
    return headline(found, 'servers: ' + ', '.join(
        '%s %d' % (v.value, number) for v in server_plans.Verdict
        if (number := len(found.servers_to(v)))
        or v is not server_plans.Verdict.EXCLUDE))


def headline(found: snapshot.BackendPlan, counts: str) -> str:
    """Return one line about a backend.

    :param counts: of its servers, in words
    """
    backend = found.backend
    return '%s is on %s (%s); %s%s' % (
        backend.name, statuses.called(backend.active_backend_id),
        backend.present.replication_status or 'no replication', counts,
        found.gate.reason and '; waiting: ' + found.gate.reason)


def state_of(server: server_plans.ServerPlan, latest: model.Recovery | None,
             remembered: Mapping[str, Any]) -> ServerState:
    """Return where a server stands; the records count before memories."""
    if server.verdict is server_plans.Verdict.SKIP:
        return ServerState.CONVERGED
    if server.server.id in remembered.get('in_flight', ()):
        return ServerState.RECOVERING
    if server.verdict is server_plans.Verdict.EXCLUDE:
        return ServerState.EXCLUDED
    if server.blocked:
        return ServerState.BLOCKED
    if server.verdict is server_plans.Verdict.DEFER:
        return ServerState.DEFERRED
    tried = remembered.get('servers', {}).get(server.server.id, {})
    if tried.get('state') in _REMEMBERED:
        return _REMEMBERED[tried['state']]
    if server.server.id in remembered.get('waiting', ()):
        return ServerState.WAITING
    result = tried.get('outcome') or (latest.result if latest else '') or ''
    return _AFTER.get(result.lower(), ServerState.UNKNOWN)


def backend_row(found: snapshot.BackendPlan, known: Mapping[str, Any],
                health: Mapping[str, Any]) -> Row:
    """Return a row for BACKEND_COLUMNS.

    :param known: what an engine counts for it, see
        ``EngineAPI.progress``; empty if none could be asked
    :param health: see ``EngineAPI.health``; likewise
    """
    backend = found.backend
    gate = known.get('gate') or {}
    waits = [found.gate.reason or gate.get('reason'),
             *map(str, pausing.in_effect(health, backend.name))]
    excluded = len(found.servers_to(server_plans.Verdict.EXCLUDE))
    if excluded:
        waits.append(excluding.counted(excluded))
    converged = len(found.servers_to(server_plans.Verdict.SKIP))
    return (backend.name, statuses.called(backend.active_backend_id),
            backend.present.replication_status or '', len(found.servers),
            converged, len(found.servers) - converged,
            known.get('in_flight', ''), '; '.join(filter(None, waits)),
            known.get('failover_id') or '', known.get('last_checked') or '')


def _status_row(backend: str, server: server_plans.ServerPlan,
                latest: model.Recovery | None,
                remembered: Mapping[str, Any]) -> Row:
    when = latest and (latest.finished_at or latest.started_at)
    return (server.server.id, server.server.name, server.server.project_id,
            server.server.host or '', backend,
            state_of(server, latest, remembered).value, _devices(server),
            _last_reason(server, latest, remembered), server.until,
            (latest.result or 'in progress') if latest else '',
            when.isoformat(timespec='seconds') if when else '',
            latest.failover_id if latest else '')


def _last_reason(server: server_plans.ServerPlan,
                 latest: model.Recovery | None,
                 remembered: Mapping[str, Any]) -> str:
    if server.verdict is not server_plans.Verdict.RECOVER:
        return server.reason
    tried = remembered.get('servers', {}).get(server.server.id, {})
    recorded = latest.message if latest else None
    return str(recorded or tried.get('reason') or server.reason)


def _status(server: model.Server) -> str:
    state = (server.vm_state or 'unknown').upper()
    return '%s (%s)' % (state, server.task_state) if (
        server.task_state) else state


def _devices(server: server_plans.ServerPlan) -> str:
    return ', '.join('%s%s' % (v.device_name or v.volume_id,
                               ' (root)' if v.root else '')
                     for v in server.volumes)

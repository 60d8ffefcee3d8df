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

"""The plan: a verdict for every server and volume before anything moves.

The rules are tables, tried from the top; the first that applies decides.
"""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import enum

from nova.compute import vm_states

from nova_failover_ext.engine import gate
from nova_failover_ext.engine import model
from nova_failover_ext import policy as policies
from nova_failover_ext import truth

Policy = policies.Policy
PRIORITY_KEY = 'failover:priority'
#: The first to be recovered has 1, the last 5.
PRIORITIES = range(1, 6)
DEFAULT_PRIORITY = 3


class Verdict(str, enum.Enum):
    """What is to be done with a server or a volume."""

    #: Ask Cinder, and act if the connection is stale.
    RECOVER = 'recover'
    #: Not now; look again later.
    DEFER = 'defer'
    #: Nothing to do.
    SKIP = 'skip'


class PowerCycle(str, enum.Enum):
    """Whether a recovery will power the guest off and on."""

    #: It will if the connection turns out to be stale.
    IF_STALE = 'if stale'
    #: Only if the guest does not let go of a stale data volume, or if its
    #: agent says that a file system of it is mounted.
    IF_HELD = 'if held'
    NO = 'no'


@dataclasses.dataclass(frozen=True, slots=True)
class VolumePlan:
    """The verdict on one volume of a server.

    :ivar stamp: for its mapping, once that is the truth
    """

    volume_id: str
    verdict: Verdict
    reason: str
    device_name: str | None = None
    root: bool = False
    attachment_id: str | None = None
    stamp: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class ServerPlan:
    """The verdict on a server with all its volumes of the backend.

    :ivar until: what a deferral waits for, '' for nothing that is known
    :ivar notes: what else an operator has to know
    :ivar blocked: a refresh cannot heal it; the verdict is DEFER
    """

    server: model.Server
    verdict: Verdict
    reason: str
    priority: int = DEFAULT_PRIORITY
    power_cycle: PowerCycle = PowerCycle.NO
    volumes: tuple[VolumePlan, ...] = ()
    until: str = ''
    notes: tuple[str, ...] = ()
    blocked: bool = False

    def volumes_to(self, verdict: Verdict) -> tuple[VolumePlan, ...]:
        """Return the volumes with that verdict of their own."""
        return tuple(v for v in self.volumes if v.verdict is verdict)


@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """What Cinder is asked about although records speak against it.

    A question harms nothing: a connection that is right is left alone.

    :ivar late: volumes whose rows do not tell of the failover
    :ivar servers: ids of servers whose stamps do not count
    :ivar busy_servers: ids of servers with a volume on another backend that
        is failing over right now, as that backend's records tell; they wait,
        to be recovered once for all their backends
    :ivar busy_volumes: volumes of such backends: a server waits as well if
        one of the mappings to judge names one of these
    """

    late: bool = False
    servers: frozenset[str] = frozenset()
    busy_servers: frozenset[str] = frozenset()
    busy_volumes: frozenset[str] = frozenset()


_Rule = tuple[Callable[[model.Server], bool], Verdict, str]

_DEFERRED_STATES = {
    vm_states.PAUSED: 'the server is paused',
    vm_states.SUSPENDED: 'the server is suspended',
    vm_states.RESCUED: 'the server is in rescue mode',
    vm_states.RESIZED: 'a resize waits to be confirmed or reverted',
    vm_states.BUILDING: 'the server is being built',
}
_RECOVERED_STATES = {
    vm_states.ACTIVE: 'the connection may be stale; Cinder is asked first',
    vm_states.STOPPED: 'the connection may be stale; Cinder is asked first',
    vm_states.SHELVED: 'the connection may be stale; Cinder is asked first',
    vm_states.ERROR: 'the server is in ERROR; it is recovered if it has no '
                     'running guest',
}

SERVER_RULES: tuple[_Rule, ...] = (
    (lambda s: s.deleted or s.vm_state in (vm_states.DELETED,
                                           vm_states.SOFT_DELETED),
     Verdict.SKIP, 'the server is deleted'),
    (lambda s: (s.policy is Policy.NONE
                and s.task_state != truth.TASK_STATE),
     Verdict.SKIP, 'its policy is none'),
    (lambda s: s.vm_state == vm_states.SHELVED_OFFLOADED,
     Verdict.SKIP, 'it is shelved and offloaded: unshelve reconnects it'),
    (lambda s: s.task_state not in (None, '', truth.TASK_STATE),
     Verdict.DEFER, 'the task %(task_state)s is in progress'),
    (lambda s: s.vm_state in _DEFERRED_STATES, Verdict.DEFER, '%(state)s'),
    (lambda s: not s.host, Verdict.DEFER, 'the server has no host'),
    (lambda s: not s.compute_up,
     Verdict.DEFER, 'nova-compute on %(host)s is down'),
    (lambda s: s.vm_state in _RECOVERED_STATES,
     Verdict.RECOVER, '%(state)s'),
    (lambda s: True,
     Verdict.DEFER, 'the state %(vm_state)s is not handled'),
)


def build(backend: model.Backend, volumes: Mapping[str, model.Volume],
          attachments: Iterable[model.Attachment],
          ask: Ask = Ask()) -> list[ServerPlan]:
    """Return a verdict for every server with a volume of the backend.

    :param backend: the backend, settled or not
    :param volumes: all its volumes by id
    :param attachments: the block device mappings that name these volumes
    :param ask: what to ask about in spite of the records
    :returns: in the order in which servers are to be recovered
    """
    late = (frozenset() if ask.late
            else gate.unwritten(backend, volumes.values()))
    grouped: dict[str, list[tuple[model.Attachment, VolumePlan]]] = {}
    for attachment in attachments:
        volume = volumes[attachment.volume_id]
        stamp = stamp_for(backend, volume)
        verdict, reason = volume_verdict(
            volume, _stamp_of(attachment, ask), stamp, volume.id in late)
        grouped.setdefault(attachment.server.id, []).append(
            (attachment, VolumePlan(
                volume.id, verdict, reason, attachment.device_name,
                attachment.root, attachment.attachment_id, stamp)))
    plans = [_server_plan(pairs) for pairs in grouped.values()]
    return sorted(plans, key=lambda p: (p.priority, p.server.id))


def stamp_for(backend: model.Backend, volume: model.Volume) -> str:
    """Return the stamp that a volume's mapping gets once it is the truth."""
    return truth.stamp_for(
        backend.active_backend_id, backend.present.replication_status,
        volume.replication_status, volume.group_id)


def _stamp_of(attachment: model.Attachment, ask: Ask) -> str | None:
    # Somebody has to finish what a crash has cut off, even where the stamp
    # was the last thing to be written before it.
    if (attachment.server.task_state == truth.TASK_STATE
            or attachment.server.id in ask.servers):
        return None
    return attachment.stamp


def volume_verdict(volume: model.Volume, stamp: str | None, wanted: str,
                   late: bool) -> tuple[Verdict, str]:
    """Decide on one volume from its row and the mapping's stamp.

    :param volume: Cinder's row
    :param stamp: the mapping's stamp, None if it was never stamped
    :param wanted: the stamp that it would get now
    :param late: whether the row does not tell of the failover yet
    :returns: the verdict and the reason
    """
    status = volume.replication_status
    if status not in truth.REPLICATED:
        return Verdict.SKIP, 'the volume is not replicated'
    if status in truth.FAILED:
        return Verdict.DEFER, 'its replication status is %s' % status
    if status == truth.FAILING_OVER or late:
        return (Verdict.DEFER, 'its record in Cinder does not tell of the '
                'failover yet (%s)' % status)
    saved = {} if stamp is None else {truth.STAMP: stamp}
    if not truth.needs_question(saved, wanted):
        return (Verdict.SKIP, 'its connection is that of %s'
                % (wanted or 'the primary'))
    if volume.status.startswith('error'):
        return (Verdict.DEFER, 'the volume is in the state %s: Cinder '
                'refuses to update its attachment' % volume.status)
    return Verdict.RECOVER, 'its connection may be stale'


def server_verdict(server: model.Server) -> tuple[Verdict, str]:
    """Decide on a server that has a volume to recover.

    :returns: the verdict and the reason
    """
    verdict, text = next((verdict, text)
                         for applies, verdict, text in SERVER_RULES
                         if applies(server))
    states = {**_DEFERRED_STATES, **_RECOVERED_STATES}
    return verdict, text % {
        'task_state': server.task_state, 'host': server.host,
        'vm_state': server.vm_state,
        'state': states.get(server.vm_state or '', '')}


def priority_of(server: model.Server) -> int:
    """Return the server's priority; what makes no sense is the default."""
    raw = dict(server.metadata).get(PRIORITY_KEY, '').strip()
    known = {str(number): number for number in PRIORITIES}
    return known.get(raw, DEFAULT_PRIORITY)


def _server_plan(
        pairs: list[tuple[model.Attachment, VolumePlan]]) -> ServerPlan:
    server = pairs[0][0].server
    volumes = tuple(sorted((plan for _attachment, plan in pairs),
                           key=lambda v: (not v.root, v.device_name or '')))
    by_verdict = {v.verdict: v.reason for v in reversed(volumes)}
    power_cycle = PowerCycle.NO
    if Verdict.RECOVER in by_verdict:
        verdict, reason = server_verdict(server)
        if verdict is Verdict.RECOVER:
            power_cycle = _power_cycle(server, volumes)
    else:
        verdict = (Verdict.DEFER if Verdict.DEFER in by_verdict
                   else Verdict.SKIP)
        reason = by_verdict[verdict]
    return ServerPlan(server, verdict, reason, priority_of(server),
                      power_cycle, volumes)


def _power_cycle(server: model.Server,
                 volumes: tuple[VolumePlan, ...]) -> PowerCycle:
    if server.vm_state != vm_states.ACTIVE:
        return PowerCycle.NO
    if server.policy is Policy.REFRESH:
        return PowerCycle.NO
    stale = [v for v in volumes if v.verdict is Verdict.RECOVER]
    sure = server.policy is Policy.POWER_CYCLE or any(v.root for v in stale)
    return PowerCycle.IF_STALE if sure else PowerCycle.IF_HELD

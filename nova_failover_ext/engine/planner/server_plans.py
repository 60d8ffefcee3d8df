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

"""The plan: a verdict for every server and volume before anything moves."""

from collections.abc import Iterable, Mapping
import dataclasses
import enum

from nova.compute import vm_states

from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import driver_rules
from nova_failover_ext.engine.planner import rules
from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.recovery import staleness

Policy = policies.Policy
Verdict = rules.Verdict
PRIORITY_KEY = 'failover:priority'
#: The first to be recovered has 1, the last 5.
PRIORITIES = range(1, 6)
DEFAULT_PRIORITY = 3
#: Those that come before it, as metadata have them.
URGENT = tuple(str(one) for one in PRIORITIES if one < DEFAULT_PRIORITY)

_BUSY = rules.Ruling(
    Verdict.DEFER, 'another backend of it is failing over; it is recovered '
    'once for both', 'the failover of its other backend is over')
_KNOWN_PRIORITIES = {str(number): number for number in PRIORITIES}


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

    :ivar stamp: for its mapping, once that is in sync with Cinder
    :ivar until: what a deferral waits for, '' for nothing that is known
    :ivar blocked: a refresh cannot heal it; the verdict is DEFER
    """

    volume_id: str
    verdict: Verdict
    reason: str
    device_name: str | None = None
    root: bool = False
    attachment_id: str | None = None
    stamp: str = ''
    until: str = ''
    blocked: bool = False


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
class PlanOptions:
    """What Cinder is asked about although records speak against it.

    A question harms nothing: a connection that is right is left alone.

    :ivar late: ids of volumes whose rows do not tell of the failover, and
        are not waited for any longer
    :ivar servers: ids of servers whose stamps do not count
    :ivar busy_servers: ids of the servers with volumes on other backends that
        are failing over right now; they wait, to be recovered once for all
        their backends
    :ivar rehearsal: take every volume for one that has moved
    :ivar returned: whether the backend is known to have been at a replica
    """

    late: frozenset[str] = frozenset()
    servers: frozenset[str] = frozenset()
    busy_servers: frozenset[str] = frozenset()
    rehearsal: bool = False
    returned: bool = False


def build(backend: model.Backend, volumes: Mapping[str, model.Volume],
          attachments: Iterable[model.Attachment],
          ask: PlanOptions = PlanOptions(),
          expected: driver_rules.Expectation = driver_rules.UNKNOWN,
          late: frozenset[str] = frozenset()) -> list[ServerPlan]:
    """Return a verdict for every server with a volume of the backend.

    :param backend: the backend, settled or not
    :param volumes: all its volumes by id
    :param attachments: the block device mappings that name these volumes
    :param ask: what to ask about in spite of the records
    :param expected: what to expect of the backend's driver
    :param late: ids of the volumes whose rows do not tell of the failover
    :returns: in the order in which servers are to be recovered
    """
    attachments = tuple(attachments)
    waited_for = late - ask.late
    # Where no mapping was ever stamped as at a replica, a mapping without a
    # stamp is from before this product was installed, or new.
    ask = dataclasses.replace(
        ask, returned=ask.returned or any(a.stamp for a in attachments))
    grouped: dict[str, tuple[model.Server, list[VolumePlan]]] = {}
    for attachment in attachments:
        volume = volumes[attachment.volume_id]
        facts = _facts(attachment, volume, stamp_for(backend, volume), ask,
                       volume.id in waited_for, expected)
        grouped.setdefault(
            attachment.server.id, (attachment.server, []))[1].append(
            _volume_plan(attachment, facts))
    plans = [_server_plan(server, volumes, ask, expected)
             for server, volumes in grouped.values()]
    return sorted(plans, key=lambda p: (p.priority, p.server.id))


def rehearse(backend: model.Backend, volumes: Mapping[str, model.Volume],
             attachments: Iterable[model.Attachment],
             expected: driver_rules.Expectation = driver_rules.UNKNOWN
             ) -> list[ServerPlan]:
    """Return what would be done if all replicated volumes moved now.

    Parameters and result are those of :func:`build`.
    """
    return build(backend, volumes, attachments,
                 PlanOptions(frozenset(volumes), rehearsal=True), expected)


def stamp_for(backend: model.Backend, volume: model.Volume) -> str:
    """Return the stamp of a volume's mapping that is in sync with Cinder."""
    return staleness.stamp_for(
        backend.active_backend_id, backend.present.replication_status,
        volume.replication_status, volume.group_id)


def priority_of(server: model.Server) -> int:
    """Return the server's priority; what makes no sense is the default."""
    raw = dict(server.metadata).get(PRIORITY_KEY, '').strip()
    return _KNOWN_PRIORITIES.get(raw, DEFAULT_PRIORITY)


def _facts(attachment: model.Attachment, volume: model.Volume, wanted: str,
           ask: PlanOptions, late: bool,
           expected: driver_rules.Expectation) -> rules.Facts:
    return rules.Facts(
        volume, None if ask.rehearsal else attachment.stamp, wanted, late,
        attached=attachment.attachment_id is not None,
        # Somebody has to finish what a crash has cut off, even where the
        # stamp was the last thing to be written before it.
        asked=(attachment.server.task_state == staleness.TASK_STATE
               or attachment.server.id in ask.servers),
        moved=bool(wanted) or ask.rehearsal, begun=attachment.begun,
        returned=ask.returned, expected=expected)


def _volume_plan(attachment: model.Attachment,
                 facts: rules.Facts) -> VolumePlan:
    ruling = rules.judge_volume(facts)
    return VolumePlan(
        facts.volume.id, ruling.verdict, ruling.reason,
        attachment.device_name, attachment.root, attachment.attachment_id,
        facts.wanted, ruling.until, ruling.blocked)


def _server_plan(server: model.Server, plans: list[VolumePlan],
                 ask: PlanOptions,
                 expected: driver_rules.Expectation) -> ServerPlan:
    volumes = tuple(sorted(
        plans, key=lambda v: (not v.root, v.device_name or '')))
    ruling = _ruling(server, volumes)
    if _may_wait(server, ruling):
        ruling = _wait(server, volumes, ask) or ruling
    cycle = (_power_cycle(server, volumes)
             if ruling.verdict is Verdict.RECOVER else PowerCycle.NO)
    return ServerPlan(
        server, ruling.verdict, ruling.reason, priority_of(server), cycle,
        volumes, ruling.until,
        () if ruling.verdict is Verdict.SKIP else expected.doubts,
        ruling.blocked)


def _ruling(server: model.Server,
            volumes: tuple[VolumePlan, ...]) -> rules.Ruling:
    blocked = next((v for v in volumes if v.blocked), None)
    by_verdict = {v.verdict: v for v in reversed(volumes)}
    if blocked or Verdict.RECOVER in by_verdict:
        ruling = rules.judge_server(server)
        # To unshelve asks for a connection, too, and gets the old one.
        if not blocked or (ruling.verdict is Verdict.SKIP and server.vm_state
                           != vm_states.SHELVED_OFFLOADED):
            return ruling
    decisive = (blocked or by_verdict.get(Verdict.DEFER)
                or by_verdict[Verdict.SKIP])
    return rules.Ruling(decisive.verdict, decisive.reason, decisive.until,
                        decisive.blocked)


def _may_wait(server: model.Server, ruling: rules.Ruling) -> bool:
    # What has begun is not left half done.
    return (ruling.verdict is Verdict.RECOVER
            and server.task_state != staleness.TASK_STATE)


def _wait(server: model.Server, volumes: tuple[VolumePlan, ...],
          ask: PlanOptions) -> rules.Ruling | None:
    # A server is recovered once, and not for each volume.
    if server.id in ask.busy_servers:
        return _BUSY
    late = next((v for v in volumes if v.until == rules.WRITTEN
                 and v.volume_id not in ask.late), None)
    if late is None:
        return None
    return rules.Ruling(Verdict.DEFER, late.reason, late.until)


def _power_cycle(server: model.Server,
                 volumes: tuple[VolumePlan, ...]) -> PowerCycle:
    if server.vm_state != vm_states.ACTIVE:
        return PowerCycle.NO
    if server.policy is Policy.REFRESH:
        return PowerCycle.NO
    stale = [v for v in volumes if v.verdict is Verdict.RECOVER]
    sure = server.policy is Policy.POWER_CYCLE or any(v.root for v in stale)
    return PowerCycle.IF_STALE if sure else PowerCycle.IF_HELD

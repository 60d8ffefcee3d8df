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

"""The tables by which the plan decides on volumes and servers.

They are tried from the top; the first rule that applies decides.
"""

from collections.abc import Callable
import dataclasses
import enum
import sys

from cinder_failover_hooks import statuses
from nova.compute import vm_states

from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import driver_rules
from nova_failover_ext.recovery import deferred_states
from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.recovery import staleness

Policy = policies.Policy
DEFERRED_STATES = deferred_states.DEFERRED_STATES


class Verdict(str, enum.Enum):
    """What is to be done with a server or a volume."""

    #: Ask Cinder, and act if the connection is stale.
    RECOVER = 'recover'
    #: Not now; try again later.
    DEFER = 'defer'
    #: Nothing to do.
    SKIP = 'skip'
    #: An operator has excluded it; leave it alone.
    EXCLUDE = 'exclude'


@dataclasses.dataclass(frozen=True, slots=True)
class Ruling:
    """What a table says.

    :ivar until: what a deferral waits for, '' for nothing that is known
    :ivar blocked: a refresh cannot heal it
    """

    verdict: Verdict
    reason: str
    until: str = ''
    blocked: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What decides on one volume of one server.

    :ivar volume: Cinder's row
    :ivar stamp: the mapping's stamp, None if it was never stamped
    :ivar wanted: the stamp that it would get now
    :ivar late: whether the row does not tell of the failover yet
    :ivar attached: whether the mapping names an attachment
    :ivar asked: whether to ask in spite of the stamp
    :ivar moved: whether the volume is, or is taken to be, at a replica
    :ivar begun: whether a recovery of the mapping has begun and not ended
    :ivar returned: whether the backend may have been at a replica before
    :ivar expected: what to expect of its driver
    """

    volume: model.Volume
    stamp: str | None
    wanted: str
    late: bool = False
    attached: bool = True
    asked: bool = False
    moved: bool = True
    begun: bool = False
    returned: bool = False
    expected: driver_rules.Expectation = driver_rules.UNKNOWN

    @property
    def stale(self) -> bool:
        """Whether the connection may be that of another place."""
        if self.asked or self.begun:
            return True
        if self.stamp is None:
            return self.moved or self.returned
        return staleness.needs_question(
            {staleness.STAMP: self.stamp}, self.wanted)


_VolumeRule = tuple[Callable[[Facts], bool], Verdict, str, str]
_ServerRule = tuple[Callable[[model.Server], bool], Verdict, str, str]

_NOT_YET = 'its record in Cinder does not tell of the failover yet (%(row)s)'
#: What a volume waits for whose record is late.
WRITTEN = 'Cinder has written its record'

VOLUME_RULES: tuple[_VolumeRule, ...] = (
    (lambda f: not statuses.volume_is_replicated(f.volume.replication_status),
     Verdict.SKIP, 'the volume is not replicated', ''),
    (lambda f: not f.attached and f.volume.status == statuses.VOLUME_AVAILABLE,
     Verdict.SKIP, 'the volume is not attached', ''),
    (lambda f: f.volume.replication_status in statuses.FAILED,
     Verdict.DEFER, 'its replication status is %(row)s',
     'its replication status in Cinder is settled'),
    (lambda f: (f.late or
                f.volume.replication_status == statuses.FAILING_OVER),
     Verdict.DEFER, _NOT_YET, WRITTEN),
    # An answer that is the same would be taken for in sync.
    (lambda f: bool(f.expected.blocks) and f.moved and not f.asked,
     Verdict.DEFER, '%(blocks)s', ''),
    (lambda f: not f.stale,
     Verdict.SKIP, 'its connection is that of %(wanted)s', ''),
    (lambda f: bool(f.expected.unchanged) and f.moved and not f.asked,
     Verdict.SKIP, '%(unchanged)s', ''),
    (lambda f: f.volume.status.startswith('error'),
     Verdict.DEFER, ('the volume is in the state %(status)s: Cinder refuses '
                     'to update its attachment'),
     'the state of the volume is reset'),
    (lambda f: True, Verdict.RECOVER, 'its connection may be stale', ''),
)

_ASKED_FIRST = 'the connection may be stale; Cinder is asked first'
_RECOVERED_STATES = {
    vm_states.ACTIVE: _ASKED_FIRST,
    vm_states.STOPPED: _ASKED_FIRST,
    vm_states.SHELVED: _ASKED_FIRST,
    # Its owner may have it restored.
    vm_states.SOFT_DELETED: _ASKED_FIRST,
    vm_states.ERROR: 'the server is in ERROR; it is recovered if it has no '
                     'running guest',
}

SERVER_RULES: tuple[_ServerRule, ...] = (
    (lambda s: s.deleted or s.vm_state == vm_states.DELETED,
     Verdict.SKIP, 'the server is deleted', ''),
    (lambda s: (s.policy is Policy.NONE
                and s.task_state != staleness.TASK_STATE),
     Verdict.SKIP, 'its policy is none', ''),
    (lambda s: s.vm_state == vm_states.SHELVED_OFFLOADED,
     Verdict.SKIP, 'it is shelved and offloaded: unshelve reconnects it', ''),
    (lambda s: s.task_state not in (None, '', staleness.TASK_STATE),
     Verdict.DEFER, 'the task %(task_state)s is in progress',
     'the task %(task_state)s is over'),
    (lambda s: s.vm_state in DEFERRED_STATES,
     Verdict.DEFER, '%(state)s', '%(leaves)s'),
    (lambda s: not s.host, Verdict.DEFER, 'the server has no host',
     'it has a host'),
    (lambda s: not s.compute_up, Verdict.DEFER,
     'nova-compute on %(host)s is down', 'nova-compute on %(host)s is up'),
    (lambda s: s.vm_state in _RECOVERED_STATES,
     Verdict.RECOVER, '%(state)s', ''),
    (lambda s: True,
     Verdict.DEFER, 'the state %(vm_state)s is not handled',
     'it is in another state'),
)


def judge_volume(facts: Facts) -> Ruling:
    """Decide on one volume of one server."""
    verdict, reason, until = next(
        (verdict, reason, until)
        for applies, verdict, reason, until in VOLUME_RULES
        if applies(facts))
    values = {
        'row': facts.volume.replication_status,
        'status': facts.volume.status,
        'wanted': facts.wanted or 'the primary',
        'blocks': facts.expected.blocks,
        'unchanged': facts.expected.unchanged}
    return Ruling(verdict, sys.intern(reason % values), until,
                  blocked=reason == '%(blocks)s')


def judge_server(server: model.Server) -> Ruling:
    """Decide on a server that has a volume to recover."""
    verdict, reason, until = next(
        (verdict, reason, until)
        for applies, verdict, reason, until in SERVER_RULES
        if applies(server))
    deferred = DEFERRED_STATES.get(server.vm_state or '')
    state = (deferred.reason if deferred
             else _RECOVERED_STATES.get(server.vm_state or '', ''))
    values = {'task_state': server.task_state, 'host': server.host,
              'vm_state': server.vm_state, 'state': state,
              'leaves': deferred.until if deferred else ''}
    return Ruling(verdict, sys.intern(reason % values),
                  sys.intern(until % values))

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

"""Which servers may be recovered now, and how: pure decisions over facts.

They follow the state table of the design; the code that acts is elsewhere.
"""

from collections.abc import Sequence
import dataclasses
import enum

from nova_failover_ext.recovery import deferred_states
from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.recovery import staleness

Policy = policies.Policy
DEFERRED_STATES = deferred_states.DEFERRED_STATES


class Disposition(enum.Enum):
    """What to do with a server now."""

    #: Recover; the guest runs or has to run again afterwards.
    RUNNING = 'running'
    #: Recover the records and the host; there is no guest to care for.
    POWERED_OFF = 'powered off'
    #: Not now; it can be recovered once it leaves its state.
    DEFER = 'defer'
    #: There is nothing to do for this server on this host.
    SKIP = 'skip'


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the decision needs to know of a server.

    :ivar vm_state: Nova's vm_state
    :ivar task_state: Nova's task_state, or None
    :ivar host: the compute host that Nova says has the server
    :ivar this_host: the compute host that asks
    :ivar guest_runs: whether the hypervisor has a running guest
    """

    vm_state: str
    task_state: str | None
    host: str | None
    this_host: str
    guest_runs: bool


@dataclasses.dataclass(frozen=True)
class Decision:
    """What to do with a server, and why."""

    disposition: Disposition
    reason: str = ''


_SKIPPED = {
    'shelved_offloaded': 'the server is shelved and offloaded; unshelving '
                         'makes a fresh connection',
    'deleted': 'the server is deleted',
}


def decide(facts: Facts, policy: Policy = Policy.REATTACH) -> Decision:
    """Decide whether and how a server may be recovered now.

    :param facts: the server as it is under its instance lock
    :param policy: what its owner or the operator wants
    :returns: the decision; a reason comes with DEFER and SKIP
    """
    if facts.vm_state in _SKIPPED:
        return Decision(Disposition.SKIP, _SKIPPED[facts.vm_state])
    if facts.host != facts.this_host:
        return Decision(Disposition.SKIP, 'the server is on another host: '
                        f'{facts.host}')
    # What was begun has to be finished.
    if policy is Policy.NONE and facts.task_state != staleness.TASK_STATE:
        return Decision(Disposition.SKIP, 'its policy is none')
    if facts.task_state not in (None, staleness.TASK_STATE):
        return Decision(Disposition.DEFER, f'a task is in progress: '
                        f'{facts.task_state}')
    if facts.vm_state in DEFERRED_STATES:
        return Decision(Disposition.DEFER,
                        DEFERRED_STATES[facts.vm_state].reason)
    if facts.vm_state == 'error' and facts.guest_runs:
        return Decision(Disposition.DEFER,
                        'the server is in ERROR but its guest runs')
    return Decision(_running_or_not(facts))


def _running_or_not(facts: Facts) -> Disposition:
    if facts.guest_runs:
        return Disposition.RUNNING
    # A recovery that was cut off between power off and power on has left the
    # task state behind: the guest has to run again.
    if facts.vm_state == 'active' and facts.task_state == staleness.TASK_STATE:
        return Disposition.RUNNING
    return Disposition.POWERED_OFF


class Action(enum.Enum):
    """How one volume is brought in sync with Cinder."""

    #: There is no guest: exchange the records, disconnect the old.
    EXCHANGE = 'exchange'
    #: Replace the disk while the guest runs.
    REPLUG = 'replug'
    #: Replace it while the guest is powered off, and power it on again.
    POWER_CYCLE = 'power cycle'
    #: Take it from the server and leave it to the owner.
    DETACH = 'detach'
    #: Bring Cinder's record in sync with Cinder; the next power cycle does the
    # rest.
    WAIT = 'wait'
    #: The guest has the right disk; only records are open.
    FINISH = 'finish'


@dataclasses.dataclass(frozen=True)
class Disk:
    """What the choice needs to know of a stale volume.

    :ivar root: whether the server boots from it
    :ivar guest_stale: whether the running guest has to let go of something
    :ivar mounted: whether the guest's agent says that it is mounted
    :ivar leaving: whether an earlier pass has begun to detach it
    """

    root: bool = False
    guest_stale: bool = False
    mounted: bool = False
    leaving: bool = False


def actions(disposition: Disposition, policy: Policy, guest_runs: bool,
            disks: Sequence[Disk]) -> list[Action]:
    """Choose how each stale volume of a server is brought in sync with Cinder.

    :param disposition: RUNNING or POWERED_OFF
    :param policy: what the owner or the operator wants
    :param guest_runs: whether there is a running guest
    :param disks: the server's stale volumes
    :returns: a way for each; if one needs a power cycle, none is replaced
        while the guest runs
    """
    chosen = [_way(disposition, policy, guest_runs, disk) for disk in disks]
    if Action.POWER_CYCLE in chosen:
        return [Action.POWER_CYCLE if action is Action.REPLUG else action
                for action in chosen]
    return chosen


def cycle_reason(policy: Policy, guest_runs: bool,
                 disks: Sequence[Disk]) -> str:
    """Return why a server is power-cycled whose actions say so.

    :param policy: as in :func:`actions`, and so are the others
    """
    if not guest_runs:
        return 'an earlier recovery has left the guest powered off'
    stale = [disk for disk in disks if disk.guest_stale]
    if any(disk.root for disk in stale):
        return 'the root volume has moved'
    if policy is Policy.POWER_CYCLE:
        return f'the policy is {policy.value}'
    return 'the guest has a moved volume mounted'


def _way(disposition: Disposition, policy: Policy, guest_runs: bool,
         disk: Disk) -> Action:
    if disk.leaving or (policy is Policy.DETACH and not disk.root):
        return Action.DETACH
    if disposition is Disposition.POWERED_OFF:
        return Action.EXCHANGE
    if not guest_runs:
        return Action.POWER_CYCLE
    if not disk.guest_stale:
        return Action.FINISH
    if policy is Policy.REFRESH:
        return Action.WAIT
    if disk.root or disk.mounted or policy is Policy.POWER_CYCLE:
        return Action.POWER_CYCLE
    return Action.REPLUG

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

"""Which servers may be recovered now: one pure decision over plain facts.

It follows the state table of the design; the code that acts is elsewhere.
"""

import dataclasses
import enum

from nova_failover_ext import truth


class Go(enum.Enum):
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

    go: Go
    reason: str = ''


_DEFERRED = {
    'paused': 'the server is paused',
    'suspended': 'the server is suspended',
    'rescued': 'the server is in rescue mode',
    'resized': 'a resize waits to be confirmed or reverted',
    'building': 'the server is being built',
    'error': 'the server is in ERROR',
}

_SKIPPED = {
    'shelved_offloaded': 'the server is shelved and offloaded; unshelving '
                         'makes a fresh connection',
    'deleted': 'the server is deleted',
    'soft-delete': 'the server is deleted',
}


def decide(facts: Facts) -> Decision:
    """Decide whether and how a server may be recovered now.

    :param facts: the server as it is under its instance lock
    :returns: the decision; a reason comes with DEFER and SKIP
    """
    if facts.vm_state in _SKIPPED:
        return Decision(Go.SKIP, _SKIPPED[facts.vm_state])
    if facts.host != facts.this_host:
        return Decision(Go.SKIP, 'the server is on another host: '
                        f'{facts.host}')
    if facts.task_state not in (None, truth.TASK_STATE):
        return Decision(Go.DEFER, f'a task is in progress: '
                        f'{facts.task_state}')
    if facts.vm_state in _DEFERRED:
        return Decision(Go.DEFER, _DEFERRED[facts.vm_state])
    return Decision(_running_or_not(facts))


def _running_or_not(facts: Facts) -> Go:
    if facts.guest_runs:
        return Go.RUNNING
    # A recovery that was cut off between power off and power on has left the
    # task state behind: the guest has to run again.
    if facts.vm_state == 'active' and facts.task_state == truth.TASK_STATE:
        return Go.RUNNING
    return Go.POWERED_OFF

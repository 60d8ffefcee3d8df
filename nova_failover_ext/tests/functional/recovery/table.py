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


"""What a recovery has to do with a server, by its state, as data.

The state table of the design, for each policy. ``test_states`` holds the
code against it and prints what it saw.
"""

import dataclasses

from nova_failover_ext.recovery import policy
from nova_failover_ext.recovery import results

Outcome = results.Outcome
POLICIES = tuple(policy.Policy)
KINDS = ('root', 'data')


@dataclasses.dataclass(frozen=True)
class Seen:
    """What is to be seen after one recovery of one server.

    :ivar outcome: of the server
    :ivar cycled: whether the guest was power-cycled
    :ivar nova: the site in the block device mapping
    :ivar cinder: the site and the status in Cinder's attachment
    :ivar guest: the site of the disk of the running guest
    :ivar volume: the volume's status in Cinder
    :ivar reason: a part of the reason that is given

    A site is ``old``, ``new``, or ``-`` where there is none; ``as before``
    stands for whatever the guest had.
    """

    outcome: Outcome
    cycled: bool = False
    nova: str = 'old'
    cinder: str = 'old attached'
    guest: str = 'as before'
    volume: str = 'in-use'
    reason: str = ''


def _deferred(reason):
    return Seen(Outcome.DEFERRED, reason=reason)


def _skipped(reason, **values):
    return Seen(Outcome.SKIPPED, reason=reason, **values)


HOT = Seen(Outcome.RECOVERED, nova='new', cinder='new attached', guest='new')
CYCLED = dataclasses.replace(HOT, cycled=True)
#: There is no running guest.
EXCHANGED = dataclasses.replace(HOT, guest='-')
DETACHED = Seen(Outcome.RECOVERED, nova='-', cinder='-', guest='-',
                volume='available')
WAITS = Seen(Outcome.DEFERRED, cinder='new attached', guest='old',
             reason='until its next power cycle')
OPTED_OUT = _skipped('policy is none')
#: Healed by what the server went through, not by this recovery.
FRESH = Seen(Outcome.UNCHANGED, nova='new', cinder='new attached',
             guest='new')


def _row(default, **others):
    """Return what is expected for each policy.

    :param default: for all policies but none and the others
    :param others: by the policy's name, with ``_`` for ``-``
    """
    row = dict.fromkeys(POLICIES, default)
    row[policy.Policy.NONE] = OPTED_OUT
    row.update((policy.Policy(name.replace('_', '-')), seen)
               for name, seen in others.items())
    return row


def _both(row):
    return dict.fromkeys(KINDS, row)


_ACTIVE = {
    'root': _row(CYCLED, refresh=WAITS),
    'data': _row(HOT, power_cycle=CYCLED, detach=DETACHED, refresh=WAITS)}
_OFF = {
    'root': _row(EXCHANGED),
    'data': _row(EXCHANGED, detach=DETACHED)}
_OFFLOADED = _skipped('shelved and offloaded', cinder='- reserved',
                      volume='reserved')
_DELETED = _skipped('deleted', nova='-', cinder='-', volume='available')
_MOVED = _skipped('on another host: compute2')

#: State to kind of volume to policy to what is seen.
TABLE = {
    'ACTIVE': _ACTIVE,
    'STOPPED': _OFF,
    'ERROR without a domain': _OFF,
    'ERROR with a guest': _both(_row(_deferred('its guest runs'))),
    'SHELVED': _OFF,
    'SHELVED_OFFLOADED': _both(_row(_OFFLOADED, none=_OFFLOADED)),
    'PAUSED': _both(_row(_deferred('paused'))),
    'SUSPENDED': _both(_row(_deferred('suspended'))),
    'RESCUED': _both(_row(_deferred('rescue mode'))),
    'RESIZED on one host': _both(_row(_deferred('resize waits'))),
    'RESIZED to another host': _both(_row(_deferred('resize waits'))),
    'task in progress': _both(_row(_deferred('task is in progress'))),
    'deleted meanwhile': _both(_row(_DELETED, none=_DELETED)),
    'moved to another host': _both(_row(_MOVED, none=_MOVED)),
}

_GONE = _skipped('attached any more', nova='-', cinder='-', guest='-',
                 volume='available')
_STARTED = {'root': _row(FRESH), 'data': _row(FRESH, detach=_GONE)}

_FRESH_OPTED_OUT = dataclasses.replace(
    FRESH, outcome=Outcome.SKIPPED, reason=OPTED_OUT.reason)

#: State to what is seen after the server has left it.
AFTERWARDS = {
    # The waiting ones are powered off.
    'ACTIVE': {
        'root': {policy.Policy.REFRESH: EXCHANGED},
        'data': {policy.Policy.REFRESH: EXCHANGED}},
    'STOPPED': _STARTED,
    'ERROR without a domain': _STARTED,
    'ERROR with a guest': _ACTIVE,
    'SHELVED': _STARTED,
    'SHELVED_OFFLOADED': _both(_row(FRESH, none=_FRESH_OPTED_OUT)),
    'PAUSED': _ACTIVE,
    'SUSPENDED': _ACTIVE,
    'RESCUED': _ACTIVE,
    'RESIZED on one host': _ACTIVE,
    'RESIZED to another host': _ACTIVE,
    'task in progress': _ACTIVE,
    'moved to another host': _ACTIVE,
}

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


"""What an operator can do about a server that is not recovered.

A table, tried from the top: the first line that fits a server decides. Its
commands are to be pasted; everything in them is quoted for a shell.
"""

from collections.abc import Callable
import dataclasses
import re
import shlex

from nova_failover_ext.api import server_state
from nova_failover_ext.report import report_data as reports

ServerState = server_state.ServerState

_RECOVER = 'nova-failover recover {backend} --server {server} --wait'
_SHOW = 'openstack server show {server}'
_PLAN = 'nova-failover plan {backend} --server {server} --long'
_STATUS = 'nova-failover status {backend}'
_LATER = 'It is recovered by itself afterwards.'


@dataclasses.dataclass(frozen=True, slots=True)
class Advice:
    """What helps.

    :ivar text: one or two sentences, '' if the reason says it all
    :ivar commands: to be run in this order
    """

    text: str
    commands: tuple[str, ...] = ()


def _says(pattern: str) -> Callable[[reports.Entry], bool]:
    found = re.compile(pattern)
    return lambda entry: bool(found.search(entry.reason))


def _in_state(*server_states: ServerState) -> Callable[[reports.Entry], bool]:
    return lambda entry: entry.state in server_states


@dataclasses.dataclass(frozen=True, slots=True)
class _Rule:
    fits: Callable[[reports.Entry], bool]
    text: str
    commands: tuple[str, ...]


RULES: tuple[_Rule, ...] = (
    _Rule(_in_state(ServerState.SUPERSEDED),
          'A later recovery has taken it over.',
          ('nova-failover history {followed_by} --server {server}',)),
    _Rule(_in_state(ServerState.EXCLUDED),
          'An operator has excluded it. It is recovered by itself once it is '
          'included.', ()),
    _Rule(_in_state(ServerState.BLOCKED),
          'A refresh cannot heal it; what is known of its driver is in the '
          'plan.', (_PLAN,)),
    _Rule(_in_state(ServerState.RECOVERING),
          'It is at work, or its host was lost meanwhile.', (_STATUS,)),
    _Rule(_in_state(ServerState.WAITING, ServerState.UNKNOWN),
          'It waits for its turn.', (_STATUS,)),
    _Rule(_says('is down'), 'Bring its compute host back. ' + _LATER,
          ('openstack compute service list --host {host}',)),
    _Rule(_says('is paused'), 'Its owner may unpause it. ' + _LATER,
          ('openstack server unpause {server}',)),
    _Rule(_says('is suspended'), 'Its owner may resume it. ' + _LATER,
          ('openstack server resume {server}',)),
    _Rule(_says('in rescue mode'),
          'Its owner may leave the rescue mode. ' + _LATER,
          ('openstack server unrescue {server}',)),
    _Rule(_says('resize waits'),
          'Its owner may confirm or revert the resize. ' + _LATER,
          ('openstack server resize confirm {server}',)),
    _Rule(_says('is being built|task .*in progress|is in progress|just begun'),
          'It is recovered by itself when the task has ended.', (_SHOW,)),
    _Rule(_says('next power cycle'),
          'Its policy leaves the power cycle to its owner; a hard reboot '
          'connects it.', ('openstack server reboot --hard {server}',)),
    _Rule(_says('in ERROR'),
          'See why it is in ERROR, then reset its state.',
          (_SHOW, 'openstack server set --state active {server}', _RECOVER)),
    _Rule(_says('cannot be reached from this host'),
          'The compute host does not reach the storage: see its network, '
          'zoning or the array.', (_RECOVER,)),
    _Rule(_says('replication status|does not tell of the failover|'
                'the volume is in the state'),
          'Cinder has to settle the volume first.', (_PLAN,)),
    _Rule(_says('not answer|no answer|timed out|silent'),
          'See that nova-compute runs there and reaches the message bus.',
          ('nova-failover check {backend}', _RECOVER)),
    _Rule(_in_state(ServerState.DEFERRED), 'It is tried again by itself.',
          (_RECOVER,)),
    _Rule(lambda entry: True,
          'Trying again is safe. The traceback is with the event of its '
          'failed action.',
          ('openstack server event show {server} {failover}', _RECOVER)),
)


def advise(entry: reports.Entry, backend: str, failover_id: str) -> Advice:
    """Return what helps a server that is not recovered.

    :param backend: its name, '' if it is not known
    """
    rule = next(rule for rule in RULES if rule.fits(entry))
    values = {'server': entry.server_id, 'backend': backend,
              'host': entry.host, 'failover': failover_id,
              'followed_by': entry.followed_by}
    quoted = {name: shlex.quote(value) if value else ''
              for name, value in values.items()}
    # A backend that is not known leaves two blanks.
    return Advice(rule.text, tuple(
        ' '.join(command.format(**quoted).split())
        for command in rule.commands))

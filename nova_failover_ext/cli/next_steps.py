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


"""Which command comes next for servers that have not converged."""

import shlex

from nova_failover_ext.api import server_state
from nova_failover_ext.api import wording
from nova_failover_ext.cli import backend_status

ServerState = server_state.ServerState

_FOLLOW = 'To follow the engine, run "nova-failover status {backend} --watch".'
_SHOW = '"nova-failover status {backend} --state {state}"'
_MEND = ('Mend what %s names, then run "nova-failover recover {backend}".'
         % _SHOW)
_STEPS = {
    ServerState.UNKNOWN: 'To have them recovered, run "nova-failover recover '
    '{backend}".',
    ServerState.WAITING: _FOLLOW,
    ServerState.RECOVERING: _FOLLOW,
    ServerState.SUPERSEDED: _FOLLOW,
    ServerState.DEFERRED: 'The engine tries again; to see what they wait for, '
    'run %s.' % _SHOW,
    ServerState.FAILED: _MEND,
    ServerState.RETRIES_EXHAUSTED: _MEND,
    ServerState.BLOCKED: 'To see why, run %s.' % _SHOW,
    ServerState.EXCLUDED: 'To see who excluded them and why, run %s.' % _SHOW}


def after(found: backend_status.BackendStatus) -> list[str]:
    """Return a line with the next command for each state.

    :param found: of the servers that were asked for; those that need nothing
        are not told of
    """
    states, name = found.states(), found.plan.backend.name
    return ['%s of %s: %s. %s' % (
        wording.count(states.count(state), 'server'), name, state.value,
        step.format(backend=name, state=shlex.quote(state.value)))
        for state, step in _STEPS.items() if state in states]

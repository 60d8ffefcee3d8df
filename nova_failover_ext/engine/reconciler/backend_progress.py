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


"""How far the recovery of a backend is, whatever the number of servers."""

from typing import Any

from nova_failover_ext.api import server_state
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import scan_context

ServerState = server_state.ServerState


def of(context: scan_context.ScanContext, name: str) -> dict[str, Any]:
    """Return it as plain data; see :meth:`.api.rpcapi.EngineAPI.progress`.

    :param name: what the backend is called here
    """
    state = context.backends.get(name)
    with state.lock:
        waiting, in_flight = context.dispatcher.counts(name)
        counts = state.server_states.counts(in_flight)
        return {
            'failover_id': state.failover_id,
            'begun': list(state.begun),
            'counts': {one.value: count
                       for one, count in counts.items() if count},
            'in_flight': in_flight,
            'waiting': waiting,
            'limit': context.dispatcher.limit(name),
            'unasked': len(state.unasked),
            'done': not (waiting or in_flight
                         or _expects(context, name, state)),
            'last_checked': (state.last_checked
                             and state.last_checked.isoformat()),
            'gate': state.gate()}


def _expects(context: scan_context.ScanContext, name: str,
             state: backend_state.BackendState) -> bool:
    # Who is deferred for a reason of its own may be so for ever.
    return bool(state.last_checked is None or state.wait or state.errors
                or state.late.keys() - state.ask_late
                or state.asked or state.claims or state.retrying
                or context.queue.expects(name, max(context.clock(),
                                                   state.full_scan_after)))

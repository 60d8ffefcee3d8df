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
from nova_failover_ext.engine.reconciler import scan_context as own_parts

Standing = server_state.Standing


def of(parts: own_parts.Parts, name: str) -> dict[str, Any]:
    """Return it as plain data; see :meth:`.api.rpcapi.EngineAPI.progress`.

    :param name: what the backend is called here
    """
    own = parts.roster.get(name)
    with own.lock:
        waiting, in_flight = parts.dispatcher.counts(name)
        counts = own.standings.counts(in_flight)
        return {
            'failover_id': own.failover_id,
            'begun': list(own.begun),
            'counts': {standing.value: count
                       for standing, count in counts.items() if count},
            'in_flight': in_flight,
            'waiting': waiting,
            'limit': parts.dispatcher.limit(name),
            'unasked': len(own.unasked),
            'done': not (waiting or in_flight
                         or _expects(parts, name, own)),
            'looked_at': own.looked_at and own.looked_at.isoformat(),
            'gate': own.gate()}


def _expects(parts: own_parts.Parts, name: str,
             own: backend_state.BackendState) -> bool:
    # Who is deferred for a reason of its own may be so for ever.
    return bool(own.looked_at is None or own.wait or own.errors or own.asked
                or own.claims or own.retrying
                or parts.agenda.expects(name, max(parts.clock(),
                                                  own.full_after)))

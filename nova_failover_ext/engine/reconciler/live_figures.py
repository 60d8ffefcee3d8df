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

"""How the recovery of backends is right now, for the metrics.

No lock of a backend is taken here: a scan may hold it for long.
"""

from collections.abc import Callable

from nova_failover_ext.engine.notifier import live_collector
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import scan_context


def of(context: scan_context.ScanContext, paused: Callable[[str], bool],
       errors: int) -> live_collector.Figures:
    """Return the figures of all backends that a scan has asked about.

    :param paused: whether nothing of a backend may start
    :param errors: how often in a row Cinder could not list its services
    """
    return live_collector.Figures(
        tuple(_of_backend(context, name, state, paused(name))
              for name, state in sorted(context.backends.known(),
                                        key=lambda known: known[0])
              if _scanned(state)),
        len(context.hosts.silent()), len(context.hosts.down()), errors)


def _of_backend(context: scan_context.ScanContext, name: str,
                state: backend_state.BackendState,
                paused: bool) -> live_collector.BackendFigures:
    waiting, in_flight = context.dispatcher.counts(name)
    return live_collector.BackendFigures(
        name, state.server_states.counts(in_flight), waiting, in_flight,
        state.server_states.open(), context.dispatcher.waited(name),
        context.dispatcher.limit(name), state.gate()['open'], paused,
        state.errors, state.unread)


def _scanned(state: backend_state.BackendState) -> bool:
    # Whatever name somebody asks about is remembered, even a mistyped one.
    return bool(state.last_checked or state.wait or state.errors
                or state.unread)

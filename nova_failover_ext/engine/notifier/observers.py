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

"""What the engine tells of its work, to whoever wants to hear.

Metrics and notifications are made of these events; the engine works the same
if nobody hears.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from oslo_log import log as logging

from nova_failover_ext.api import load as loads
from nova_failover_ext.api import server_state
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)


class Observer:
    """Hears of events; this one does nothing with them.

    Each method is called in a thread that has other work to do: it returns
    at once and does not raise.
    """

    def began(self, backend: str, failover_id: str, target: str,
              servers: int) -> None:
        """Hear that the recovery of a backend's servers begins.

        :param target: the active_backend_id, '' for the primary
        :param servers: how many are to be recovered
        """

    def started(self, work: work_items.Work) -> None:
        """Hear that a server's recovery has been sent to its host."""

    def ended(self, work: work_items.Work, result: results.ServerResult,
              load: loads.Load) -> None:
        """Hear how it ended."""

    def gave_up(self, backend: str, failover_id: str, server_id: str,
                reason: str) -> None:
        """Hear that a server has used up its tries."""

    def converged(self, backend: str, failover_id: str,
                  seconds: float) -> None:
        """Hear that all servers of a backend are connected to the truth.

        :param seconds: since :meth:`began`
        """

    def superseded(self, backend: str, failover_id: str,
                   servers: int) -> None:
        """Hear that a newer failover came first.

        :param failover_id: of the older one
        :param servers: how many of its servers will not be recovered for it
        """

    def standings(self, backend: str,
                  counts: Mapping[server_state.Standing, int], in_flight: int,
                  limit: int, gate_open: bool) -> None:
        """Hear how many servers stand where, after a look.

        :param limit: how many may be in flight at present
        """

    def looked(self, backend: str, seconds: float,
               queries: Mapping[str, int]) -> None:
        """Hear what a look has cost.

        :param queries: number by the kind, such as ``cinder``
        """

    def leads(self, leading: bool) -> None:
        """Hear whether this engine is the one that acts."""


class Fan(Observer):
    """Tells several observers; none of them can disturb the others."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        """Remember whom to tell."""
        self._observers = tuple(observers)

    def began(self, *args: Any) -> None:
        """See :meth:`Observer.began`."""
        self._tell('began', *args)

    def started(self, *args: Any) -> None:
        """See :meth:`Observer.started`."""
        self._tell('started', *args)

    def ended(self, *args: Any) -> None:
        """See :meth:`Observer.ended`."""
        self._tell('ended', *args)

    def gave_up(self, *args: Any) -> None:
        """See :meth:`Observer.gave_up`."""
        self._tell('gave_up', *args)

    def converged(self, *args: Any) -> None:
        """See :meth:`Observer.converged`."""
        self._tell('converged', *args)

    def superseded(self, *args: Any) -> None:
        """See :meth:`Observer.superseded`."""
        self._tell('superseded', *args)

    def standings(self, *args: Any) -> None:
        """See :meth:`Observer.standings`."""
        self._tell('standings', *args)

    def looked(self, *args: Any) -> None:
        """See :meth:`Observer.looked`."""
        self._tell('looked', *args)

    def leads(self, *args: Any) -> None:
        """See :meth:`Observer.leads`."""
        self._tell('leads', *args)

    def _tell(self, event: str, *args: Any) -> None:
        for observer in self._observers:
            try:
                getattr(observer, event)(*args)
            except Exception as exc:  # noqa: BLE001
                # To tell is never worth a server's recovery.
                LOG.warning('%s was not told of %r: %s',
                            type(observer).__name__, event,
                            type(exc).__name__)

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

"""Events of the engine's work, for whoever observes them.

Metrics and notifications are made of these events; the engine works the same
if nobody observes them.
"""

from collections.abc import Mapping, Sequence
import functools
from typing import Any

from oslo_log import log as logging

from nova_failover_ext.api import load as loads
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)


class Observer:
    """Observes events; this one does nothing with them.

    Each method is called in a thread that has other work to do: it returns
    at once and does not raise.
    """

    def began(self, backend: str, failover_id: str, target: str,
              servers: int) -> None:
        """The recovery of a backend's servers begins.

        :param target: the active_backend_id, '' for the primary
        :param servers: how many are to be recovered, as far as is known
        """

    def all_found(self, backend: str, failover_id: str, servers: int) -> None:
        """A backend whose recovery has begun is read to its end.

        :param servers: how many are to be recovered in all
        """

    def started(self, work: work_items.Work) -> None:
        """A server's recovery has been sent to its host."""

    def ended(self, work: work_items.Work, result: results.ServerResult,
              load: loads.Load) -> None:
        """A server's recovery has ended."""

    def retries_exhausted(self, backend: str, failover_id: str, server_id: str,
                          reason: str) -> None:
        """A server has used up its tries."""

    def converged(self, backend: str, failover_id: str,
                  seconds: float, excluded: int = 0) -> None:
        """All servers of a backend are in sync with Cinder, or excluded.

        :param seconds: since :meth:`began`
        :param excluded: how many operators have excluded
        """

    def superseded(self, backend: str, failover_id: str,
                   servers: int) -> None:
        """A newer failover came first.

        :param failover_id: of the older one
        :param servers: how many of its servers will not be recovered for it
        """

    def scanned(self, backend: str, seconds: float,
                queries: Mapping[str, int]) -> None:
        """A scan has ended.

        :param queries: number by the kind, such as ``cinder``
        """

    def leadership_changed(self, leading: bool) -> None:
        """This engine has acquired or lost leadership."""


EVENTS = frozenset(name for name in vars(Observer) if name[0] != '_')


class Observers(Observer):
    """Passes each event on; no observer can disturb the others."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        """Remember the observers.

        :param observers: receive each event, in this order
        """
        self._observers = tuple(observers)

    def __getattribute__(self, name: str) -> Any:
        """Return what passes an event on, for the name of an event."""
        if name in EVENTS:
            return functools.partial(self._pass_on, name)
        return super().__getattribute__(name)

    def _pass_on(self, event: str, *args: Any) -> None:
        for observer in self._observers:
            try:
                getattr(observer, event)(*args)
            except Exception as exc:  # noqa: BLE001
                # An event is never worth a server's recovery.
                LOG.warning('%s failed to process the event %r: %s',
                            type(observer).__name__, event,
                            type(exc).__name__)

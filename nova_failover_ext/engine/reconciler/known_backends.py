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


"""The backends that are known, by whatever name, and what was said of them."""

from collections.abc import Callable, Iterable
import threading

from cinder_failover_hooks import statuses
from oslo_log import log as logging

from nova_failover_ext.engine import model
from nova_failover_ext.engine.reconciler import backend_state

LOG = logging.getLogger(__name__)


class KnownBackends:
    """What is remembered of each backend."""

    def __init__(self,
                 make: Callable[[], backend_state.BackendState]) -> None:
        """Know of none.

        :param make: makes what is remembered of a backend
        """
        self._make = make
        self._lock = threading.Lock()
        self._states: dict[str, backend_state.BackendState] = {}
        #: what backends are called here, by their other names
        self._names: dict[str, str] = {}
        self._hints: dict[str, list[model.Hint]] = {}

    def get(self, backend: str) -> backend_state.BackendState:
        """Return what is remembered of a backend."""
        with self._lock:
            if backend not in self._states:
                self._states[backend] = self._make()
            return self._states[backend]

    def known(self) -> list[tuple[str, backend_state.BackendState]]:
        """Return all backends, by the names that they have here."""
        with self._lock:
            return list(self._states.items())

    def name(self, backend: str) -> str:
        """Return what a backend is called here."""
        with self._lock:
            return self._names.get(backend, backend)

    def add_hint(self, backend: str, hint: model.Hint) -> str:
        """Remember what is said of a backend until the next scan.

        :returns: what it is called here
        """
        with self._lock:
            backend = self._names.get(backend, backend)
            known = self._hints.setdefault(backend, [])
            # The latest of the backend, and of each group.
            known[:] = [one for one in known
                        if one.group_id != hint.group_id] + [hint]
            return backend

    def hints(self, backend: str) -> list[model.Hint]:
        """Return what was said of a backend, and go on to remember it."""
        with self._lock:
            return list(self._hints.get(backend, ()))

    def take_hints(self, backend: str) -> list[model.Hint]:
        """Take what was said of a backend."""
        with self._lock:
            return self._hints.pop(backend, [])

    def rename(self, other: str, name: str) -> None:
        """Note that each member of a cluster tells of it by its own name."""
        with self._lock:
            self._names.pop(name, None)
            self._names[other] = name
            self._hints.setdefault(name, []).extend(
                self._hints.pop(other, []))
            old = self._states.pop(other, None)
        if old and old.asked:
            self.get(name).asked += old.asked

    def forget(self, backend: str) -> None:
        """Forget a backend that is gone."""
        with self._lock:
            self._names = {other: name for other, name in self._names.items()
                           if name != backend}
            self._hints.pop(backend, None)
            self._states.pop(backend, None)

    def clear(self) -> None:
        """Forget every backend and what was said."""
        with self._lock:
            self._names, self._hints, self._states = {}, {}, {}

    def moving(self, but: str) -> frozenset[str]:
        """Return the servers of other backends that are failing over."""
        return frozenset().union(*(
            state.moving for name,
            state in self.known() if name != but))


def announced(backend: str, present: str,
              hints: Iterable[model.Hint]) -> str | None:
    """Return the failover id that comes with the right target, if any.

    :param present: the active_backend_id that Cinder names
    """
    found = None
    for hint in hints:
        if hint.group_id or not hint.failover_id:
            continue
        if (hint.target or '') == present:
            found = hint.failover_id
        else:
            LOG.info('A notification of failover %s says that %s is on %s, '
                     'Cinder says %s: using Cinder\'s value',
                     hint.failover_id, backend, statuses.called(hint.target),
                     statuses.called(present))
    return found

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


"""Which backends are to be looked at, when, and how closely."""

from collections.abc import Iterable
import dataclasses
import enum
import threading


class Kind(enum.IntEnum):
    """How much a look reads."""

    #: The services of the backend.
    GLANCE = 1
    #: Only the servers that are due.
    PARTIAL = 2
    #: Everything.
    FULL = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """A look that is due."""

    backend: str
    due: float
    kind: Kind = Kind.FULL


class Agenda:
    """One look of each kind is planned for a backend, and one under way."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._planned: dict[str, dict[Kind, Look]] = {}
        self._under_way: dict[str, Kind] = {}

    def add(self, backend: str, due: float, kind: Kind = Kind.FULL) -> None:
        """Plan a look; of two of a kind, the earlier time counts.

        :param due: time on the engine's clock in seconds
        """
        with self._lock:
            planned = self._planned.setdefault(backend, {})
            if kind in planned:
                due = min(due, planned[kind].due)
            planned[kind] = Look(backend, due, kind)

    def take_due(self, now: float) -> list[Look]:
        """Take the looks that are due, unless one is under way there.

        A full look goes first; else the one that is due for longest.

        :returns: looks for each of which :meth:`done` has to be called
        """
        with self._lock:
            chosen = []
            for backend, planned in self._planned.items():
                look = _first(planned.values(), now)
                if look and backend not in self._under_way:
                    chosen.append(look)
            for look in chosen:
                del self._planned[look.backend][look.kind]
                self._under_way[look.backend] = look.kind
            return chosen

    def done(self, backend: str) -> None:
        """Note that the look at a backend has ended."""
        with self._lock:
            self._under_way.pop(backend, None)

    def expects(self, backend: str, now: float) -> bool:
        """Tell whether a full look is under way, or due by now."""
        with self._lock:
            full = self._planned.get(backend, {}).get(Kind.FULL)
            return (self._under_way.get(backend) is Kind.FULL
                    or full is not None and full.due <= now)

    def clear(self) -> None:
        """Plan nothing any more; what is under way goes on."""
        with self._lock:
            self._planned = {}


def _first(planned: Iterable[Look], now: float) -> Look | None:
    return min((look for look in planned if look.due <= now),
               key=lambda look: (look.kind is not Kind.FULL, look.due),
               default=None)

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


"""Which backends are to be scanned, when, and how closely."""

from collections.abc import Iterable
import dataclasses
import enum
import threading


class Kind(enum.IntEnum):
    """How much a scan reads."""

    #: The services of the backend.
    SERVICES = 1
    #: Only the servers that are due.
    SERVERS = 2
    #: Everything.
    FULL = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Scan:
    """A scan that is due."""

    backend: str
    due: float
    kind: Kind = Kind.FULL


class ScanQueue:
    """One scan of each kind is planned for a backend, and one is running."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._planned: dict[str, dict[Kind, Scan]] = {}
        self._under_way: dict[str, Kind] = {}

    def add(self, backend: str, due: float, kind: Kind = Kind.FULL) -> None:
        """Plan a scan; of two of a kind, the earlier time counts.

        :param due: time on the engine's clock in seconds
        """
        with self._lock:
            planned = self._planned.setdefault(backend, {})
            if kind in planned:
                due = min(due, planned[kind].due)
            planned[kind] = Scan(backend, due, kind)

    def take_due(self, now: float) -> list[Scan]:
        """Take the scans that are due, unless one is running there.

        A full scan goes first; else the one that is due for longest.

        :returns: scans for each of which :meth:`done` has to be called
        """
        with self._lock:
            chosen = []
            for backend, planned in self._planned.items():
                scan = _first(planned.values(), now)
                if scan and backend not in self._under_way:
                    chosen.append(scan)
            for scan in chosen:
                del self._planned[scan.backend][scan.kind]
                self._under_way[scan.backend] = scan.kind
            return chosen

    def done(self, backend: str) -> None:
        """Note that the scan of a backend has ended."""
        with self._lock:
            self._under_way.pop(backend, None)

    def expects(self, backend: str, now: float) -> bool:
        """Return whether a full scan is running, or due by now."""
        with self._lock:
            full = self._planned.get(backend, {}).get(Kind.FULL)
            return (self._under_way.get(backend) is Kind.FULL
                    or full is not None and full.due <= now)

    def clear(self) -> None:
        """Plan nothing any more; what is under way goes on."""
        with self._lock:
            self._planned = {}


def _first(planned: Iterable[Scan], now: float) -> Scan | None:
    return min((scan for scan in planned if scan.due <= now),
               key=lambda scan: (scan.kind is not Kind.FULL, scan.due),
               default=None)

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

"""Which backends are to be looked at, and when."""

import dataclasses
import threading


@dataclasses.dataclass(frozen=True)
class Look:
    """A look that is due.

    :ivar reconcile: whether servers that ran out of tries get another one
    """

    backend: str
    due: float
    reconcile: bool


class Agenda:
    """At most one look is planned for a backend, and one under way."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._planned: dict[str, Look] = {}
        self._under_way: set[str] = set()

    def add(self, backend: str, due: float, reconcile: bool = False) -> None:
        """Plan a look; of two for a backend, the earlier time counts.

        :param due: time on the engine's clock in seconds
        """
        with self._lock:
            planned = self._planned.get(backend)
            if planned:
                due = min(due, planned.due)
                reconcile = reconcile or planned.reconcile
            self._planned[backend] = Look(backend, due, reconcile)

    def take_due(self, now: float) -> list[Look]:
        """Take the looks that are due, unless one is under way there.

        :returns: looks for each of which :meth:`done` has to be called
        """
        with self._lock:
            due = [look for look in self._planned.values()
                   if look.due <= now
                   and look.backend not in self._under_way]
            for look in due:
                del self._planned[look.backend]
                self._under_way.add(look.backend)
            return due

    def done(self, backend: str) -> None:
        """Note that the look at a backend has ended."""
        with self._lock:
            self._under_way.discard(backend)

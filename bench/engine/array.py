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


"""An array that takes its time to export a volume."""

import dataclasses
import threading
import time


@dataclasses.dataclass
class Figures:
    """What the array has borne.

    :ivar calls: how many connections were asked for
    :ivar most: how many of them at the same time
    """

    calls: int = 0
    most: int = 0


class Array:
    """Answers each ``initialize_connection`` after the same time."""

    def __init__(self, latency: float) -> None:
        """Nobody has asked yet.

        :param latency: seconds that each call takes, however many there are
        """
        self._latency = latency
        self._lock = threading.Lock()
        self._now = 0
        self._figures = Figures()

    def initialize_connection(self) -> None:
        """Export a volume."""
        with self._lock:
            self._now += 1
            self._figures.calls += 1
            self._figures.most = max(self._figures.most, self._now)
        time.sleep(self._latency)
        with self._lock:
            self._now -= 1

    def take(self) -> Figures:
        """Return the figures since the last time, and begin anew."""
        with self._lock:
            taken, self._figures = self._figures, Figures(most=self._now)
            return taken

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

"""Which compute hosts can be asked.

A host that is not responding is asked by a ping, not by one recovery
after the other, each of which would wait for the heartbeat. So is a host that
has not been heard of lately, before the first recovery: silent hosts would
hold the slots that the others need. A host that Nova says is down is not
asked at all.
"""

from collections.abc import Callable
import dataclasses
import threading
import time

Host = tuple[str, str]

#: The longest wait between two pings, in probe intervals.
LONGEST = 6
#: Seconds after an answer in which no ping is needed.
HEARD_FOR = 300.0
#: Seconds for which nothing starts while first pings have no answer yet: the
#: host that answers first may not have the most urgent server.
GRACE = 1.0


@dataclasses.dataclass
class _Silence:
    next_probe: float
    wait: float


class HostHealth:
    """What is known of compute hosts, each by its cell and name."""

    def __init__(self, probe_interval: float,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Start with no host known.

        :param probe_interval: seconds between the first pings of a host
        :param clock: seconds, never going back
        """
        self._interval = probe_interval
        self._clock = clock
        self._lock = threading.Lock()
        self._silent: dict[Host, _Silence] = {}
        self._down: set[Host] = set()
        self._heard: dict[Host, float] = {}
        #: hosts to ping because work waits for them
        self._wanted: set[Host] = set()
        self._wanted_at = 0.0

    def note_silent(self, cell: str, host: str) -> None:
        """Note that a host did not answer; its first ping is due at once.

        A call that waits for a free thread of nova-compute looks the same,
        which a ping finds out.
        """
        with self._lock:
            self._heard.pop((cell, host), None)
            self._wanted.discard((cell, host))
            self._silent.setdefault(
                (cell, host), _Silence(self._clock(), self._interval))

    def note_answer(self, cell: str, host: str) -> None:
        """Note that a host answered, whatever it said."""
        with self._lock:
            self._silent.pop((cell, host), None)
            self._wanted.discard((cell, host))
            self._heard[cell, host] = self._clock()

    def note_up(self, cell: str, host: str, up: bool) -> None:
        """Note what Nova's service record says of a host.

        One that comes up is not silent any more: that was before.
        """
        with self._lock:
            if not up:
                self._down.add((cell, host))
            elif (cell, host) in self._down:
                self._down.discard((cell, host))
                self._silent.pop((cell, host), None)

    def may_send(self, cell: str, host: str) -> bool:
        """Return whether servers can be sent to a host."""
        with self._lock:
            return ((cell, host) not in self._down
                    and (cell, host) not in self._silent)

    def may_start(self, cell: str, host: str) -> bool:
        """Return whether a server can be sent now; if unknown, find out.

        A host that has not answered lately is to be pinged before.
        """
        with self._lock:
            if (cell, host) in self._down or (cell, host) in self._silent:
                return False
            heard = self._heard.get((cell, host))
            if heard is None or heard + HEARD_FOR < self._clock():
                if (cell, host) not in self._wanted:
                    self._wanted.add((cell, host))
                    self._wanted_at = self._clock()
                return False
            return not self._settling()

    def settling(self) -> bool:
        """Return whether first pings are about to be answered."""
        with self._lock:
            return self._settling()

    def due_probes(self) -> list[Host]:
        """Return the hosts to ping now; silent ones again only later.

        Hosts that are down are left out. Those that :meth:`may_start` wants
        to know of are there each time until they answer or are silent.
        """
        with self._lock:
            now = self._clock()
            due = [host for host, silence in self._silent.items()
                   if silence.next_probe <= now and host not in self._down]
            for host in due:
                silence = self._silent[host]
                silence.next_probe = now + silence.wait
                silence.wait = min(
                    2 * silence.wait, LONGEST * self._interval)
            return due + sorted(self._wanted - self._down)

    def down(self) -> list[Host]:
        """Return the hosts that Nova says are down."""
        with self._lock:
            return sorted(self._down)

    def silent(self) -> list[Host]:
        """Return the hosts that did not respond when asked last."""
        with self._lock:
            return sorted(self._silent)

    def _settling(self) -> bool:
        return bool(self._wanted - self._down) and (
            self._clock() < self._wanted_at + GRACE)

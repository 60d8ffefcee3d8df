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


"""What the bus has brought lately: proof that notifications arrive."""

import collections
import datetime
import threading
from typing import Any

from oslo_utils import timeutils

#: How many probes are remembered.
PROBES = 20
#: How many backends are remembered: anybody can name any.
BACKENDS = 1000


class NotificationLog:
    """Remembers the latest notification of each backend, and the probes."""

    def __init__(self) -> None:
        """Start without any."""
        self._lock = threading.Lock()
        self._backends: collections.OrderedDict[
            str, datetime.datetime] = collections.OrderedDict()
        self._nonces: collections.deque[str] = collections.deque(
            maxlen=PROBES)

    def note_backend(self, backend: str) -> None:
        """Note a notification of a backend."""
        with self._lock:
            self._backends.pop(backend, None)
            self._backends[backend] = timeutils.utcnow()
            if len(self._backends) > BACKENDS:
                self._backends.popitem(last=False)

    def note_probe(self, payload: Any) -> None:
        """Note a probe; what makes no sense is left out."""
        nonce = payload.get('nonce') if isinstance(payload, dict) else None
        if isinstance(nonce, str) and len(nonce) <= 64:
            with self._lock:
                self._nonces.append(nonce)

    def report(self) -> dict[str, Any]:
        """Return it as plain data for the bus."""
        with self._lock:
            return {
                'last_notifications': {
                    backend: when.isoformat()
                    for backend, when in self._backends.items()},
                'nonces': list(self._nonces)}

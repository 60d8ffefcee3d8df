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


"""Servers on the message bus, for as long as this engine leads."""

from collections.abc import Callable, Iterable
import threading
from typing import Any

from kombu import exceptions as kombu_exception
from oslo_log import log as logging
import oslo_messaging as messaging
import tenacity

LOG = logging.getLogger(__name__)

#: Longest wait in seconds for a bus that refuses us.
BUS_WAIT = 30
#: Seconds to wait at the end for servers to stop.
STOP_WAIT = 5.0

_BUS_ERRORS = (messaging.MessagingException, kombu_exception.KombuError,
               OSError)


class BusServers:
    """Starts servers and stops them, whatever the state of the bus.

    Those of oslo.messaging cannot be started again, and starting waits while
    the bus is down, as stopping would: so all of it happens in threads.
    """

    def __init__(self, makes: Iterable[Callable[[], Any]]) -> None:
        """Remember what to start.

        :param makes: each makes a server or a listener
        """
        self._makes = tuple(makes)
        self._lock = threading.Lock()
        self._servers: list[Any] = []
        self._stopping = threading.Event()
        self._stopper: threading.Thread | None = None

    def start(self) -> None:
        """Start each in a thread of its own."""
        for make in self._makes:
            threading.Thread(target=self._serve, args=(make,),
                             daemon=True).start()

    def stop(self) -> None:
        """Begin to stop; :meth:`wait` waits for the end of it."""
        self._stopping.set()
        self._stopper = threading.Thread(target=self._stop_all, daemon=True)
        self._stopper.start()

    def wait(self, timeout: float = STOP_WAIT) -> None:
        """Wait until all is stopped, but not for ever.

        :param timeout: in seconds
        """
        if self._stopper:
            self._stopper.join(timeout)

    def _serve(self, make: Callable[[], Any]) -> None:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_BUS_ERRORS),
            wait=tenacity.wait_random_exponential(max=BUS_WAIT),
            sleep=tenacity.sleep_using_event(self._stopping),
            stop=tenacity.stop_when_event_set(self._stopping),
            before_sleep=tenacity.before_sleep_log(LOG, logging.WARNING))
        try:
            server = retrying(_started, make)
        except tenacity.RetryError:
            return
        with self._lock:
            self._servers.append(server)
        if self._stopping.is_set():
            self._stop_all()

    def _stop_all(self) -> None:
        with self._lock:
            servers, self._servers = self._servers, []
        for server in servers:
            try:
                server.stop()
                server.wait()
            except _BUS_ERRORS as exc:
                LOG.warning('A server on the bus was not stopped: %s',
                            type(exc).__name__)


def _started(make: Callable[[], Any]) -> Any:
    # One that could not be started cannot be started again.
    server = make()
    server.start()
    return server

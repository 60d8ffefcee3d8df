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


"""Watches the compute hosts that servers wait for, and asks nothing else."""

from collections.abc import Callable, Iterable
import threading
import typing

import futurist
from oslo_log import log as logging
import oslo_messaging as messaging

from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import scan_context
from nova_failover_ext import exception
from nova_failover_ext.recovery import bounded

LOG = logging.getLogger(__name__)

#: nova-compute is there, and does not know of recovery.
_ANSWERS = (messaging.UnsupportedVersion, messaging.NoSuchMethod,
            messaging.RemoteError)
#: Seconds that a ping may take beyond its own time-out: it waits for ever for
#: a bus that is down.
_MARGIN = 2.0



class Client(typing.Protocol):
    """Asks compute hosts; see :mod:`.dispatcher.compute_client`."""

    def ping(self, cell: str, host: str, timeout: float) -> object:
        """Ask a host to answer."""
        ...


class HostMonitor:
    """Lets servers go on once their host is back."""

    def __init__(self, context: scan_context.ScanContext, client: Client,
                 executor: futurist.ThreadPoolExecutor) -> None:
        """Remember what to work with.

        :param executor: runs the questions, and nothing else: a host that
            is silent keeps a thread for the whole of ``ping_timeout``
        """
        self._context = context
        self._client = client
        self._executor = executor
        self._next = 0.0
        self._asking = False
        self._lock = threading.Lock()
        self._pinged: set[backend_state.Host] = set()
        self._calls = bounded.Calls()

    def tick(self) -> None:
        """Ask what is due; a host has one question at a time."""
        now = self._context.clock()
        for host in self._context.hosts.due_probes():
            if self._begin_ping(host):
                self._executor.submit(self._ping, *host)
        cells = {cell for cell, _host in self._awaited()}
        if cells and now >= self._next and not self._asking:
            self._asking = True
            self._next = now + self._context.settings.probe_interval
            self._executor.submit(self._ask_nova, cells)

    def _awaited(self) -> set[backend_state.Host]:
        known = self._context.backends.known()
        awaited = {host for _name,
                   state in known for host in list(state.held)}
        if any(self._context.dispatcher.counts(name)[0] for name,
               _own in known):
            # Some of those that wait may be theirs.
            awaited |= set(self._context.hosts.down())
        return awaited

    def _ask_nova(self, cells: Iterable[str]) -> None:
        try:
            found = self._context.nova.hosts_up(cells)
        except exception.FailoverException as exc:
            LOG.debug('Which hosts are up is not known: %s', exc)
            return
        finally:
            self._asking = False
        awaited = self._awaited()
        for (cell, host), up in found.items():
            if (cell, host) in awaited:
                self._context.hosts.note_up(cell, host, up)
        self._wake(self._context.hosts.may_send)
        self._context.dispatcher.start_more()

    def _begin_ping(self, host: backend_state.Host) -> bool:
        with self._lock:
            if host in self._pinged:
                return False
            self._pinged.add(host)
            return True

    def _ping(self, cell: str, host: str) -> None:
        hosts = self._context.hosts
        settling = hosts.settling()
        try:
            timeout = self._context.settings.ping_timeout
            self._calls.call((cell, host), self._client.ping,
                             timeout + _MARGIN, cell, host, timeout)
        except _ANSWERS:
            LOG.debug('nova-compute on %s does not know of recovery', host)
        except (messaging.MessagingTimeout, bounded.TimedOut):
            self._give_up((cell, host), settling,
                          'nova-compute on %s does not respond' % host)
            return
        except Exception as exc:  # noqa: BLE001
            # Buses and databases raise what they like, and nobody looks at
            # the end of this thread: the servers would wait for good.
            self._give_up((cell, host), settling,
                          'nova-compute on %s cannot be asked (%s)'
                          % (host, type(exc).__name__))
            return
        finally:
            with self._lock:
                self._pinged.discard((cell, host))
        hosts.note_answer(cell, host)
        self._wake(lambda *key: key == (cell, host) and hosts.may_send(*key))
        self._start_more(settling, (cell, host))

    def _give_up(self, host: backend_state.Host, settling: bool,
                 reason: str) -> None:
        LOG.debug('%s', reason)
        self._context.hosts.note_silent(*host)
        self._context.dispatcher.give_up(host, reason)
        self._start_more(settling, host)

    def _start_more(self, settling: bool, host: backend_state.Host) -> None:
        settled = settling and not self._context.hosts.settling()
        self._context.dispatcher.start_more(None if settled else host)

    def _wake(self, may_send: Callable[[str, str], bool]) -> None:
        for name, state in self._context.backends.known():
            with state.lock:
                back = [key for key in state.held if may_send(*key)]
                ids = [server_id for key in back
                       for server_id in _released(state, key)]
                state.tries.wake(ids, self._context.clock())
            if ids:
                self._context.plan_server_scan(name, state)


def _released(state: backend_state.BackendState,
              key: backend_state.Host) -> set[str]:
    return state.held.pop(key, set())

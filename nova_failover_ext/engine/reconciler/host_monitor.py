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
import typing

import futurist
from kombu import exceptions as kombu_exception
from nova import exception as nova_exception
from oslo_db import exception as db_exception
from oslo_log import log as logging
import oslo_messaging as messaging

from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import scan_context as own_parts
from nova_failover_ext import exception

LOG = logging.getLogger(__name__)

_ERRORS = (messaging.MessagingException, kombu_exception.KombuError,
           db_exception.DBError, nova_exception.NovaException, OSError)


class Client(typing.Protocol):
    """Asks compute hosts; see :mod:`.dispatcher.compute_client`."""

    def ping(self, cell: str, host: str, timeout: float) -> object:
        """Ask for a sign of life."""
        ...


class HostWatch:
    """Lets servers go on once their host is back."""

    def __init__(self, parts: own_parts.Parts, client: Client,
                 executor: futurist.ThreadPoolExecutor) -> None:
        """Remember what to work with.

        :param executor: runs the questions
        """
        self._parts = parts
        self._client = client
        self._executor = executor
        self._next = 0.0
        self._asking = False

    def tick(self) -> None:
        """Ask what is due, each question in a thread of its own."""
        now = self._parts.clock()
        for cell, host in self._parts.board.due_probes():
            self._executor.submit(self._ping, cell, host)
        cells = {cell for cell, _host in self._awaited()}
        if cells and now >= self._next and not self._asking:
            self._asking = True
            self._next = now + self._parts.settings.probe_interval
            self._executor.submit(self._ask_nova, cells)

    def _awaited(self) -> set[backend_state.Host]:
        known = self._parts.roster.known()
        awaited = {host for _name, own in known for host in list(own.held)}
        if any(self._parts.dispatcher.counts(name)[0] for name, _own in known):
            # Some of those that wait may be theirs.
            awaited |= set(self._parts.board.down())
        return awaited

    def _ask_nova(self, cells: Iterable[str]) -> None:
        try:
            found = self._parts.nova.hosts_up(cells)
        except exception.FailoverException as exc:
            LOG.debug('Which hosts are up is not known: %s', exc)
            return
        finally:
            self._asking = False
        awaited = self._awaited()
        for (cell, host), up in found.items():
            if (cell, host) in awaited:
                self._parts.board.note_up(cell, host, up)
        self._wake(self._parts.board.may_send)

    def _ping(self, cell: str, host: str) -> None:
        board = self._parts.board
        try:
            self._client.ping(cell, host, self._parts.settings.ping_timeout)
        except _ERRORS as exc:
            LOG.debug('nova-compute on %s gives no sign of life (%s)', host,
                      type(exc).__name__)
            return
        board.note_answer(cell, host)
        self._wake(board.may_send)

    def _wake(self, may_send: Callable[[str, str], bool]) -> None:
        for name, own in self._parts.roster.known():
            with own.lock:
                back = [key for key in own.held if may_send(*key)]
                ids = [server_id for key in back
                       for server_id in _released(own, key)]
                own.tries.wake(ids, self._parts.clock())
            if ids:
                self._parts.plan_partial(name, own)
        self._parts.dispatcher.start_more()


def _released(own: backend_state.BackendState,
              key: backend_state.Host) -> set[str]:
    return own.held.pop(key, set())

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

"""Asks a compute host, on the bus of its cell, to recover one server.

It notes in the host health who answers and who does not.
"""

import collections.abc
import contextlib
from typing import Any

import nova.context
from nova import exception as nova_exception
from oslo_db import exception as db_exception
from oslo_log import log as logging
import oslo_messaging as messaging

from nova_failover_ext.api import load as loads
from nova_failover_ext.engine.dispatcher import cell_bus
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)

_NOT_EXTENDED = ('nova-compute on %s does not know of recovery; is '
                 'nova-compute-failover started there?')
_SILENT = ('nova-compute on %s did not respond; whether it has acted '
           'shows at the next scan')


class ComputeClient:
    """Turns one piece of work into a call, and its failure into a result."""

    def __init__(self, timeout: float, heartbeat: float,
                 hosts: host_health.HostHealth) -> None:
        """Make the client; nothing is sent yet.

        :param timeout: see ``[failover_engine] recovery_timeout``
        :param heartbeat: see ``[failover_engine] heartbeat_timeout``
        :param hosts: told which hosts answer and which are silent
        """
        self._timeout = timeout
        self._heartbeat = heartbeat
        self._hosts = hosts
        self._bus = cell_bus.CellBus()

    def recover(self, work: work_items.Work
                ) -> tuple[results.ServerResult, loads.Load]:
        """Recover one server.

        :returns: what the host reports and has measured, or why it could
            not be asked
        """
        try:
            with self._noting(work.cell, work.host):
                return self._call(work)
        except messaging.MessagingTimeout:
            return _unknown(work, _SILENT % work.host)
        except (messaging.UnsupportedVersion, messaging.NoSuchMethod):
            return _unknown(work, _NOT_EXTENDED % work.host)
        except messaging.RemoteError as exc:
            return _unknown(work, _remote_reason(work, exc))
        except (messaging.MessagingException, db_exception.DBError,
                nova_exception.NovaException, ValueError, KeyError) as exc:
            LOG.debug('Asking %s for server %s failed with %s', work.host,
                      work.server_id, type(exc).__name__)
            return _unknown(work, 'nova-compute on %s cannot be asked (%s)'
                            % (work.host, type(exc).__name__))

    def ping(self, cell: str, host: str, timeout: float) -> dict[str, Any]:
        """Ask whether a host is there and its nova-compute is extended.

        :param cell: uuid of the host's cell
        :param timeout: seconds to wait for the answer
        :returns: see :meth:`.api.rpcapi.ComputeFailoverAPI.ping`
        :raises oslo_messaging.MessagingException: if it does not say so
        :raises nova.exception.NovaException: if the cell is not known
        """
        with (self._noting(cell, host),
              self._bus.api(cell, nova.context.get_admin_context())
              as (api, cctxt)):
            return api.ping(cctxt, host, timeout)

    def _call(self, work: work_items.Work
              ) -> tuple[results.ServerResult, loads.Load]:
        context = nova.context.RequestContext(
            is_admin=True, request_id=work.failover_id, overwrite=False)
        with self._bus.api(work.cell, context) as (api, cctxt):
            return api.recover_server(
                cctxt, work.host, work.server_id, work.failover_id,
                work.volumes, self._timeout, self._heartbeat, work.policy)

    @contextlib.contextmanager
    def _noting(self, cell: str, host: str) -> collections.abc.Iterator[None]:
        try:
            yield
        except messaging.MessagingTimeout:
            self._hosts.note_silent(cell, host)
            raise
        except (messaging.UnsupportedVersion, messaging.NoSuchMethod,
                messaging.RemoteError):
            self._hosts.note_answer(cell, host)
            raise
        self._hosts.note_answer(cell, host)


def _remote_reason(work: work_items.Work, exc: messaging.RemoteError) -> str:
    if exc.exc_type in ('UnsupportedVersion', 'NoSuchMethod'):
        return _NOT_EXTENDED % work.host
    # The text of an unexpected error may hold anything.
    return ('nova-compute on %s raised %s; its log says more'
            % (work.host, exc.exc_type))


def _unknown(work: work_items.Work, reason: str
             ) -> tuple[results.ServerResult, loads.Load]:
    return results.ServerResult(
        work.server_id, results.Outcome.FAILED, reason), loads.Load()

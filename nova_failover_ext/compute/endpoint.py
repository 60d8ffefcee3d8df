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

"""The RPC endpoint inside nova-compute, thin: context in, result out."""

from collections.abc import Iterator
import contextlib
import threading
from typing import Any

from oslo_log import log as logging
import oslo_messaging as messaging

from nova_failover_ext.api import load as loads
from nova_failover_ext.api import rpcapi
from nova_failover_ext.compute import cinder_meter
from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.recovery import recovery
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)


class FailoverEndpoint:
    """Server side of :class:`.api.rpcapi.ComputeFailoverAPI`."""

    target = messaging.Target(
        namespace=rpcapi.COMPUTE_NAMESPACE,
        version=rpcapi.ComputeFailoverAPI.VERSION)

    def __init__(self, host_name: str, work: recovery.Recovery,
                 cinder: cinder_meter.MeasuredCinder) -> None:
        """Remember who does the work.

        :param host_name: this compute host
        :param work: the recovery
        :param cinder: what ``work`` asks of Cinder, it asks of this
        """
        self._host_name = host_name
        self._work = work
        self._cinder = cinder
        self._lock = threading.Lock()
        self._at_work: set[str] = set()

    def ping(self, context: Any) -> dict[str, str]:
        """Tell that this nova-compute is extended."""
        return {'host': self._host_name,
                'version': rpcapi.ComputeFailoverAPI.VERSION}

    def recover_server(self, context: Any, server_id: str,
                       failover_id: str,
                       volumes: dict[str, str],
                       policy: str | None = None) -> dict[str, Any]:
        """See ``ComputeFailoverAPI.recover_server``.

        A server that is being recovered for another call is deferred at
        once: an engine that has taken over, or that has lost patience, asks
        again, and would keep others from a slot while it waits.

        :returns: a ServerResult as plain data, with the load on Cinder
        :raises ValueError: if there is no such policy
        """
        context.request_id = failover_id
        chosen = policies.Policy(policy) if policy else None
        with self._alone(server_id) as alone, self._cinder.measured() as meter:
            result = (
                self._work.recover(context, server_id, volumes, chosen)
                if alone else results.ServerResult(
                    server_id, results.Outcome.DEFERRED,
                    'it is being recovered already'))
        LOG.info('Recovery for failover %(id)s ended: %(summary)s',
                 {'id': failover_id, 'summary': result.summary},
                 instance_uuid=server_id)
        return {**result.to_primitive(),
                loads.KEY: meter.load.to_primitive()}

    @contextlib.contextmanager
    def _alone(self, server_id: str) -> Iterator[bool]:
        with self._lock:
            alone = server_id not in self._at_work
            self._at_work.add(server_id)
        try:
            yield alone
        finally:
            if alone:
                with self._lock:
                    self._at_work.discard(server_id)

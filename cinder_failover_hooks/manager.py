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

"""The volume manager to name in ``[DEFAULT] volume_manager``.

It is Cinder's own, and says on the message bus what becomes of a failover.
"""

from collections.abc import Iterable
from typing import Any

from cinder.volume import manager
from oslo_config import cfg

from cinder_failover_hooks import conf
from cinder_failover_hooks import emitter
from cinder_failover_hooks import reporter
from cinder_failover_hooks import retry
from cinder_failover_hooks import state
from cinder_failover_hooks import upstream

CONF = cfg.CONF


class ManagedBackend:
    """The backend of a volume manager, as the emitter wants to see it.

    :param name: host of the manager, ``host@backend``
    :param cluster: its cluster, None if it is not clustered
    """

    def __init__(self, name: str, cluster: str | None) -> None:
        self.name = name
        self._cluster = cluster

    def read_state(self) -> state.BackendState:
        """Read the state of the backend from Cinder's records."""
        return upstream.read_state(self.name)

    def read_volumes(self, size: int,
                     attempt: retry.Retry) -> Iterable[state.Volume]:
        """Read all volumes of the backend.

        :param size: volumes in a page
        :param attempt: by which each page is read
        """
        return upstream.all_volumes(self.name, self._cluster, size,
                                    attempt)


class FailoverVolumeManager(manager.VolumeManager):
    """Cinder's volume manager, reporting the failovers of its backend.

    RPC methods, their versions and their effects are those of the base
    class. Reporting is done in the background: it neither fails nor delays
    what it reports.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        conf.register_opts(CONF)
        super().__init__(*args, **kwargs)
        # Threads and connections are made when they are first needed: the
        # process that makes the manager forks before it serves.
        backend = ManagedBackend(self.host, self.cluster)
        self._reporter = reporter.Reporter(
            emitter.Emitter(CONF, backend, upstream.send), backend)

    def failover(self, context: Any,
                 secondary_backend_id: str | None = None) -> None:
        """Fail the backend over or back, and report it.

        See ``cinder.volume.manager.VolumeManager.failover``, which returns
        None even when its driver fails, and has saved every volume row when
        it returns.

        :param context: security context
        :param secondary_backend_id: the target, ``default`` to fail back,
            None to let the driver choose
        :raises Exception: whatever the base class raises
        """
        if not CONF.failover_hooks.enabled:
            super().failover(context, secondary_backend_id)
            return
        report = self._reporter.report(
            getattr(context, 'request_id', None), secondary_backend_id)
        report.started()
        try:
            super().failover(context, secondary_backend_id)
        except Exception as exc:
            report.raised(exc)
            raise
        report.returned()

    # RPC calls of non-clustered services come in under this name. The base
    # class binds its own function to it, so that must be done again here.
    failover_host = failover

    def init_host_with_rpc(self) -> None:
        """Do what Cinder does, then announce the state of the backend.

        A backend whose driver is not initialized serves nobody, and is not
        announced.
        """
        super().init_host_with_rpc()
        if CONF.failover_hooks.enabled and self.driver.initialized:
            self._reporter.announce()

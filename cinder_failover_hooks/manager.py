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
from collections.abc import Iterator
import contextlib
from typing import Any

from cinder.volume import manager
from oslo_config import cfg
from oslo_log import log as logging

from cinder_failover_hooks import conf
from cinder_failover_hooks import emitter
from cinder_failover_hooks import reporter
from cinder_failover_hooks import retry
from cinder_failover_hooks import state
from cinder_failover_hooks import upstream

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


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

    def read_groups(self, status: str) -> list[str]:
        """Read the ids of its replication groups of a replication status.

        :param status: for instance ``failed-over``
        """
        return upstream.groups_of(self.name, self._cluster, status)

    def read_volumes(self, group_id: str | None, size: int,
                     attempt: retry.Retry) -> Iterable[state.Volume]:
        """Read all volumes of the backend or of one of its groups.

        :param group_id: the group, None for all
        :param size: volumes in a page
        :param attempt: by which each page is read
        """
        return upstream.all_volumes(self.name, self._cluster, group_id, size,
                                    attempt)


class FailoverVolumeManager(manager.VolumeManager):
    """Cinder's volume manager, reporting the failovers of its backend.

    RPC methods, their versions and their effects are those of the base
    class. Reporting is done in the background: it neither fails nor delays
    what it reports.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        conf.register_opts(CONF)
        if CONF.failover_hooks.enabled and CONF.failover_hooks.follow_cluster:
            _follow_cluster(kwargs.get('host'), kwargs.get('cluster'))
        super().__init__(*args, **kwargs)
        # Threads and connections are made when they are first needed: the
        # process that makes the manager forks before it serves.
        backend = ManagedBackend(self.host, self.cluster)
        self._reporter = reporter.Reporter(
            emitter.Emitter(CONF, backend, upstream.send), backend,
            lambda: CONF.failover_hooks.completion_timeout)

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
        with self._reported(context, secondary_backend_id):
            super().failover(context, secondary_backend_id)

    # RPC calls of non-clustered services come in under this name. The base
    # class binds its own function to it, so that must be done again here.
    failover_host = failover

    def failover_completed(self, context: Any,
                           updates: dict[str, Any]) -> None:
        """Switch the driver of a member of a cluster, and take note of it.

        Only the member that has led the failover reports it, when its own
        driver has switched.

        :param context: security context, with the request id of the failover
        :param updates: of the record of the service
        :raises Exception: whatever the base class raises
        """
        super().failover_completed(context, updates)
        self._reporter.completed(_request_id(context))

    def failover_replication(self, ctxt: Any, group: Any,
                             allow_attached_volume: bool = False,
                             secondary_backend_id: str | None = None) -> None:
        """Fail a replication group over or back, and report it.

        See ``cinder.volume.manager.VolumeManager.failover_replication``, which
        raises if its driver fails, and has saved every volume row when it
        returns.

        :param ctxt: security context
        :param group: the group
        :param allow_attached_volume: whether its volumes may be attached
        :param secondary_backend_id: the target, ``default`` to fail back
        :raises Exception: whatever the base class raises
        """
        with self._reported(ctxt, secondary_backend_id, group.id):
            super().failover_replication(
                ctxt, group, allow_attached_volume, secondary_backend_id)

    def init_host_with_rpc(self) -> None:
        """Do what Cinder does, then announce the state of the backend.

        A backend whose driver is not initialized serves nobody, and is not
        announced.
        """
        super().init_host_with_rpc()
        if CONF.failover_hooks.enabled and self.driver.initialized:
            self._reporter.announce()

    @contextlib.contextmanager
    def _reported(self, context: Any, target: str | None,
                  group_id: str | None = None) -> Iterator[None]:
        if not CONF.failover_hooks.enabled:
            yield
            return
        report = self._reporter.report(_request_id(context), target, group_id)
        report.started()
        try:
            yield
        except Exception as exc:
            report.raised(exc)
            raise
        report.returned()


def _request_id(context: Any) -> str | None:
    found: str | None = getattr(context, 'request_id', None)
    return found


def _follow_cluster(host: str | None, cluster: str | None) -> None:
    if not (host and cluster):
        return
    try:
        moved = upstream.follow_cluster(host)
    except Exception:
        # Cinder will say itself what it thinks of such a database.
        LOG.exception('Could not compare %s with its cluster.', host)
        return
    if moved:
        LOG.warning('%s has missed a failover of its cluster %s, and follows '
                    'it from %s to %s.', host, cluster,
                    *(name or state.FAILBACK_TARGET for name in moved))

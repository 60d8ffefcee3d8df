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

It extends Cinder's own with reports of failovers on the message bus.
"""

from collections.abc import Iterator
import contextlib
from typing import Any

from cinder.volume import manager
from oslo_config import cfg
from oslo_log import log as logging

from cinder_failover_hooks import conf
from cinder_failover_hooks import emitter
from cinder_failover_hooks import exception
from cinder_failover_hooks import option_values
from cinder_failover_hooks import reporter
from cinder_failover_hooks import statuses
from cinder_failover_hooks import upstream

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: Exit code of cinder-volume if an option of this package has a wrong value.
INVALID_CONFIGURATION = 3


class FailoverVolumeManager(manager.VolumeManager):
    """Cinder's volume manager with reports of the failovers of its backend.

    RPC methods, their versions and their effects are those of the base
    class. Reports are sent in the background and neither fail nor delay the
    operation that they report.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        conf.register_opts(CONF)
        _check_options()
        if CONF.failover_hooks.enabled and CONF.failover_hooks.follow_cluster:
            _follow_cluster(kwargs.get('host'), kwargs.get('cluster'))
        super().__init__(*args, **kwargs)
        # Nothing here starts a thread or opens a connection, because the
        # process that creates the manager forks before it serves.
        backend = upstream.CinderBackend(self.host, self.cluster)
        self._reporter = reporter.Reporter(
            emitter.Emitter(CONF, backend, upstream.send), backend,
            lambda: CONF.failover_hooks.completion_timeout)

    def failover(self, context: Any,
                 secondary_backend_id: str | None = None) -> None:
        """Fail the backend over or back, and report it.

        ``cinder.volume.manager.VolumeManager.failover`` returns None even if
        its driver fails. It has saved every volume row when it returns.

        :param context: security context
        :param secondary_backend_id: the target, ``default`` to fail back,
            None to let the driver choose
        :raises Exception: any error of the base class
        """
        with self._reported(context, secondary_backend_id):
            super().failover(context, secondary_backend_id)

    # Services that are not clustered receive RPC calls under this name. The
    # base class binds it to its own function, so it is bound again here.
    failover_host = failover

    def failover_completed(self, context: Any,
                           updates: dict[str, Any]) -> None:
        """Switch the driver of a member of a cluster, and note that it has.

        Only the member that runs the failover reports its end, after the
        driver of that member has switched.

        :param context: security context, with the request id of the failover
        :param updates: updates of the record of the service
        :raises Exception: any error of the base class
        """
        super().failover_completed(context, updates)
        self._reporter.completed(_request_id(context))

    def failover_replication(self, ctxt: Any, group: Any,
                             allow_attached_volume: bool = False,
                             secondary_backend_id: str | None = None) -> None:
        """Fail a replication group over or back, and report it.

        ``cinder.volume.manager.VolumeManager.failover_replication`` raises an
        error if its driver fails. It has saved every volume row when it
        returns.

        :param ctxt: security context
        :param group: the group
        :param allow_attached_volume: whether its volumes may be attached
        :param secondary_backend_id: the target, ``default`` to fail back
        :raises Exception: any error of the base class
        """
        with self._reported(ctxt, secondary_backend_id, group.id):
            super().failover_replication(
                ctxt, group, allow_attached_volume, secondary_backend_id)

    def init_host_with_rpc(self) -> None:
        """Start as Cinder does, then announce the state of the backend.

        A backend with an uninitialized driver serves no request and is not
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


def _check_options() -> None:
    try:
        option_values.check(CONF, conf.list_opts())
    except exception.InvalidOption as exc:
        LOG.error('The configuration cannot be used: %s.', exc)
        # cinder.cmd.volume (Cinder 29) logs any Exception with a
        # traceback. It exits itself where no backend is enabled.
        raise SystemExit(INVALID_CONFIGURATION) from exc


def _request_id(context: Any) -> str | None:
    found: str | None = getattr(context, 'request_id', None)
    return found


def _follow_cluster(host: str | None, cluster: str | None) -> None:
    if not (host and cluster):
        return
    try:
        moved = upstream.follow_cluster(host)
    except Exception:
        # Cinder reports the error of the database itself as it starts.
        LOG.exception('Could not compare %s with its cluster.', host)
        return
    if moved:
        LOG.warning('%s missed a failover of its cluster %s and switches from '
                    '%s to %s.', host, cluster,
                    *map(statuses.called, moved))

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

"""At its start, a host recovers the servers that it would resume.

Nova resumes guests from the block device mappings as they are. Those of a
host that was down during a failover name the old site: such guests are
withheld from Nova, claimed, and recovered by a few threads once the service
runs, and with them every server whose recovery was cut off when the last
process ended. What does not succeed is left to the engine, which finishes
what is claimed.
"""

from collections.abc import Iterable
import dataclasses
from typing import Any

from cinder_failover_hooks import statuses
import futurist
from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from oslo_log import log as logging

from nova_failover_ext import exception
from nova_failover_ext.recovery import bounded
from nova_failover_ext.recovery import cinder_api
from nova_failover_ext.recovery import components
from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import ownership
from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.recovery import recovery
from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery import start_check

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class _Withheld:
    server_id: str
    mappings: tuple[mapping.Mapping, ...]


class StartupRecovery:
    """The servers of this host that wait to be recovered at its start."""

    def __init__(self, host_components: components.Components,
                 work: recovery.Recovery) -> None:
        """Nothing waits yet.

        :param host_components: what to work with
        :param work: recovers a server
        """
        self._components = host_components
        self._work = work
        self._withheld: list[_Withheld] = []
        self._backends: dict[str, cinder_api.Backend] | None = None
        self._silent = False
        self._keys_silent = False

    def withhold(self, context: Any, instance: Any) -> bool:
        """Return whether Nova must not resume a guest; claim it if so.

        :param context: an admin's nova RequestContext
        :param instance: the nova.objects.Instance that Nova would resume
        :returns: whether this host or the engine will power it on
        """
        begun = instance.task_state == staleness.TASK_STATE
        if not begun and (instance.vm_state != 'active' or
                          self._work.policy_of(instance)
                          is policies.Policy.NONE):
            return False
        mappings = self._mappings(context, instance.uuid)
        if not begun and (
                not self._may_be_stale(context, instance, mappings) or
                self._cannot_run(context, instance, mappings)):
            return False
        if not self._claim(instance):
            return False
        LOG.info('The guest is not resumed before its volumes are where '
                 'Cinder has moved them', instance=instance)
        self._withheld.append(_Withheld(instance.uuid, mappings))
        return True

    def start(self) -> None:
        """Recover what was withheld or cut off, in threads of their own."""
        self._take_up()
        if not self._withheld:
            return
        # Cinder may have moved on since, or be there again.
        self._backends, self._silent = None, False
        waiting, self._withheld = self._withheld, []
        conf = self._components.conf.failover_compute
        executor = futurist.ThreadPoolExecutor(
            max_workers=conf.max_concurrent_recoveries)
        for withheld in waiting:
            executor.submit(self._recover, withheld)
        # Last in the queue: at once, it would drop what no thread has taken
        # from there yet, and that is all beyond the number of threads.
        executor.submit(executor.shutdown, wait=False)

    def _take_up(self) -> None:
        # Of a server without a volume left, as after a detachment, the
        # engine does not know: it is told of volumes.
        context = nova_context.get_admin_context()
        known = {withheld.server_id for withheld in self._withheld}
        for instance in objects.InstanceList.get_by_filters(
                context, {'host': self._components.host.name, 'deleted': False,
                          'task_state': staleness.TASK_STATE},
                expected_attrs=[]):
            if instance.uuid not in known:
                self._withheld.append(_Withheld(
                    instance.uuid, self._mappings(context, instance.uuid)))

    def _mappings(self, context: Any,
                  server_id: str) -> tuple[mapping.Mapping, ...]:
        return tuple(ownership.used_by_nova(
            mapping.Mapping(bdm) for bdm in
            self._components.host.mappings(context, server_id)))

    def _may_be_stale(self, context: Any, instance: Any,
                      mappings: Iterable[mapping.Mapping]) -> bool:
        try:
            return any(
                staleness.may_be_stale(volume.connection_info, place)
                for volume, place in self._replicated(context, mappings))
        except exception.RecoveryDeferred as error:
            LOG.warning('It is not known whether volumes have moved: %s',
                        error, instance=instance)
            # Only a replicated volume has ever been stamped or marked.
            return any(volume.begun
                       or staleness.STAMP in volume.connection_info
                       for volume in mappings)

    def _cannot_run(self, context: Any, instance: Any,
                    mappings: Iterable[mapping.Mapping]) -> bool:
        # Each question that is not answered takes its time, too.
        if self._keys_silent:
            return False
        # Only its owner can start it; the claim would be in the way of that.
        try:
            return any(start_check.StartCheck(
                self._components, context, instance).obstacles(mappings))
        except exception.RecoveryDeferred as error:
            self._keys_silent = isinstance(error.__cause__, bounded.TimedOut)
            LOG.warning('It is not known whether the guest could be started: '
                        '%s', error, instance=instance)
            return False
        # Whatever it is, it must not keep the service from starting.
        except Exception as error:  # noqa: BLE001
            LOG.warning('It is not known whether the guest could be started: '
                        '%s', type(error).__name__, instance=instance)
            return False

    def _replicated(self, context: Any, mappings: Iterable[mapping.Mapping]
                    ) -> list[tuple[mapping.Mapping, str]]:
        if not mappings:
            return []
        backends = self._known_backends(context)
        found = [(volume, self._components.cinder.volume(
            context, volume.volume_id)) for volume in mappings]
        return [(volume, backends.get(
                    known.backend, cinder_api.Backend()).stamp_for(known))
                for volume, known in found
                if statuses.volume_is_replicated(known.replication_status) or
                volume.begun]

    def _known_backends(self, context: Any) -> dict[str, cinder_api.Backend]:
        # Each question to a Cinder that is down takes its time, and the
        # service starts only after the last server.
        if self._silent:
            raise exception.RecoveryDeferred(
                reason='Cinder did not answer a moment ago')
        if self._backends is None:
            try:
                self._backends = self._components.cinder.backends(context)
            except exception.RecoveryDeferred:
                self._silent = True
                raise
        return self._backends

    def _claim(self, instance: Any) -> bool:
        before = instance.task_state
        instance.task_state = staleness.TASK_STATE
        try:
            instance.save(expected_task_state=[None, staleness.TASK_STATE])
        except (nova_exception.UnexpectedTaskStateError,
                nova_exception.InstanceNotFound):
            instance.task_state = before
            return False
        return True

    def _recover(self, withheld: _Withheld) -> None:
        context = nova_context.get_admin_context()
        try:
            volumes = {volume.volume_id: place for volume, place in
                       self._replicated(context, withheld.mappings)
                       if volume.begun or staleness.may_be_stale(
                           volume.connection_info, place)}
            result = self._work.recover(context, withheld.server_id, volumes)
            LOG.info('Recovery at the start of this host ended: %s',
                     result.summary, instance_uuid=withheld.server_id)
        except exception.RecoveryDeferred as error:
            LOG.warning('The server is left to the engine: %s', error,
                        instance_uuid=withheld.server_id)
        # The thread ends here; nobody else would tell of it. The text of
        # what nobody expects may hold anything.
        except Exception as error:  # noqa: BLE001
            LOG.error('The server is left to the engine after an unexpected '
                      '%s', type(error).__name__,
                      instance_uuid=withheld.server_id)

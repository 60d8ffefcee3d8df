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

"""Nova's compute manager with recovery added to it."""

from typing import Any

from nova.compute import manager
from nova.compute import task_states
import nova.conf
from nova import context as nova_context
from nova import objects
from oslo_log import log as logging

from nova_failover_ext.compute import cinder_meter
from nova_failover_ext.compute import endpoint
from nova_failover_ext.compute import virt_loading
from nova_failover_ext.conf import compute as compute_conf
from nova_failover_ext.conf import policies as policy_conf
from nova_failover_ext.recovery import components
from nova_failover_ext.recovery import recovery
from nova_failover_ext.recovery import startup_recovery
from nova_failover_ext.recovery import upstream

LOG = logging.getLogger(__name__)


class FailoverComputeManager(manager.ComputeManager):
    """nova-compute's manager with recovery.

    ``additional_endpoints`` of nova.manager.Manager are served on both of
    nova-compute's RPC servers (nova.service.Service.start, Nova 31 to 34).
    ``_resume_guests_state`` and ``_delete_instance`` are private to Nova;
    their signatures and callers were read in Nova 31 to 34.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make Nova's manager, then add the endpoint."""
        super().__init__(*args, **kwargs)
        conf = nova.conf.CONF
        policy_conf.register_opts(conf)
        compute_conf.register_opts(conf)
        cinder = cinder_meter.MeasuredCinder(self.volume_api)
        host_components = components.Components(
            conf, upstream.Host(self),
            virt_loading.load_virt_host(conf.compute_driver, self.driver,
                                        self.volume_api), cinder)
        self._recovery = recovery.Recovery(host_components)
        self._startup_recovery = startup_recovery.StartupRecovery(
            host_components, self._recovery)
        self.additional_endpoints.append(
            endpoint.FailoverEndpoint(self.host, self._recovery, cinder))

    def post_start_hook(self) -> None:
        """Recover the servers that were not resumed."""
        super().post_start_hook()
        try:
            self._startup_recovery.start()
        # The engine finishes what is left; nova-compute has to start.
        except Exception as error:  # noqa: BLE001
            LOG.error('Searching for servers whose recovery was '
                      'interrupted failed with %s', type(error).__name__)

    def start_instance(self, context: Any, instance: Any) -> None:
        """Start a server, with volumes that waited for that."""
        self._catch_up(instance)
        super().start_instance(context, instance)

    def reboot_instance(self, context: Any, instance: Any,
                        block_device_info: Any, reboot_type: str) -> None:
        """Reboot a server, with volumes that waited for that.

        Those need a hard reboot: a soft one would keep the old disks.
        """
        if self._catch_up(instance) and reboot_type == 'SOFT':
            reboot_type = 'HARD'
            instance.task_state = task_states.REBOOT_PENDING_HARD
            instance.save(
                expected_task_state=list(task_states.soft_reboot_states))
        super().reboot_instance(
            context, instance, block_device_info, reboot_type)

    def _catch_up(self, instance: Any) -> bool:
        try:
            return self._recovery.catch_up(
                nova_context.get_admin_context(), instance)
        # Whatever goes wrong here must not keep Nova from its own work.
        except Exception as error:  # noqa: BLE001
            LOG.error('Searching for volumes that wait for a power cycle '
                      'failed with %s', type(error).__name__,
                      instance=instance)
            return False

    def _delete_instance(self, context: Any, instance: Any,
                         bdms: Any) -> None:
        """Disconnect what is connected now.

        Nova's API sends the block device mappings that it has read along
        with a deletion, which then waits for the instance lock, for as long
        as a recovery has it. Those would disconnect the old site again and
        leave the new one on the host for good.
        """
        super()._delete_instance(
            context, instance,
            objects.BlockDeviceMappingList.get_by_instance_uuid(
                context, instance.uuid))

    def _resume_guests_state(self, context: Any, instance: Any,
                             net_info: Any) -> None:
        """Leave a guest with volumes that have moved to the recovery.

        Nova would start it from the block device mappings as they are,
        which may still name the old site.
        """
        if not self._startup_recovery.withhold(context, instance):
            super()._resume_guests_state(context, instance, net_info)

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


"""Any virt driver, by the public methods of ComputeDriver only.

These methods (``get_info``, ``attach_volume``, ``detach_volume``,
``get_volume_connector`` of ``nova.virt.driver.ComputeDriver``, read in Nova
31.0.0 to 34.0.0) do in one what a recovery would rather do in steps: they
unplug a disk and disconnect it, or connect it and plug it in. There is no
force, and nobody tells what a guest really has. A module that knows its
driver, as ``libvirt`` does, is better.
"""

from typing import Any

from nova.compute import power_state
from nova import context as nova_context
from nova import exception as nova_exception
from os_brick import encryptors
from oslo_log import log as logging

from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery.virt import interface

LOG = logging.getLogger(__name__)

_OFF = (power_state.SHUTDOWN, power_state.CRASHED)


class GenericHost(interface.VirtHost):
    """A host with a virt driver of which nothing more is known."""

    connects_when_off = True

    def guest_runs(self, instance: Any) -> bool:
        """See the base class; a guest of unknown state holds its disks."""
        try:
            info = self.driver.get_info(instance, use_cache=False)
        except nova_exception.InstanceNotFound:
            return False
        return info.state not in _OFF

    def place(self, instance: Any, volume: mapping.Mapping) -> None:
        """Tell that the driver finds the place by the device name."""
        return

    def shows(self, instance: Any, volume: mapping.Mapping) -> None:
        """Tell that nobody knows."""
        return

    def mounted(self, instance: Any, volume: mapping.Mapping) -> None:
        """Tell that nobody knows."""
        return

    def obstacle(self, context: Any, instance: Any,
                 volume: mapping.Mapping) -> str:
        """See the base class; nobody knows who can open an encrypted one."""
        data = volume.connection_info.get('data') or {}
        if data.get('encrypted'):
            return ('it is encrypted, and only its owner can have it opened: '
                    'stop the server, wait until it is recovered, and have '
                    'it started by its owner')
        return ''

    def release(self, instance: Any, volume: mapping.Mapping,
                timeout: float) -> None:
        """Detach, which disconnects the volume from the host, too."""
        try:
            self._detach(nova_context.get_admin_context(), instance, volume,
                         volume.connection_info)
        except nova_exception.DeviceDetachFailed as error:
            raise interface.GuestHoldsDevice(
                device=volume.device_name, reason=error) from error

    def plug(self, context: Any, instance: Any,
             volume: mapping.Mapping) -> None:
        """Attach, which connects the volume to the host, too."""
        self._attach(context, instance, volume)

    def disconnect(self, context: Any, instance: Any,
                   volume: mapping.Mapping,
                   connection_info: dict[str, Any]) -> None:
        """Detach from a guest that is off; a running one did with release."""
        if not self.guest_runs(instance):
            self._detach(context, instance, volume, connection_info)

    def connect(self, context: Any, instance: Any,
                volume: mapping.Mapping) -> None:
        """Attach to a guest that is off; a running one waits for plug."""
        if not self.guest_runs(instance):
            self._attach(context, instance, volume)

    def forget(self, volume: mapping.Mapping) -> None:
        """Do nothing: to detach has forgotten all."""

    def _attach(self, context: Any, instance: Any,
                volume: mapping.Mapping) -> None:
        info = volume.connection_info
        # An earlier, cut off pass may have done it.
        self._detach(context, instance, volume, info)
        try:
            self.driver.attach_volume(
                context, info, instance, volume.device_name,
                disk_bus=volume.bdm.disk_bus,
                device_type=volume.bdm.device_type,
                encryption=self._encryption(context, volume, info))
        except nova_exception.InstanceNotFound:
            LOG.debug('The hypervisor has no guest yet, it will get volume '
                      '%s when it is made', volume.volume_id,
                      instance=instance)

    def _detach(self, context: Any, instance: Any, volume: mapping.Mapping,
                info: dict[str, Any]) -> None:
        try:
            self.driver.detach_volume(
                context, info, instance, volume.device_name,
                encryption=self._encryption(context, volume, info))
        # As nova.virt.block_device takes it.
        except (nova_exception.DiskNotFound,
                nova_exception.InstanceNotFound) as error:
            LOG.debug('Volume %(volume)s has been detached before: %(error)s',
                      {'volume': volume.volume_id, 'error': error},
                      instance=instance)

    def _encryption(self, context: Any, volume: mapping.Mapping,
                    info: dict[str, Any]) -> Any:
        return encryptors.get_encryption_metadata(
            context, self.volume_api, volume.volume_id, info)

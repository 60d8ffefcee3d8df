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

"""Nova's compute manager: the only module with its private uses.

Private parts of ``nova.compute.manager.ComputeManager``, each read in Nova
31.0.0, 32.0.0, 33.0.0 and 34.0.0:

* ``_power_off_instance(context, instance, clean_shutdown)``
* ``_power_on(context, instance)``
* ``_get_power_state(instance)``
"""

from collections.abc import Callable
from typing import Any

from nova.compute import utils as compute_utils
from nova import objects
from nova import utils
from oslo_concurrency import lockutils


class Host:
    """This compute host, as a recovery sees it."""

    def __init__(self, manager: Any) -> None:
        """Wrap Nova's compute manager.

        :param manager: the nova.compute.manager.ComputeManager
        """
        self._manager = manager

    @property
    def name(self) -> str:
        """The compute host's name, ``[DEFAULT] host``."""
        return str(self._manager.host)

    def locked(self, server_id: str,
               function: Callable[..., Any], *args: Any) -> Any:
        """Call ``function`` under the lock of Nova's own operations."""
        return utils.synchronized(server_id)(function)(*args)

    def instance(self, context: Any, server_id: str) -> Any:
        """Load a server.

        :raises nova.exception.InstanceNotFound: if it is gone
        """
        return objects.Instance.get_by_uuid(
            context, server_id, expected_attrs=[
                'flavor', 'info_cache', 'metadata', 'numa_topology',
                'resources', 'system_metadata'])

    def mappings(self, context: Any, server_id: str) -> list[Any]:
        """Load the block device mappings of a server's volumes."""
        found = objects.BlockDeviceMappingList.get_by_instance_uuid(
            context, server_id)
        return [bdm for bdm in found if bdm.is_volume]

    def mapping(self, context: Any, server_id: str, volume_id: str) -> Any:
        """Load one block device mapping."""
        return objects.BlockDeviceMapping.get_by_volume_and_instance(
            context, volume_id, server_id)

    def all_mappings(self, context: Any) -> list[Any]:
        """Load the block device mappings of all volumes on this host."""
        servers = objects.InstanceList.get_uuids_by_host(context, self.name)
        found = objects.BlockDeviceMappingList.get_by_instance_uuids(
            context, servers)
        return [bdm for bdm in found if bdm.is_volume]

    def mappings_of(self, context: Any, volume_id: str) -> list[Any]:
        """Load the block device mappings of a volume on this host."""
        return [bdm for bdm in self.all_mappings(context)
                if bdm.volume_id == volume_id]

    def volume_lock(self, volume_id: str) -> Any:
        """Return a lock of this host for a volume, as a context manager."""
        return lockutils.lock(f'failover-volume-{volume_id}', 'nova-')

    def power_off(self, context: Any, instance: Any) -> None:
        """Power a guest off at once.

        One that shuts down by itself writes to its disks, which the old site
        must not see, or waits for them, if that site is dead.
        """
        self._manager._power_off_instance(
            context, instance, clean_shutdown=False)

    def power_on(self, context: Any, instance: Any) -> None:
        """Power a guest on, from the saved block device mappings."""
        self._manager._power_on(context, instance)

    def update_power_state(self, instance: Any) -> None:
        """Set the instance's power state to what the hypervisor says."""
        instance.power_state = self._manager._get_power_state(instance)

    def fault(self, context: Any, instance: Any, error: Exception,
              message: str) -> None:
        """Record an instance fault, which the server's owner can read.

        :param message: without secrets, portals and commands
        """
        compute_utils.add_instance_fault_from_exc(
            context, instance, error, fault_message=message)

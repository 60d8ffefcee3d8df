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

"""The narrow interface to a virt driver that a recovery needs."""

import abc
from typing import Any

from nova_failover_ext.compute import mapping
from nova_failover_ext import exception


class GuestHoldsDevice(exception.FailoverException):
    """The guest did not let go of a device while it was running."""

    msg_fmt = 'The guest does not let go of %(device)s: %(reason)s.'


class VirtHost(abc.ABC):
    """What a recovery asks of the hypervisor and of the host's storage.

    Every method can be repeated after a crash at any point.
    """

    def __init__(self, driver: Any, volume_api: Any) -> None:
        """Remember whom to ask.

        :param driver: the nova.virt.driver.ComputeDriver
        :param volume_api: the nova.volume.cinder.API
        """
        self.driver = driver
        self.volume_api = volume_api

    def connector(self, instance: Any) -> dict[str, Any]:
        """Return this host's connector for Cinder."""
        connector: dict[str, Any] = self.driver.get_volume_connector(instance)
        return connector

    @abc.abstractmethod
    def guest_runs(self, instance: Any) -> bool:
        """Tell whether the hypervisor has a guest, in whatever state."""

    @abc.abstractmethod
    def place(self, instance: Any, volume: mapping.Mapping) -> str | None:
        """Return where the disk sits in the running guest, in own words.

        :returns: what :meth:`plug` understands, or None if it has none
        """

    @abc.abstractmethod
    def shows(self, instance: Any, volume: mapping.Mapping) -> bool:
        """Tell whether the guest's disk is the mapping's connection."""

    @abc.abstractmethod
    def release(self, instance: Any, volume: mapping.Mapping) -> None:
        """Unplug the disk from the running guest, and see that it is gone.

        :raises GuestHoldsDevice: if the guest does not let go of it
        """

    @abc.abstractmethod
    def plug(self, context: Any, instance: Any,
             volume: mapping.Mapping) -> None:
        """Plug the connected volume in at its remembered place."""

    @abc.abstractmethod
    def obstacle(self, volume: mapping.Mapping) -> str:
        """Say what would keep this host from connecting the volume anew.

        :returns: a reason, or an empty string
        """

    @abc.abstractmethod
    def disconnect(self, context: Any, instance: Any,
                   volume: mapping.Mapping) -> None:
        """Disconnect the mapping's connection from the host, by force."""

    @abc.abstractmethod
    def connect(self, context: Any, instance: Any,
                volume: mapping.Mapping) -> None:
        """Connect the mapping's connection to the host.

        The mapping's connection_info is completed with what the host knows
        afterwards, such as a device path; the caller saves it.
        """

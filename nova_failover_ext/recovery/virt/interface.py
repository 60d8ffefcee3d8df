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
from collections.abc import Callable, Iterable
import contextlib
from typing import Any

from nova_failover_ext import exception
from nova_failover_ext.recovery import mapping


class GuestHoldsDevice(exception.FailoverException):
    """The guest did not let go of a device while it was running."""

    msg_fmt = 'The guest does not let go of %(device)s: %(reason)s.'


class ConnectionStays(exception.FailoverException):
    """A connection was removed from the host, and is still there."""

    msg_fmt = '%(reason)s.'


class VirtHost(abc.ABC):
    """What a recovery asks of the hypervisor and of the host's storage.

    Every method can be repeated after a crash at any point, also in the
    middle of itself: what it has to reach is already reached then, and that
    is no error. The caller holds the instance lock, bounds each call in time
    where storage or a guest can make it hang, and names the step when one
    raises; no method retries by itself.

    :cvar connects_when_off: whether the hypervisor keeps the disks of a
        guest that is off; then :meth:`connect` has to follow
        :meth:`disconnect` also where the guest stays off, and
        :meth:`disconnect` concerns this guest alone
    """

    connects_when_off = False

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
        """Return whether the hypervisor has a guest, in whatever state.

        A paused guest, or one that is still shutting down, holds its disks
        as a running one does. Changes nothing.
        """

    @abc.abstractmethod
    def place(self, instance: Any, volume: mapping.Mapping) -> str | None:
        """Return where the disk sits in the running guest, in own words.

        Changes nothing.

        :returns: what :meth:`plug` understands, or None if it has none
        """

    @abc.abstractmethod
    def shows(self, instance: Any, volume: mapping.Mapping) -> bool | None:
        """Return whether the guest's disk is the mapping's connection.

        Changes nothing.

        :returns: None if this driver cannot tell
        """

    @abc.abstractmethod
    def mounted(self, instance: Any, volume: mapping.Mapping) -> bool | None:
        """Return whether the guest has a file system of the disk mounted.

        Changes nothing in the guest.

        :returns: None if nobody in the guest answers
        """

    @abc.abstractmethod
    def obstacle(self, context: Any, instance: Any,
                 volume: mapping.Mapping) -> str:
        """Say what would keep this host from connecting the volume anew.

        It is asked only for a server whose guest has to run afterwards, and
        changes nothing.

        :param context: an admin's, who has no token of the server's owner
        :returns: a reason with what heals it, or an empty string
        :raises RecoveryDeferred: if that cannot be found out now
        """

    def server_obstacle(self, context: Any, instance: Any) -> str:
        """Say what else would keep this host from starting the guest anew.

        It is asked before the guest is powered off, and changes nothing.

        :param context: an admin's, who has no token of the server's owner
        :param instance: the server
        :returns: a reason with what heals it, or an empty string
        """
        return ''

    def keeping_secrets(self, instance: Any, volume_ids: Iterable[str]
                        ) -> contextlib.AbstractContextManager[None]:
        """Return what surrounds a start, which may delete secrets if it fails.

        :param instance: the server
        :param volume_ids: of all its volumes
        """
        return contextlib.nullcontext()

    def lacks(self, connection_info: dict[str, Any]) -> str:
        """Say what this host lacks for a connection that it has never made.

        It is asked before the guest is touched, and changes nothing.

        :param connection_info: fresh from Cinder
        :returns: a reason, or an empty string
        """
        return ''

    def wwid(self, instance: Any, volume: mapping.Mapping) -> str:
        """Name the volume that the running guest's disk is on.

        The name, in the form of multipath's WWID, is kept until nothing of it
        is seen on the host: no number of the host or of the storage tells it
        from a later one. Changes nothing.

        :returns: empty if it has none that is known
        """
        return ''

    def stranger(self, connection_info: dict[str, Any]) -> str:
        """Say what has the numbers of an old connection now, if not it.

        :meth:`disconnect` removes what it finds by portal and LUN number.
        Changes nothing.

        :param connection_info: what was connected
        :returns: empty if nothing else has, or nobody can tell
        """
        return ''

    def remove_known(self, connection_info: dict[str, Any]) -> str:
        """Remove what is left of a connection without using its numbers.

        :param connection_info: what was connected
        :returns: why something may still be left, or an empty string
        """
        return 'nobody knows by what else to find it'

    def fence(self, wwid: str, timeout: float) -> str:
        """Have what waits for a multipath map without a path fail.

        Neither the guest nor os-brick lets go of a map that queues, and what
        is queued there would be written when the old site comes back.

        :param wwid: what :meth:`wwid` said before
        :param timeout: seconds it may take
        :returns: why that could not be done, or an empty string
        """
        return ''

    def fencing(self, connections: Iterable[dict[str, Any]]
                ) -> contextlib.AbstractContextManager[None]:
        """Return what surrounds a step that requests to storage may hang.

        Meanwhile, requests to storage that does not answer fail.

        :param connections: the connections that the guest has to let go of
        """
        return contextlib.nullcontext()

    def watch(self, instance: Any) -> Callable[[], str]:
        """Return what says whether the guest's processes are still there.

        To be called before the guest is powered off.

        :returns: a function that returns an empty string once all are gone
        """
        return lambda: ''

    @abc.abstractmethod
    def release(self, instance: Any, volume: mapping.Mapping,
                timeout: float) -> None:
        """Unplug the disk from the running guest, and see that it is gone.

        A disk that is gone already is no error. The caller waits no longer
        than ``timeout`` and powers the guest off then: a call that hangs and
        comes back later must not unplug anything any more.

        :param timeout: seconds
        :raises GuestHoldsDevice: if the guest does not let go of it, or never
            can while it runs
        """

    @abc.abstractmethod
    def plug(self, context: Any, instance: Any,
             volume: mapping.Mapping) -> None:
        """Plug the connected volume in at its remembered place.

        Without a remembered place the hypervisor chooses one. A guest that
        has the disk already is no error.
        """

    @abc.abstractmethod
    def disconnect(self, context: Any, instance: Any,
                   volume: mapping.Mapping,
                   connection_info: dict[str, Any]) -> None:
        """Disconnect a connection of the volume from the host, by force.

        The guest has let go of it before. Whether another server of this
        host still needs it (multiattach) is for the caller to decide. A
        connection that is gone already is no error.

        :param connection_info: what was connected, maybe an older one than
            the mapping's; it is not changed
        """

    @abc.abstractmethod
    def connect(self, context: Any, instance: Any,
                volume: mapping.Mapping) -> None:
        """Connect the mapping's connection to the host.

        The mapping's connection_info is completed with what the host knows
        afterwards, such as a device path; the caller saves it. A connection
        that is up already is no error.
        """

    @abc.abstractmethod
    def forget(self, volume: mapping.Mapping) -> None:
        """Forget what the host keeps of a volume that is not its any more.

        It comes after the last :meth:`disconnect` of a volume that is
        detached for good, and may find nothing to forget.
        """

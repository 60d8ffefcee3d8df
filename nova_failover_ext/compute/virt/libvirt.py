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

"""The libvirt driver's side, and the only module with its private uses.

Private parts of ``nova.virt.libvirt.driver.LibvirtDriver`` that are used here,
each read in Nova 31.0.0, 32.0.0, 33.0.0 and 34.0.0:

* ``_host`` (get_guest, find_secret), ``_get_guest_disk_device``,
  ``_detach_with_retry``, ``_get_volume_config``, ``_connect_volume``,
  ``_disconnect_volume`` (with ``force`` and ``destroy_secrets``),
  ``_build_device_metadata``
"""

import functools
import inspect
from typing import Any

from lxml import etree
import nova.conf
from nova import exception as nova_exception
from nova.virt.libvirt import blockinfo
from nova.virt.libvirt import config as vconfig
from os_brick import encryptors
from oslo_log import log as logging

from nova_failover_ext.compute import mapping
from nova_failover_ext.compute.virt import base

LOG = logging.getLogger(__name__)


class LibvirtHost(base.VirtHost):
    """A host whose virt driver is ``libvirt.LibvirtDriver``."""

    def guest_runs(self, instance: Any) -> bool:
        """See the base class."""
        # Not the power state: a guest that has suspended itself or is still
        # shutting down has a QEMU that holds its disks, too.
        try:
            return bool(self.driver._host.get_guest(instance).is_active())
        except nova_exception.InstanceNotFound:
            return False

    def place(self, instance: Any, volume: mapping.Mapping) -> str | None:
        """Return the disk's <address> element, or None."""
        disk = self._disk(instance, volume)
        if disk is None or disk.device_addr is None:
            return None
        return str(disk.device_addr.to_xml())

    def shows(self, instance: Any, volume: mapping.Mapping) -> bool:
        """Compare the live domain's disk source with the connection's."""
        disk = self._disk(instance, volume)
        if disk is None:
            return False
        try:
            wanted = self._config(instance, volume)
        except KeyError:
            # A connection that this host has never made has no device path.
            return False
        return _source(disk) == _source(wanted)

    def release(self, instance: Any, volume: mapping.Mapping) -> None:
        """Detach from the live and the persistent domain, with retries."""
        device = _device(volume)
        guest = self.driver._host.get_guest(instance)
        find = functools.partial(
            self.driver._get_guest_disk_device, guest, device,
            volume_uuid=volume.volume_id)
        try:
            self.driver._detach_with_retry(
                guest, instance.uuid, find, device_name=device)
        except nova_exception.DeviceNotFound:
            LOG.debug('Disk %s has been let go of before', device,
                      instance=instance)
        except nova_exception.DeviceDetachFailed as error:
            raise base.GuestHoldsDevice(
                device=device, reason=error) from error
        if self._disk(instance, volume) is not None:
            raise base.GuestHoldsDevice(
                device=device, reason='libvirt still has it')

    def plug(self, context: Any, instance: Any,
             volume: mapping.Mapping) -> None:
        """Attach at the same target name and address as before."""
        conf = self._config(instance, volume)
        if volume.place:
            conf.device_addr = vconfig.LibvirtConfigGuestDeviceAddress \
                .parse_dom(etree.fromstring(volume.place))
        guest = self.driver._host.get_guest(instance)
        guest.attach_device(conf, persistent=True, live=True)
        # As LibvirtDriver.attach_volume does, for device tags.
        instance.device_metadata = self.driver._build_device_metadata(
            context, instance)
        instance.save()

    def obstacle(self, volume: mapping.Mapping) -> str:
        """See the base class; a LUKS secret must be there already."""
        data = volume.connection_info.get('data') or {}
        if data.get('encrypted') and not self.driver._host.find_secret(
                'volume', volume.volume_id):
            return ('it is encrypted and libvirt has no secret for it on this '
                    'host; a hard reboot by its owner makes one')
        return ''

    def disconnect(self, context: Any, instance: Any,
                   volume: mapping.Mapping) -> None:
        """See the base class."""
        info = volume.connection_info
        # The secret of a LUKS volume stays, as in Nova's hard reboot: without
        # the owner's token it could not be made again.
        self.driver._disconnect_volume(
            context, info, instance, force=True, destroy_secrets=False,
            encryption=self._encryption(context, volume, info))

    def connect(self, context: Any, instance: Any,
                volume: mapping.Mapping) -> None:
        """See the base class."""
        info = volume.connection_info
        self.driver._connect_volume(
            context, info, instance,
            encryption=self._encryption(context, volume, info))

    def _encryption(self, context: Any, volume: mapping.Mapping,
                    info: dict[str, Any]) -> Any:
        return encryptors.get_encryption_metadata(
            context, self.volume_api, volume.volume_id, info)

    def _disk(self, instance: Any, volume: mapping.Mapping) -> Any:
        try:
            guest = self.driver._host.get_guest(instance)
        except nova_exception.InstanceNotFound:
            return None
        return self.driver._get_guest_disk_device(
            guest, _device(volume), volume_uuid=volume.volume_id)

    def _config(self, instance: Any, volume: mapping.Mapping) -> Any:
        info = blockinfo.get_info_from_bdm(
            instance, nova.conf.CONF.libvirt.virt_type, instance.image_meta,
            {'device_name': _device(volume),
             'disk_bus': volume.bdm.disk_bus,
             'device_type': volume.bdm.device_type})
        make = self.driver._get_volume_config
        # Nova 31 to 33 want the instance first, Nova 34 does not.
        if 'instance' in inspect.signature(make).parameters:
            make = functools.partial(make, instance)
        return make(volume.connection_info, info)


def _device(volume: mapping.Mapping) -> str:
    return str(volume.bdm.device_name).rpartition('/')[2]


def _source(disk: Any) -> tuple[Any, ...]:
    hosts = sorted(zip(map(str, disk.source_hosts),
                       map(str, disk.source_ports), strict=False))
    return (disk.source_type, disk.source_path, disk.source_protocol,
            disk.source_name, hosts)

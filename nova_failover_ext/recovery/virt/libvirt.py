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

"""The libvirt driver's side; private parts of it are used here.

``libvirt_keys`` has the rest of them.

Private parts of Nova that are used here, each read in Nova 31.0.0, 32.0.0,
33.0.0 and 34.0.0:

* of ``nova.virt.libvirt.driver.LibvirtDriver``: ``_host`` (``get_guest``,
  ``get_connection``, ``find_secret``, ``delete_secret``),
  ``_get_guest_disk_device``, ``_detach_from_persistent`` and
  ``_detach_from_live_and_wait_for_event`` (one try of Nova's detach, which
  never tries again by itself),
  ``_get_volume_config`` (its arguments differ, see
  :meth:`LibvirtHost._config`), ``_get_scsi_controller_next_unit``,
  ``_connect_volume``, ``_disconnect_volume`` (with ``force`` and
  ``destroy_secrets``), ``_allow_native_luksv1``, ``_build_device_metadata``
* of ``nova.virt.libvirt.guest``: ``Guest._domain`` (libvirt's virDomain, for
  ``fsInfo`` and ``agentSetResponseTimeout``, which Guest does not have), and
  the module's ``libvirt``, which is None where there is no binding
"""

from collections.abc import Callable, Iterable
import contextlib
import copy
import functools
import inspect
import time
from typing import Any

from lxml import etree
import nova.conf
from nova import exception as nova_exception
from nova.virt.libvirt import blockinfo
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import guest as libvirt_guest
from os_brick import encryptors
from oslo_log import log as logging

from nova_failover_ext.recovery.host_devices import multipath_maps
from nova_failover_ext.recovery.host_devices import nfs_mounts
from nova_failover_ext.recovery.host_devices import qemu_processes
from nova_failover_ext.recovery.host_devices import scsi_devices
from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import masking
from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery.virt import interface
from nova_failover_ext.recovery.virt import libvirt_keys
from nova_failover_ext.recovery import volume_places

LOG = logging.getLogger(__name__)

# Seconds that a guest agent has for an answer, as libvirt gives it for the
# greeting that goes before.
_AGENT_TIMEOUT = 5
# Seconds for one command of the host on a multipath map.
_COMMAND_TIMEOUT = 10
_FIXED_BUSES = ('sata', 'ide', 'fdc')
_FIXED_DEVICES = ('cdrom', 'floppy')


class LibvirtHost(interface.VirtHost):
    """A host whose virt driver is ``libvirt.LibvirtDriver``."""

    def __init__(self, driver: Any, volume_api: Any) -> None:
        """See the base class."""
        super().__init__(driver, volume_api)
        self._keys = libvirt_keys.Keys(driver, volume_api)
        self._watched = qemu_processes.Watched()

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

    def mounted(self, instance: Any, volume: mapping.Mapping) -> bool | None:
        """Ask the QEMU guest agent, where the image says there is one."""
        if not instance.image_meta.properties.get('hw_qemu_guest_agent',
                                                  False):
            return None
        try:
            guest = self.driver._host.get_guest(instance)
            disk = self._disk(instance, volume)
            found = _file_systems(guest._domain)
        except (nova_exception.InstanceNotFound,
                libvirt_guest.libvirt.libvirtError) as error:
            LOG.info('The guest agent does not say what is mounted: %s',
                     masking.scrub(str(error), volume.connection_info),
                     instance=instance)
            return None
        # libvirt's "device aliases" of a file system are target names.
        return disk is not None and any(
            disk.target_dev in names for *_, names in found)

    def wwid(self, instance: Any, volume: mapping.Mapping) -> str:
        """Follow the live domain's disk source, which QEMU holds open."""
        disk = self._disk(instance, volume)
        return (scsi_devices.identity_of(disk.source_path)
                if disk is not None and disk.source_type == 'block' else '')

    def stranger(self, connection_info: dict[str, Any]) -> str:
        """Compare what the kernel says of the devices with what was noted."""
        noted = _identity(connection_info)
        found = scsi_devices.at(volume_places.numbers(connection_info))
        return next((f'{device}, which is {identity} and not {noted}'
                     for device, identity in sorted(found.items())
                     if noted and identity and identity != noted), '')

    def remove_known(self, connection_info: dict[str, Any]) -> str:
        """Remove the map that has lost its paths, and look for paths."""
        noted = _identity(connection_info)
        if not noted:
            return super().remove_known(connection_info)
        problem = multipath_maps.remove(noted, _COMMAND_TIMEOUT)
        left = scsi_devices.having(noted)
        return problem or (f'{noted} still has {", ".join(left)}'
                           if left else '')

    def fence(self, wwid: str, timeout: float) -> str:
        """See the base class."""
        # The last look takes some time, too.
        return multipath_maps.fence(wwid, _COMMAND_TIMEOUT, timeout / 2)

    def fencing(self, connections: Iterable[dict[str, Any]]
                ) -> contextlib.AbstractContextManager[None]:
        """See the base class; NFS is the kind whose requests wait for ever."""
        return nfs_mounts.fencing(filter(None, {
            nfs_mounts.find(each) for each in connections}))

    def watch(self, instance: Any) -> Callable[[], str]:
        """Remember the server's QEMU processes, and read their states."""
        return functools.partial(
            qemu_processes.alive, self._watched.of_server(instance.uuid))

    def release(self, instance: Any, volume: mapping.Mapping,
                timeout: float) -> None:
        """Detach from the persistent and the live domain, once.

        Nova's own retries would go on after the caller has given up, and
        take the disk from the guest that was powered on meanwhile.
        """
        late = time.monotonic() + timeout
        device = _device(volume)
        try:
            self._unplug(instance, volume, late)
        except nova_exception.DeviceNotFound:
            LOG.debug('Disk %s has been let go of before', device,
                      instance=instance)
        except nova_exception.DeviceDetachFailed as error:
            raise interface.GuestHoldsDevice(
                device=device, reason=error) from error
        except libvirt_guest.libvirt.libvirtError as error:
            if error.get_error_code() != (
                    libvirt_guest.libvirt.VIR_ERR_OPERATION_UNSUPPORTED):
                raise
            raise interface.GuestHoldsDevice(
                device=device, reason='it cannot be unplugged') from error
        if self._disk(instance, volume) is not None:
            raise interface.GuestHoldsDevice(
                device=device, reason='libvirt still has it')

    def plug(self, context: Any, instance: Any,
             volume: mapping.Mapping) -> None:
        """Attach at the same target name and address as before."""
        if not self.shows(instance, volume):
            self._attach(instance, volume)
        # As LibvirtDriver.attach_volume does, for device tags.
        instance.device_metadata = self.driver._build_device_metadata(
            context, instance)
        instance.save()

    def obstacle(self, context: Any, instance: Any,
                 volume: mapping.Mapping) -> str:
        """See the base class."""
        return self._keys.of_volume(context, volume)

    def server_obstacle(self, context: Any, instance: Any) -> str:
        """See the base class."""
        return self._keys.of_vtpm(context, instance)

    def keeping_secrets(self, instance: Any, volume_ids: Iterable[str]
                        ) -> contextlib.AbstractContextManager[None]:
        """See the base class."""
        return self._keys.kept(instance, volume_ids)

    def lacks(self, connection_info: dict[str, Any]) -> str:
        """See the base class; another Ceph cluster has another secret."""
        data = connection_info.get('data') or {}
        # As nova.virt.libvirt.volume.net decides.
        secret = data.get('auth_enabled') and (
            data.get('secret_uuid') or
            nova.conf.CONF.libvirt.rbd_secret_uuid)
        if connection_info.get('driver_volume_type') != 'rbd' or not secret:
            return ''
        binding = libvirt_guest.libvirt
        try:
            self.driver._host.get_connection().secretLookupByUUIDString(
                secret)
        except binding.libvirtError as error:
            if error.get_error_code() != binding.VIR_ERR_NO_SECRET:
                raise
            return (f'libvirt has no secret {secret} on this host, which '
                    'its Ceph cluster asks for')
        return ''

    def disconnect(self, context: Any, instance: Any,
                   volume: mapping.Mapping,
                   connection_info: dict[str, Any]) -> None:
        """See the base class."""
        # os-brick rewrites what it is given (nvmeof, Fibre Channel).
        info = copy.deepcopy(connection_info)
        # Nova would count the attachments of a multiattach volume in Cinder,
        # which says nothing about who uses this connection.
        info.pop('multiattach', None)
        wwid = info.pop(staleness.WWID, '')
        # The secret of a LUKS volume stays, as in Nova's hard reboot: without
        # the owner's token it could not be made again.
        self.driver._disconnect_volume(
            context, info, instance, force=True, destroy_secrets=False,
            encryption=self._encryption(context, volume, info))
        if wwid and not _uses(volume, connection_info, wwid):
            # os-brick ignores what fails when it is told to use force.
            problem = multipath_maps.remove(wwid, _COMMAND_TIMEOUT)
            if problem:
                raise interface.ConnectionStays(reason=problem)

    def connect(self, context: Any, instance: Any,
                volume: mapping.Mapping) -> None:
        """See the base class."""
        info = volume.connection_info
        self.driver._connect_volume(
            context, info, instance,
            encryption=self._encryption(context, volume, info))

    def forget(self, volume: mapping.Mapping) -> None:
        """Delete the libvirt secret of a LUKS volume, as Nova's detach."""
        self.driver._host.delete_secret('volume', volume.volume_id)

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

    def _unplug(self, instance: Any, volume: mapping.Mapping,
                late: float) -> None:
        device = _device(volume)
        guest = self.driver._host.get_guest(instance)
        find = functools.partial(
            self.driver._get_guest_disk_device, guest, device,
            volume_uuid=volume.volume_id)
        disk = find()
        if disk is not None and _is_fixed(disk):
            # Before it goes from the persistent domain, too.
            raise nova_exception.DeviceDetachFailed(
                device=device, reason='it cannot be unplugged')
        lasting = (find(from_persistent_config=True)
                   if guest.has_persistent_configuration() else None)
        if lasting is not None:
            self._in_time(device, late)
            self.driver._detach_from_persistent(
                guest, instance.uuid, lasting, find, device)
        if disk is not None:
            self._in_time(device, late)
            self.driver._detach_from_live_and_wait_for_event(
                disk, guest, instance.uuid, device)

    @staticmethod
    def _in_time(device: str, late: float) -> None:
        # By now the guest may be another one, with the disk at the new place.
        if time.monotonic() >= late:
            raise interface.GuestHoldsDevice(
                device=device, reason='libvirt took too long to answer')

    def _attach(self, instance: Any, volume: mapping.Mapping) -> None:
        guest = self.driver._host.get_guest(instance)
        attach = functools.partial(
            guest.attach_device, persistent=True, live=True)
        if volume.place:
            conf = self._config(instance, volume)
            conf.device_addr = vconfig.LibvirtConfigGuestDeviceAddress \
                .parse_dom(etree.fromstring(volume.place))
            try:
                attach(conf)
                return
            except libvirt_guest.libvirt.libvirtError as error:
                LOG.warning('Disk %(device)s cannot be plugged in where it '
                            'was, trying another address: %(error)s',
                            {'device': conf.target_dev,
                             'error': masking.scrub(str(error),
                                                    volume.connection_info)},
                            instance=instance)
        attach(self._config(instance, volume, guest))

    def _config(self, instance: Any, volume: mapping.Mapping,
                guest: Any = None) -> Any:
        info = blockinfo.get_info_from_bdm(
            instance, nova.conf.CONF.libvirt.virt_type, instance.image_meta,
            {'device_name': _device(volume),
             'disk_bus': volume.bdm.disk_bus,
             'device_type': volume.bdm.device_type})
        if guest is not None and info['bus'] == 'scsi':
            # As LibvirtDriver.attach_volume does.
            info['unit'] = self.driver._get_scsi_controller_next_unit(guest)
        make = self.driver._get_volume_config
        # Nova 31 to 33 want the instance first, Nova 34 does not.
        if 'instance' in inspect.signature(make).parameters:
            make = functools.partial(make, instance)
        return make(volume.connection_info, info)


def _device(volume: mapping.Mapping) -> str:
    return str(volume.bdm.device_name).rpartition('/')[2]


def _uses(volume: mapping.Mapping, old: dict[str, Any], wwid: str) -> bool:
    # A replica may have the WWN of its volume: its paths join the same map.
    path = volume.connection_info.get('data', {}).get('device_path')
    return bool(path) and not volume_places.same_place(
        volume.connection_info, old) and multipath_maps.wwid_of(path) == wwid


def _identity(connection_info: dict[str, Any]) -> str:
    # Nova keeps the name of a Fibre Channel map, also of a guest that is off.
    data = connection_info.get('data') or {}
    return str(connection_info.get(staleness.WWID) or
               data.get('multipath_id') or '')


def _is_fixed(disk: Any) -> bool:
    # libvirt refuses to unplug these from a running guest.
    return (disk.target_bus in _FIXED_BUSES or
            disk.source_device in _FIXED_DEVICES)


def _source(disk: Any) -> tuple[Any, ...]:
    hosts = sorted(zip(map(str, disk.source_hosts),
                       map(str, disk.source_ports), strict=False))
    return (disk.source_type, disk.source_path, disk.source_protocol,
            disk.source_name, hosts)


def _file_systems(domain: Any) -> list[Any]:
    with contextlib.ExitStack() as stack:
        limit = getattr(domain, 'agentSetResponseTimeout', None)
        if limit:
            limit(_AGENT_TIMEOUT)
            # libvirt's own default, which Nova's quiescing relies on.
            stack.callback(
                limit, libvirt_guest.libvirt
                .VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK)
        found: list[Any] = domain.fsInfo()
        return found

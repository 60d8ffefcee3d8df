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


"""A truer libvirt and a truer host storage below Nova's functional harness.

Nova's fake domain forgets most of a disk's XML, never says that a device is
gone, and calls a paused guest inactive; its volume driver for local devices
connects nothing; and all its hosts have one name. A recovery stands on all of
that.
"""

import collections
import copy
import dataclasses
import sys

import fixtures
from lxml import etree
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt import block_device
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import event as libvirt_event
from nova.virt.libvirt.volume import iscsi as libvirt_iscsi
from nova.virt.libvirt.volume import volume as libvirt_volume
from oslo_utils import uuidutils

#: Prefix of the device alias that Nova gives to a volume's disk.
ALIAS = 'ua-'


@dataclasses.dataclass(frozen=True)
class Touch:
    """One thing that was done to a host's storage.

    :ivar what: connect or disconnect
    :ivar host: the compute host
    :ivar path: the device path
    :ivar force: whether the disconnect was forced
    """

    what: str
    host: str
    path: str
    force: bool = False


class _Conf:
    """The configuration, with the host of the virt driver that asks.

    All hosts of the harness share one, with the name of the latest.
    """

    def __init__(self, conf):
        self._conf = conf

    def __getattr__(self, name):
        if name == 'host':
            around = sys._getframe(1).f_locals
            for asking in (around.get('self'), around.get('virt_driver')):
                if isinstance(asking, libvirt_driver.LibvirtDriver):
                    return asking._host.get_connection().hostname
        return getattr(self._conf, name)


class Hypervisor(fixtures.Fixture):
    """Domains that keep their disks as written, and hosts that connect.

    :ivar held: ids of volumes that guests do not let go of
    :ivar connected: compute host to the device paths it is connected to
    :ivar touches: each :class:`Touch`, in order
    :ivar power_ons: server id to how many times its guest was started
    """

    def __init__(self, computes):
        """Remember where the compute services are found.

        :param computes: the harness's dictionary of them, by host
        """
        super().__init__()
        self._computes = computes
        self.held = set()
        self.connected = collections.defaultdict(set)
        self.touches = []
        self.power_ons = collections.Counter()

    def _setUp(self):
        self._parse = fakelibvirt._parse_disk_info
        self.useFixture(fixtures.MockPatchObject(
            fakelibvirt, '_parse_disk_info', new=self._parse_disk))
        for module in (block_device, libvirt_driver):
            self.useFixture(fixtures.MockPatchObject(
                module, 'CONF', new=_Conf(module.CONF)))
        domain = fakelibvirt.Domain
        storage = libvirt_volume.LibvirtVolumeDriver
        iscsi = libvirt_iscsi.LibvirtISCSIVolumeDriver
        for target, name, method in (
                (domain, 'XMLDesc', self._xml),
                (domain, 'attachDevice', self._attach),
                (domain, 'detachDeviceFlags', self._detach),
                (domain, 'createWithFlags', self._create),
                (domain, 'managedSave', self._save),
                (domain, 'isActive', self._is_active),
                (fakelibvirt.Connection, 'secretDefineXML',
                 self._define_secret),
                (storage, 'connect_volume', self._connect),
                (storage, 'disconnect_volume', self._disconnect),
                (iscsi, 'connect_volume', self._connect),
                (iscsi, 'disconnect_volume', self._disconnect)):
            self.useFixture(fixtures.MockPatchObject(
                target, name, new=_bound(method, getattr(target, name))))

    # The disks

    def _parse_disk(self, element):
        return dict(self._parse(element), element=copy.deepcopy(element))

    def _xml(self, original, domain, flags):
        tree = etree.fromstring(original(domain, flags))
        devices = tree.find('./devices')
        for old in devices.findall('./disk'):
            devices.remove(old)
        for disk in reversed(_placed(domain)):
            devices.insert(0, copy.deepcopy(disk['element']))
        return etree.tostring(tree, encoding='unicode')

    def _attach(self, original, domain, xml):
        if xml.startswith('<disk'):
            target = etree.fromstring(xml).find('./target').get('dev')
            if target in [disk['target_dev'] for disk in _placed(domain)]:
                raise fakelibvirt.make_libvirtError(
                    fakelibvirt.libvirtError,
                    f'target {target} already exists',
                    error_code=fakelibvirt.VIR_ERR_OPERATION_FAILED)
        result = original(domain, xml)
        addresses = [_key(disk['element'].find('./address'))
                     for disk in _placed(domain)]
        if len(set(addresses)) < len(addresses):
            domain._def['devices']['disks'].pop()
            raise fakelibvirt.make_libvirtError(
                fakelibvirt.libvirtError, 'Attempted double use of address',
                error_code=fakelibvirt.VIR_ERR_XML_ERROR)
        return result

    def _detach(self, original, domain, xml, flags):
        alias = etree.fromstring(xml).find('./alias')
        name = alias.get('name') if alias is not None else ''
        live = flags & fakelibvirt.VIR_DOMAIN_AFFECT_LIVE
        held = name.removeprefix(ALIAS) in self.held
        if not held:
            original(domain, xml, flags)
        if live:
            event = (libvirt_event.DeviceRemovalFailedEvent if held
                     else libvirt_event.DeviceRemovedEvent)
            for compute in list(self._computes.values()):
                compute.driver._device_event_handler.notify_waiters(
                    event(domain.UUIDString(), name))

    # The guests

    def _create(self, original, domain, flags):
        self.power_ons[domain.UUIDString()] += 1
        original(domain, flags)
        # A soft reboot is done when there is another id.
        domain._id = domain._connection._id_counter

    def _save(self, original, domain, flags):
        original(domain, flags)
        domain._state = fakelibvirt.VIR_DOMAIN_SHUTOFF

    def _is_active(self, original, domain):
        return int(domain._state != fakelibvirt.VIR_DOMAIN_SHUTOFF)

    def _define_secret(self, original, connection, xml):
        tree = etree.fromstring(xml)
        if tree.find('./uuid') is None:
            etree.SubElement(tree, 'uuid').text = uuidutils.generate_uuid()
        return original(connection, etree.tostring(tree, encoding='unicode'))

    # The host's storage

    def _connect(self, original, driver, connection_info, instance):
        host = driver.host.get_connection().hostname
        path = connection_info['data'].setdefault(
            'device_path', _by_path(connection_info['data']))
        self.connected[host].add(path)
        self.touches.append(Touch('connect', host, path))

    def _disconnect(self, original, driver, connection_info, instance,
                    force=False):
        host = driver.host.get_connection().hostname
        path = connection_info['data']['device_path']
        self.connected[host].discard(path)
        self.touches.append(Touch('disconnect', host, path, force))


def _by_path(data):
    # As udev names the device of a LUN.
    return '/dev/disk/by-path/ip-{}-iscsi-{}-lun-{}'.format(*(
        data.get(key) for key in (
            'target_portal', 'target_iqn', 'target_lun')))


def _bound(method, original):
    def replacement(target, *args, **kwargs):
        return method(original, target, *args, **kwargs)
    return replacement


def _placed(domain):
    """Return a domain's disks, each with an alias and an address.

    As libvirt does when it defines a domain or plugs a disk.
    """
    disks = domain._def['devices']['disks']
    used = {_key(address) for disk in disks
            for address in disk['element'].findall('./address')}
    for number, disk in enumerate(disks):
        element = disk['element']
        if element.find('./alias') is None:
            etree.SubElement(element, 'alias', name=disk['alias'])
        if element.find('./address') is None:
            for unit in range(number, 32):
                address = _address(disk['target_bus'], unit)
                if _key(address) not in used:
                    break
            used.add(_key(address))
            element.append(address)
    return disks


def _address(bus, unit):
    if bus == 'virtio':
        return etree.Element(
            'address', type='pci', domain='0x0000', bus='0x00',
            slot=f'0x{unit + 5:02x}', function='0x0')
    return etree.Element('address', type='drive', controller='0', bus='0',
                         target='0', unit=str(unit))


def _key(address):
    # What a drive's address leaves out is 0.
    return tuple(sorted((name, value) for name, value in address.items()
                        if value != '0'))

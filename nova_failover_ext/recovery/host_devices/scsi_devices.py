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

"""SCSI devices: which are at a portal and LUN number, and what they are.

An array gives a LUN number that is free to the next volume. What names a
volume for good is its identity, in the form of multipath's WWID: that of the
map, or what the kernel has read from the device.
"""

from collections.abc import Hashable, Iterable, Iterator
import pathlib

from nova_failover_ext.recovery.host_devices import multipath_maps

_SYS = pathlib.Path('/sys')
# As scsi_id and multipath write the kinds of identity that are unique. Others
# (t10) are written in more than one way.
_KINDS = {'naa.': '3', 'eui.': '2'}


def identity_of(path: str, sys: pathlib.Path = _SYS) -> str:
    """Return the identity of the volume that a device path leads to.

    What dm-crypt lays over a device leads to it, too.

    :param path: such as ``/dev/dm-3``, or a link to it
    :param sys: where sysfs is mounted
    :returns: empty if it is not known
    """
    name = pathlib.Path(path).resolve().name
    block = sys / 'block'
    return multipath_maps.wwid_of(path, block) or next(filter(None, (
        _identity(device) for device in (
            block / name, *sorted((block / name).glob('slaves/sd*'))))), '')


def at(numbers: Iterable[Hashable],
       sys: pathlib.Path = _SYS) -> dict[str, str]:
    """Return the devices that os-brick would remove, with their identities.

    os-brick finds them by the same numbers, see ``_get_connection_devices``
    of ``os_brick.initiator.connectors.iscsi``, read in os-brick 7.1.1.

    :param numbers: see ``volume_places.numbers``
    :param sys: where sysfs is mounted
    :returns: kernel names to identities, empty ones where not known
    """
    wanted = frozenset(numbers)
    return {device.name: _identity(device)
            for number, device in (*_iscsi(sys), *_fibre_channel(sys))
            if number in wanted}


def having(identity: str, sys: pathlib.Path = _SYS) -> list[str]:
    """Return the kernel names of the devices that have an identity.

    :param identity: as of :func:`identity_of`
    :param sys: where sysfs is mounted
    """
    return sorted(device.name for device in (sys / 'block').glob('sd*')
                  if _identity(device) == identity)


def _iscsi(sys: pathlib.Path) -> Iterator[tuple[Hashable, pathlib.Path]]:
    for session in (sys / 'class/iscsi_session').glob('session*'):
        number = session.name.removeprefix('session')
        target = _read(session / 'targetname')
        for connection in (sys / 'class/iscsi_connection').glob(
                f'connection{number}:*'):
            portal = (f'{_bracketed(_read(connection / "persistent_address"))}'
                      f':{_read(connection / "persistent_port")}')
            for unit in session.glob('device/target*/*:*:*:*'):
                for device in unit.glob('block/*'):
                    yield (portal, target, _lun(unit)), device


def _fibre_channel(sys: pathlib.Path
                   ) -> Iterator[tuple[Hashable, pathlib.Path]]:
    for target in (sys / 'class/fc_transport').glob('target*'):
        address = target.name.removeprefix('target')
        port = _read(target / 'port_name').removeprefix('0x')
        for unit in (sys / 'class/scsi_device').glob(f'{address}:*'):
            for device in unit.glob('device/block/*'):
                yield (port, _lun(unit)), device


def _lun(unit: pathlib.Path) -> str:
    return unit.name.rpartition(':')[2]


def _bracketed(address: str) -> str:
    return f'[{address}]' if ':' in address else address


def _identity(device: pathlib.Path) -> str:
    # multipath's own word, where there is a map.
    for uuid in device.glob('holders/dm-*/dm/uuid'):
        if _read(uuid).startswith('mpath-'):
            return _read(uuid).removeprefix('mpath-')
    text = _read(device / 'device/wwid')
    return next((digit + text.removeprefix(kind)
                 for kind, digit in _KINDS.items() if text.startswith(kind)),
                '')


def _read(path: pathlib.Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        # It went away, or the kernel does not know.
        return ''

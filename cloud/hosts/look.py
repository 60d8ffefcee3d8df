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
"""What a compute host has of the storage, as its kernel tells.

Nothing is opened, for a device may hang. Only the standard library may be
imported here.
"""

import contextlib
import os
import pathlib
import re
import typing

BLOCK = pathlib.Path('/sys/block')
SESSIONS = pathlib.Path('/sys/class/iscsi_session')
PROCESSES = pathlib.Path('/proc')
_SESSION = re.compile(r'/(session\d+)/.*:(\d+)$')


def _text(file: pathlib.Path) -> str:
    """The content of a file of the kernel, '' if it has gone."""
    try:
        return file.read_text(errors='replace').strip()
    except OSError:
        return ''


def place(iqn: str, lun: int) -> str:
    """Name what a LUN is, with its site for a folder.

    :param iqn: the target's name, which ends with that of the site
    :param lun: the number
    :returns: a name that starts with the site
    """
    return f'/{iqn.rpartition(":")[2]}/{iqn}/{lun}'


def exported(export: str, name: str) -> str:
    """Name what a file of an NFS export is, with its site for a folder.

    :param export: the export, whose path ends with the site
    :param name: of the file
    :returns: a name that starts with the site
    """
    return f'/{export.rpartition("/")[2]}/{export}/{name}'


def disks() -> dict[str, dict[str, str]]:
    """The disks that come from a target.

    :returns: by name, the place, the state and the WWN
    """
    found = {}
    for block in BLOCK.glob('sd*'):
        match = _SESSION.search(os.path.realpath(block / 'device'))
        if match:
            iqn = _text(SESSIONS / match[1] / 'targetname')
            found[block.name] = {
                'place': place(iqn, int(match[2])),
                'state': _text(block / 'device/state'),
                'wwn': _text(block / 'device/wwid')}
    return found


def maps() -> dict[str, dict[str, typing.Any]]:
    """The device-mapper devices.

    :returns: by name such as ``dm-0``, the map's name, its UUID, and the
        devices that it is over
    """
    found = {}
    for block in BLOCK.glob('dm-*'):
        # One may go away while it is looked at.
        with contextlib.suppress(FileNotFoundError):
            found[block.name] = {
                'map': _text(block / 'dm/name'),
                'uuid': _text(block / 'dm/uuid'),
                'over': sorted(each.name for each
                               in (block / 'slaves').iterdir())}
    return found


def sessions() -> dict[str, str]:
    """The target of each iSCSI session, by the session's name."""
    return {each.name: _text(each / 'targetname')
            for each in SESSIONS.glob('*')}


def mounts() -> dict[str, str]:
    """What is mounted by NFS, by the mount point."""
    rows = [line.split() for line in
            (PROCESSES / 'self/mounts').read_text().splitlines()]
    return {row[1]: row[0] for row in rows if row[2].startswith('nfs')
            and row[2] != 'nfsd'}


def processes() -> tuple[list[str], dict[str, dict[str, typing.Any]]]:
    """The processes that hang, and the guests.

    :returns: a line for each process with a thread in state D; by the UUID of
        a guest, its process id and the block devices that it has open
    """
    stuck, guests = [], {}
    for folder in PROCESSES.glob('[0-9]*'):
        words = _text(folder / 'cmdline').split('\0')
        name = _text(folder / 'comm')
        if 'D' in _states(folder):
            stuck.append(f'{name} {folder.name}')
        if name.startswith('qemu-system') and '-uuid' in words:
            guests[words[words.index('-uuid') + 1]] = {
                'pid': int(folder.name), 'open': _devices(folder)}
    return stuck, guests


def _states(folder: pathlib.Path) -> set[str]:
    """The states of a process's threads.

    One that was killed is a zombie, while a thread of it still hangs.
    """
    return {word for file in folder.glob('task/*/stat')
            for word in _text(file).rpartition(')')[2].split()[:1]}


def _devices(folder: pathlib.Path) -> list[str]:
    """The block devices and volume files that a process has open."""
    found = set()
    with contextlib.suppress(OSError):
        for link in (folder / 'fd').iterdir():
            with contextlib.suppress(OSError):
                name = os.readlink(link)
                if name.startswith('/dev/dm-') or '/volume-' in name:
                    found.add(name)
    return sorted(found)


def everything() -> dict[str, typing.Any]:
    """All of it.

    :returns: what the functions of this module find, by their names
    """
    stuck, guests = processes()
    return {'disks': disks(), 'maps': maps(), 'sessions': sessions(),
            'mounts': mounts(), 'stuck': stuck, 'guests': guests}

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

"""Multipath maps: what there is of them on this host, and how to end one.

A map is known by its dm uuid, ``mpath-`` and the WWID, which no other volume
can have; names and LUN numbers are given anew. What is seen comes from sysfs
and from ``dmsetup``.
"""

import dataclasses
import pathlib
import time

from nova_failover_ext.recovery.host_devices import root_commands

_SYS_BLOCK = pathlib.Path('/sys/block')
_PREFIX = 'mpath-'
#: States of a SCSI device whose transport is gone: its commands wait for it,
#: or fail. A session that is being recovered is ``blocked`` for as long as
#: its ``recovery_tmo`` says, two minutes where multipathd does not shorten it.
# A SCSI path, and one of NVMe.
_ALIVE = ('running', 'live')
_DEAD = ('blocked', 'transport-offline', 'offline')
#: Seconds between two looks at a map whose paths are being removed.
_INTERVAL = 0.5


@dataclasses.dataclass(frozen=True)
class MultipathMap:
    """A map as it was seen.

    :ivar uuid: its dm uuid
    :ivar name: its name below ``/dev/mapper``
    :ivar device: its kernel name, such as ``dm-3``
    :ivar paths: the kernel names of its paths, such as ``sdb``; none where
        all of them were removed
    """

    uuid: str
    name: str
    device: str
    paths: tuple[str, ...]


def find(wwid: str,
         sys_block: pathlib.Path = _SYS_BLOCK) -> MultipathMap | None:
    """Look for the map of a WWID.

    :param wwid: as multipathd has it, such as ``360014051234…``
    :param sys_block: where the kernel lists its block devices
    :returns: None if there is none
    """
    uuid = _PREFIX + wwid
    for found in sorted(sys_block.glob('dm-*/dm/uuid')):
        block = found.parent.parent
        try:
            if found.read_text().strip() == uuid:
                return MultipathMap(
                    uuid, (block / 'dm/name').read_text().strip(), block.name,
                    tuple(sorted(path.name for path in
                                 (block / 'slaves').iterdir())))
        except OSError:
            # It went away while it was looked at.
            continue
    return None


def wwid_of(path: str, sys_block: pathlib.Path = _SYS_BLOCK) -> str:
    """Return the WWID of the map that a device path leads to.

    What dm-crypt lays over a map leads to it, too.

    :param path: such as ``/dev/dm-3`` or a link to it
    :param sys_block: where the kernel lists its block devices
    :returns: empty if it leads to no map
    """
    block = sys_block / pathlib.Path(path).resolve().name
    for device in (block, *sorted(block.glob('slaves/dm-*'))):
        try:
            uuid = (sys_block / device.name / 'dm/uuid').read_text().strip()
        except OSError:
            continue
        if uuid.startswith(_PREFIX):
            return uuid.removeprefix(_PREFIX)
    return ''


def queues(table: str) -> bool:
    """Return whether a map keeps writes while it has no path.

    :param table: what ``dmsetup table MAP`` says; the features come after
        the word ``multipath``, preceded by their number
    """
    words = table.split()
    if 'multipath' not in words:
        return False
    count, *rest = words[words.index('multipath') + 1:] or ['0']
    return 'queue_if_no_path' in rest[:int(count)]


def fence(wwid: str, timeout: float, patience: float,
          sys_block: pathlib.Path = _SYS_BLOCK,
          interval: float = _INTERVAL) -> str:
    """Let fail what a map has queued, if there is a map.

    multipathd has a map queue again as long as it has a path, also a dead
    one. So the paths that the kernel knows to be dead are removed before, as
    os-brick does once the guest has let go. multipathd also sets it each time
    that it loads a map anew, which it does some time after it has lost a
    path: the map is looked at until it has no dead path any more.

    :param wwid: as for :func:`find`
    :param timeout: seconds for each command
    :param patience: seconds in which the paths have to be gone
    :param sys_block: where the kernel lists its block devices
    :param interval: seconds between two looks
    :returns: why the map may still queue; empty if it does not
    """
    deadline = time.monotonic() + patience
    while found := find(wwid, sys_block):
        try:
            problem = _fence_once(found, timeout, sys_block)
        except root_commands.CommandFailed as error:
            problem = str(error)
        if not problem or time.monotonic() >= deadline:
            return problem
        time.sleep(interval)
    return ''


def _fence_once(found: MultipathMap, timeout: float,
                sys_block: pathlib.Path) -> str:
    problem = f'multipathd has {found.uuid} queue again'
    for path in found.paths:
        if _state(path, sys_block) in _DEAD:
            try:
                root_commands.run(
                    'tee', str(sys_block / path / 'device/delete'),
                    timeout=timeout, given='1')
            except root_commands.CommandFailed as error:
                # It may have gone away by itself.
                problem = str(error)
    # What a reload that is still to come sets would not be seen.
    now = find(found.uuid.removeprefix(_PREFIX), sys_block)
    dead = [path for path in (now.paths if now else ())
            if _state(path, sys_block) not in _ALIVE]
    if not end_queueing(found, timeout):
        return problem
    return f'{found.uuid} still has {", ".join(dead)}' if dead else ''


def end_queueing(found: MultipathMap, timeout: float) -> bool:
    """Let what the map has queued fail, and look whether it stays so.

    multipathd sets it again for a map that still has paths: it lasts only
    once they are removed, so this is to be called before and after that.

    :param found: the map
    :param timeout: seconds for each of two commands
    :returns: whether the map does not queue now
    :raises CommandFailed: if that cannot be set or seen
    """
    root_commands.run('dmsetup', 'message', found.name, '0',
                      'fail_if_no_path', timeout=timeout)
    return not queues(root_commands.run('dmsetup', 'table', found.name,
                                        timeout=timeout))


def remove(wwid: str, timeout: float,
           sys_block: pathlib.Path = _SYS_BLOCK) -> str:
    """Flush and remove what is left of a map, and look again.

    Only for a map whose paths os-brick has removed: one that still has a
    path is somebody's, or is not ready to go, and is left alone.

    :param wwid: as for :func:`find`
    :param timeout: seconds for each command
    :param sys_block: where the kernel lists its block devices
    :returns: why the map is still there; empty once it is seen to be gone
    """
    found = find(wwid, sys_block)
    if found is None:
        return ''
    if found.paths:
        return f'{found.uuid} still has {", ".join(found.paths)}'
    problem = 'it was removed, and is there again'
    try:
        end_queueing(found, timeout)
        root_commands.run('multipath', '-f', found.name, timeout=timeout)
    except root_commands.CommandFailed as error:
        problem = str(error)
    left = find(wwid, sys_block)
    return f'{left.uuid} is still there: {problem}' if left else ''


def _state(path: str, sys_block: pathlib.Path) -> str:
    try:
        return (sys_block / path / 'device/state').read_text().strip()
    except OSError:
        # It went away, or is no SCSI device.
        return ''

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
"""Read what a guest says on its serial console."""

import dataclasses
import json
import os
import pathlib
import time
import typing

PREFIX = '@@ '
#: Enough for some minutes of a guest's talk.
TAIL = 200_000
#: Seconds after which what a guest said is of the past.
STALE = 8


@dataclasses.dataclass(frozen=True)
class Disk:
    """What a guest says about one of its disks.

    :ivar disk: its name in the guest, for example ``vdb``
    :ivar pci: its PCI address
    :ivar serial: the start of the volume's id
    :ivar site: the site that the mark in its last sector names
    :ivar volume: the file that the mark names
    :ivar read: ``ok``, ``EIO`` or ``ERR``
    :ivar write: ``ok``, ``EIO``, ``ERR``, or ``DIFF`` when what was read
        again is not what was written
    :ivar n: how often it was written since it was plugged
    :ivar prev: boot id and counter that were on it when it was plugged
    :ivar up: uptime of the guest at that moment
    :ivar seq: changes each time that a disk is plugged
    """

    disk: str
    pci: str
    serial: str
    site: str
    volume: str
    read: str
    write: str
    n: int
    prev: str
    up: float
    seq: int

    @property
    def healthy(self) -> bool:
        """Whether it could be read and written."""
        return self.read == self.write == 'ok'


@dataclasses.dataclass(frozen=True)
class Mount:
    """What a guest says about the file system that it has mounted.

    :ivar mount: the name of the disk when it was mounted
    :ivar state: of the last write: ``ok``, ``EIO``, ``READONLY`` or ``ERR``
    :ivar first: the counter in the file when it was mounted
    :ivar count: the last that was written, and synchronised
    :ivar up: uptime of the guest at that moment
    """

    mount: str
    state: str
    first: int
    count: int
    up: float


T = typing.TypeVar('T', Disk, Mount)


@dataclasses.dataclass(frozen=True)
class Report:
    """The latest that a guest said.

    :ivar boot: the kernel's boot id
    :ivar up: uptime in seconds
    :ivar names: the disks that it has
    :ivar hang: those of them that do not answer
    :ivar disks: the latest line about each disk that it still has
    :ivar mount: the latest line about its file system, if it has one
    :ivar age: seconds since it last spoke
    """

    boot: str
    up: float
    names: tuple[str, ...]
    hang: tuple[str, ...]
    disks: dict[str, Disk]
    mount: Mount | None = None
    age: float = 0

    def fresh(self, line: Disk | Mount) -> bool:
        """Whether a line tells of the present.

        :param line: about a disk or the file system
        :returns: False for what hangs, or a guest that is silent
        """
        return self.age < STALE and self.up - line.up < STALE

    def serial(self, volume_id: str) -> Disk | None:
        """The disk that is a volume.

        :param volume_id: id of the volume
        :returns: the disk, or None when the guest does not have it
        """
        for disk in self.disks.values():
            if disk.serial and volume_id.startswith(disk.serial):
                return disk
        return None


def parse(text: str) -> Report | None:
    """Read a serial console.

    :param text: the console's text, or its end
    :returns: the report of the guest's last boot, None if it has not spoken
    """
    boot = ''
    last: dict[str, typing.Any] = {}
    disks: dict[str, Disk] = {}
    mount = None
    for line in _lines(text):
        if line['boot'] != boot:
            boot, last, disks, mount = line['boot'], {}, {}, None
        if 'disks' in line:
            last = line
        elif 'disk' in line:
            disks[line['disk']] = _make(Disk, line)
        elif 'mount' in line:
            mount = _make(Mount, line)
    if not last:
        return None
    names = tuple(last['disks'].split())
    return Report(boot, last['up'], names, tuple(last['hang'].split()),
                  {name: disks[name] for name in names if name in disks},
                  mount)


def _make(kind: type[T], line: dict[str, typing.Any]) -> T:
    """Take what is wanted of a line."""
    return kind(**{field.name: line[field.name]
                   for field in dataclasses.fields(kind)})


def _lines(text: str) -> typing.Iterator[dict[str, typing.Any]]:
    """The lines of a guest's own that came through whole."""
    for line in text.splitlines():
        if line.startswith(PREFIX):
            try:
                yield json.loads(line[len(PREFIX):])
            except ValueError:
                continue


def read(file: pathlib.Path) -> Report | None:
    """Read the console log of a guest.

    :param file: Nova's ``console.log``
    :returns: the report, None if the guest has not spoken
    """
    try:
        with open(file, 'rb') as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - TAIL))
            report = parse(log.read().decode(errors='replace'))
            age = time.time() - os.fstat(log.fileno()).st_mtime
    except OSError:
        return None
    return dataclasses.replace(report, age=age) if report else None

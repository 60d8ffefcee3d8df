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
"""Make what the guests boot: a kernel, an initramfs, and a boot disk.

The kernel is Debian's for clouds; its package and others are unpacked in the
cache and never installed on the machine.
"""

import hashlib
import logging
import pathlib
import shutil
import struct
import tempfile

from cloud import apt
from cloud.guest import initramfs
from cloud import processes
from cloud import settings

LOG = logging.getLogger(__name__)

COMMAND_LINE = 'console=ttyS0 quiet panic=-1 mitigations=off'
DISK_MEGABYTES = 48
#: The file system that a tenant has, and its label, which the guests know.
TENANT_MEGABYTES = 8
LABEL = 'tenant-data'
#: Sector at which the only partition starts.
START = 2048
BOOT_CODE = 'usr/lib/syslinux/mbr/mbr.bin'
SYSLINUX = f"""DEFAULT guest
PROMPT 0
LABEL guest
  KERNEL vmlinuz
  INITRD initrd
  APPEND {COMMAND_LINE}
"""


class Guest:
    """The files that guests boot from."""

    def __init__(self, conf: settings.Settings) -> None:
        """Only computes paths.

        :param conf: the settings
        """
        text = f'{initramfs.contents()} {SYSLINUX} {TENANT_MEGABYTES}'
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        self.packages = conf.cache / 'packages'
        self.folder = conf.cache / f'guest-{digest}'
        self.kernel = self.folder / 'vmlinuz'
        self.initrd = self.folder / 'initrd'
        self.large_initrd = self.folder / 'initrd-large'
        self.tenant = self.folder / 'tenant.raw'
        self.disk = self.folder / 'disk.raw'

    def build(self) -> None:
        """Make the files, unless the cache has them.

        :raises apt.AptError: when a package cannot be had
        :raises processes.CommandError: when a tool fails
        """
        if self.disk.exists():
            return
        for old in self.folder.parent.glob('guest-*'):
            shutil.rmtree(old)
        self.folder.mkdir(parents=True)
        self._unpack()
        shutil.copy(next(self.packages.glob('boot/vmlinuz-*')), self.kernel)
        initramfs.Initramfs(self.packages).make(self.initrd,
                                                self.large_initrd)
        self._make_tenant()
        self._make_disk()

    def _unpack(self) -> None:
        """Get the kernel, programs, and a boot loader's first sector."""
        if not list(self.packages.glob('boot/vmlinuz-*')):
            kernel = apt.newest_dependency('linux-image-cloud-amd64',
                                           'linux-image-')
            LOG.info('unpacking %s for the guests', kernel)
            apt.unpack(kernel, self.packages)
        initramfs.Initramfs(self.packages).unpack()
        if not (self.packages / BOOT_CODE).exists():
            apt.unpack('syslinux-common', self.packages)

    def _make_tenant(self) -> None:
        """Make a tenant's file system, with a counter that is at 0."""
        with tempfile.TemporaryDirectory() as scratch:
            (pathlib.Path(scratch) / 'counter').write_text(f'{0:<31}\n')
            processes.run(['mke2fs', '-q', '-t', 'ext4', '-L', LABEL,
                           '-m', 0, '-d', scratch, self.tenant,
                           f'{TENANT_MEGABYTES}M'])

    def _make_disk(self) -> None:
        """Make the boot disk: one FAT partition with syslinux in it."""
        scratch = self.disk.with_suffix('.new')
        scratch.write_bytes(
            _boot_record((self.packages / BOOT_CODE).read_bytes()))
        with open(scratch, 'r+b') as file:
            file.truncate(DISK_MEGABYTES << 20)
        config = self.folder / 'syslinux.cfg'
        config.write_text(SYSLINUX)
        partition = f'{scratch}@@{START * 512}'
        processes.run(['mformat', '-i', partition, '-h', 64, '-s', 32,
                       '-H', START, '-T',
                       (DISK_MEGABYTES << 11) - START, '::'])
        processes.run(['syslinux', '--install', '--offset', START * 512,
                       scratch])
        processes.run(['mcopy', '-i', partition, self.kernel, self.initrd,
                       config, '::/'])
        scratch.rename(self.disk)


def _boot_record(code: bytes) -> bytes:
    """A boot record with a table of one partition.

    Glance does not take a disk with boot code but no sound table.

    :param code: what the BIOS starts
    :returns: the first sector of the disk
    """
    sectors = (DISK_MEGABYTES << 11) - START
    entry = struct.pack('<B3sB3sII', 0x80, b'\xfe\xff\xff', 0x0c,
                        b'\xfe\xff\xff', START, sectors)
    return code[:440].ljust(446, b'\0') + entry.ljust(64, b'\0') + b'\x55\xaa'

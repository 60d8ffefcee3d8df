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
"""Make what guests have in memory: busybox, modules, and our program.

One part is for every guest. The other, for images that ask for it, has QEMU's
guest agent with its libraries, and the modules of a SCSI controller; it is
four times as large, and what has to be read takes time to boot.
"""

import pathlib
import shutil
import tempfile

from cloud import apt
from cloud import processes

#: In the order in which they have to be loaded.
MODULES = ('virtio_ring', 'virtio', 'virtio_pci_legacy_dev',
           'virtio_pci_modern_dev', 'virtio_pci', 'virtio_blk')
MORE_MODULES = (*MODULES, 'virtio_console', 'scsi_common', 'scsi_mod',
                'sd_mod', 'virtio_scsi')
#: Packages, and what of each is wanted.
AGENT = {
    'qemu-guest-agent': ('usr/sbin/qemu-ga',),
    'libc6': ('lib/x86_64-linux-gnu/libc.so.6',
              'lib/x86_64-linux-gnu/libm.so.6',
              'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'),
    'libglib2.0-0': ('usr/lib/x86_64-linux-gnu/libglib-2.0.so.0',
                     'usr/lib/x86_64-linux-gnu/libgmodule-2.0.so.0'),
    'libnuma1': ('usr/lib/x86_64-linux-gnu/libnuma.so.1',),
    'libpcre2-8-0': ('usr/lib/x86_64-linux-gnu/libpcre2-8.so.0',),
    'libudev1': ('usr/lib/x86_64-linux-gnu/libudev.so.1',),
    'liburing2': ('usr/lib/x86_64-linux-gnu/liburing.so.2',),
}
INIT = pathlib.Path(__file__).with_name('init')


def contents() -> str:
    """What tells one version of all this from another."""
    return f'{INIT.read_text()} {MORE_MODULES} {AGENT}'


class Initramfs:
    """Both parts, made from unpacked packages."""

    def __init__(self, packages: pathlib.Path) -> None:
        """Only remembers.

        :param packages: where packages are unpacked
        """
        self.packages = packages

    def unpack(self) -> None:
        """Get busybox, and the agent with its libraries.

        :raises apt.AptError: when a package cannot be had
        """
        if not (self.packages / 'bin/busybox').exists():
            apt.unpack('busybox-static', self.packages)
        for package, files in AGENT.items():
            if not all((self.packages / file).exists() for file in files):
                apt.unpack(package, self.packages)

    def make(self, small: pathlib.Path, large: pathlib.Path) -> None:
        """Pack the two kinds.

        :param small: the file for most guests
        :param large: the file that has everything
        """
        with tempfile.TemporaryDirectory() as scratch:
            root = pathlib.Path(scratch)
            (root / 'bin').mkdir()
            shutil.copy(self.packages / 'bin/busybox', root / 'bin/busybox')
            shutil.copy(INIT, root / 'init')
            (root / 'init').chmod(0o755)
            self._add_modules(root, MODULES)
            self._pack(root, small)
            self._add_modules(root, MORE_MODULES)
            self._add_agent(root)
            self._pack(root, large)

    def _add_modules(self, root: pathlib.Path,
                     names: tuple[str, ...]) -> None:
        """Add modules, and the list of them.

        Some are built into one kernel and modules of another.
        """
        folder = root / 'modules'
        folder.mkdir(exist_ok=True)
        order = []
        for name in names:
            for file in self.packages.rglob(f'{name}.ko*'):
                order.append(file.name)
                shutil.copy(file, folder)
        (folder / 'order').write_text('\n'.join(order) + '\n')

    def _add_agent(self, root: pathlib.Path) -> None:
        """Add the agent, its libraries, and what starts it."""
        for name in ('lib', 'lib64'):
            (root / name).mkdir()
        for files in AGENT.values():
            for name in files:
                source = self.packages / name
                target = {'qemu-ga': 'bin', 'ld-linux-x86-64.so.2': 'lib64'}
                folder = root / target.get(source.name, 'lib')
                shutil.copy(source, folder / source.name)

    @staticmethod
    def _pack(root: pathlib.Path, target: pathlib.Path) -> None:
        """Write the archive that the kernel unpacks."""
        pack = 'cd "$0" && find . | cpio -o -H newc --quiet > "$1"'
        processes.run(['sh', '-c', pack, root, target])

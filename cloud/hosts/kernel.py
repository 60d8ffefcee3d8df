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
"""The kernel of the hosts and the packages that only they need.

All of it comes from Debian, is unpacked in the cache and never installed. The
kernel is newer than the machine's release, so apt is given a configuration of
its own: the machine's sources, lists and records stay as they are.
"""

import hashlib
import logging
import os
import pathlib
import shutil
import subprocess
import tempfile

from cloud import apt
from cloud import processes
from cloud import settings

LOG = logging.getLogger(__name__)

#: The kernel, the release it is from, and one whose C library is enough.
KERNEL = ('user-mode-linux', 'sid')
LIBRARY = ('libc6', 'trixie')
#: What the hosts need beside what the machine has.
PACKAGES = ('open-iscsi', 'multipath-tools', 'kpartx', 'sg3-utils', 'lsscsi',
            'kmod', 'udev', 'dmsetup', 'cryptsetup-bin', 'nfs-common',
            'nfs-kernel-server', 'bindfs', 'keyutils')
KEYRING = pathlib.Path('/usr/share/keyrings/debian-archive-keyring.gpg')


class Kernel:
    """The files that a host boots from.

    :ivar program: the kernel, which is a program
    :ivar modules: its modules
    :ivar packages: the packages, to be laid over the machine's own files
    """

    def __init__(self, conf: settings.Settings) -> None:
        """Only computes paths.

        :param conf: the settings
        """
        wanted = f'{KERNEL} {LIBRARY} {PACKAGES}'
        digest = hashlib.sha256(wanted.encode()).hexdigest()[:12]
        self.folder = conf.cache / f'hosts-{digest}'
        self.program = self.folder / 'linux'
        self.modules = self.folder / 'modules'
        self.packages = self.folder / 'packages'
        self._scratch = self.folder / 'scratch'

    def install(self) -> None:
        """Get everything, unless the cache has it.

        :raises apt.AptError: when a package cannot be had
        :raises processes.CommandError: when a tool fails
        """
        stamp = self.folder / 'complete'
        if stamp.exists():
            return
        LOG.info('kernel and packages of the hosts')
        shutil.rmtree(self.folder, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        self._get_packages()
        self._get_kernel()
        shutil.rmtree(self._scratch)
        stamp.touch()

    def _get_packages(self) -> None:
        """Unpack what the machine lacks of the packages."""
        self.packages.mkdir()
        if lacking := missing(PACKAGES):
            apt.unpack_all(lacking, self.packages)
        merge_usr(self.packages)
        # Its own link is absolute, and would lead to the machine's files.
        (self.folder / 'insmod').symlink_to('packages/usr/bin/kmod')

    def _get_kernel(self) -> None:
        """Unpack the kernel, and a C library that it can start with."""
        releases = Releases(self._scratch / 'apt')
        tree = self._scratch / 'kernel'
        releases.unpack(*KERNEL, tree)
        shutil.copy(tree / 'usr/bin/linux.uml', self.program)
        shutil.move(next(tree.glob('usr/lib/uml/modules/*')), self.modules)
        if _starts(self.program):
            return
        library = self.folder / 'libc'
        releases.unpack(*LIBRARY, library)
        apt.unpack('patchelf', self._scratch / 'tools')
        folder = next(library.glob('usr/lib/x86_64-linux-gnu'))
        processes.run([
            self._scratch / 'tools/usr/bin/patchelf', '--set-interpreter',
            folder / 'ld-linux-x86-64.so.2', '--set-rpath', folder,
            self.program])


class Releases:
    """Packages of other releases than the machine's."""

    def __init__(self, folder: pathlib.Path) -> None:
        """Write apt's configuration; its lists are fetched at once.

        :param folder: where it keeps everything
        :raises apt.AptError: when no mirror is known, or it does not answer
        """
        self.folder = folder
        for name in ('lists/partial', 'archives/partial', 'parts'):
            (folder / name).mkdir(parents=True)
        (folder / 'status').touch()
        (folder / 'sources.list').write_text(''.join(
            f'deb [signed-by={KEYRING}] {mirror()} {release} main\n'
            for release in sorted({KERNEL[1], LIBRARY[1]})))
        (folder / 'apt.conf').write_text('\n'.join([
            f'Dir::Etc::SourceList "{folder}/sources.list";',
            f'Dir::Etc::SourceParts "{folder}/parts";',
            f'Dir::State "{folder}";',
            f'Dir::State::Lists "{folder}/lists";',
            f'Dir::State::Status "{folder}/status";',
            f'Dir::Cache "{folder}";',
            f'Dir::Cache::Archives "{folder}/archives";',
            'Acquire::Languages "none";',
            'APT::Sandbox::User "root";']))
        self._apt('update')

    def unpack(self, package: str, release: str,
               target: pathlib.Path) -> None:
        """Download a package and unpack it.

        :param package: name of the package
        :param release: the release
        :param target: where its files go
        :raises apt.AptError: when that fails
        """
        with tempfile.TemporaryDirectory() as scratch:
            self._apt('download', f'{package}/{release}', folder=scratch)
            for deb in pathlib.Path(scratch).glob('*.deb'):
                processes.run(['dpkg-deb', '-x', deb, target])

    def _apt(self, *words: str, folder: str = '/') -> None:
        """Run apt-get with this configuration and no other."""
        done = subprocess.run(
            ['apt-get', '-q', *words], cwd=folder, text=True, check=False,
            env=dict(os.environ, APT_CONFIG=str(self.folder / 'apt.conf')),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        if done.returncode:
            raise apt.AptError(done.stdout[-2000:])


def mirror() -> str:
    """The mirror of Debian that the machine uses.

    :returns: its address
    :raises apt.AptError: when there is none
    """
    text = processes.run(['apt-get', 'indextargets', '--format',
                          '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)'])
    for line in text.splitlines():
        origin, label, component, address = line.split('|', 3)
        if (origin, label, component) == ('Debian', 'Debian', 'main'):
            return address
    raise apt.AptError('the machine has no sources of Debian')


def missing(packages: tuple[str, ...]) -> list[str]:
    """Which packages would have to be installed to have some.

    :param packages: names of packages
    :returns: these and what they depend on, without what the machine has
    """
    text = processes.run(['apt-get', 'install', '--simulate',
                          '--no-install-recommends', *packages])
    return [line.split()[1] for line in text.splitlines()
            if line.startswith('Inst ')]


def merge_usr(folder: pathlib.Path) -> None:
    """Move what packages have beside ``usr`` below it.

    The machine has links there, which such folders would hide.

    :param folder: where packages were unpacked
    """
    for name in ('bin', 'sbin', 'lib'):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, folder / 'usr' / name,
                            symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(folder / name)


def _starts(program: pathlib.Path) -> bool:
    """Whether the machine's C library is new enough for a program."""
    done = subprocess.run([program, '--version'], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True)
    return done.returncode == 0

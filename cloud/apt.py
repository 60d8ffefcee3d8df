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
"""Install the Debian packages that the little cloud stands on.

Nothing is started: while packages are installed a ``policy-rc.d`` forbids it,
so that no service of the machine's own appears or is disturbed. Only the
standard library may be imported here.
"""

import collections.abc
import contextlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile

#: A command or file that tells that the package is there already.
PACKAGES = {
    'mariadb-server': '/usr/sbin/mariadbd',
    'rabbitmq-server': '/usr/lib/rabbitmq/bin/rabbitmq-server',
    'libvirt-daemon': '/usr/sbin/libvirtd',
    'libvirt-daemon-driver-qemu':
        '/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so',
    # libvirtd will not start without the users that this one makes.
    'libvirt-daemon-system': '/etc/libvirt/qemu.conf',
    'libvirt-clients': '/usr/bin/virsh',
    'libvirt-dev': '/usr/include/libvirt/libvirt.h',
    'qemu-system-x86': '/usr/bin/qemu-system-x86_64',
    'qemu-utils': '/usr/bin/qemu-img',
    'pkg-config': '/usr/bin/pkg-config',
    'gcc': '/usr/bin/gcc',
    'libc6-dev': '/usr/include/stdio.h',
    'fuse3': '/usr/bin/fusermount3',
    'libfuse3-3': '/lib/*/libfuse3.so.3',
    'syslinux': '/usr/bin/syslinux',
    'mtools': '/usr/bin/mcopy',
    'cpio': '/usr/bin/cpio',
    'e2fsprogs': '/sbin/mke2fs',
    'git': '/usr/bin/git',
    'udev': '/usr/bin/udevadm',
    'iproute2': '/usr/bin/ss',
}
POLICY = pathlib.Path('/usr/sbin/policy-rc.d')
FORBID = '#!/bin/sh\nexit 101\n'


class AptError(Exception):
    """Packages could not be installed."""


def lacking(packages: collections.abc.Mapping[str, str]) -> list[str]:
    """Which of some packages the machine lacks.

    :param packages: a file of each that tells that it is there
    :returns: names of packages, sorted
    """
    return sorted(package for package, probe in packages.items()
                  if not any(pathlib.Path('/').glob(probe.lstrip('/'))))


def missing() -> list[str]:
    """Which packages the machine lacks that every cloud needs.

    :returns: names of packages, sorted
    """
    wanted = set(lacking(PACKAGES))
    include = pathlib.Path(sysconfig.get_paths()['include'])
    if not (include / 'Python.h').exists():
        wanted.add('python3-dev')
    if importlib.util.find_spec('ensurepip') is None:
        wanted.add('python3-venv')
    return sorted(wanted)


def ensure(look: collections.abc.Callable[[], list[str]] = missing) -> None:
    """Install the missing packages, if there are any.

    :param look: tells which are missing
    :raises AptError: when that fails
    """
    wanted = look()
    if not wanted:
        return
    print(f'cloud: installing {", ".join(wanted)}', file=sys.stderr)
    with services_forbidden():
        if _apt_get('install', *wanted).returncode:
            _apt_get('update')
            done = _apt_get('install', *wanted)
            if done.returncode:
                raise AptError(done.stdout[-2000:])
    if still := look():
        raise AptError(f'still missing after apt-get: {", ".join(still)}')


def unpack(package: str, folder: pathlib.Path) -> None:
    """Download a package and unpack it without installing it.

    :param package: name of the package
    :param folder: where its files go
    :raises AptError: when apt or dpkg fail
    """
    unpack_all([package], folder)


def unpack_all(packages: list[str], folder: pathlib.Path) -> None:
    """Download packages at once, and unpack them without installing them.

    :param packages: names of packages
    :param folder: where their files go
    :raises AptError: when apt or dpkg fail
    """
    with tempfile.TemporaryDirectory() as scratch:
        done = _run(['apt-get', 'download', *packages], cwd=scratch)
        if done.returncode:
            _apt_get('update')
            done = _run(['apt-get', 'download', *packages], cwd=scratch)
        for deb in pathlib.Path(scratch).glob('*.deb'):
            done = _run(['dpkg-deb', '-x', str(deb), str(folder)])
    if done.returncode:
        raise AptError(done.stdout[-2000:])


def newest_dependency(package: str, prefix: str) -> str:
    """Follow a meta package to the real one.

    :param package: the meta package
    :param prefix: how the name of the real one starts
    :returns: the name of the real package
    :raises AptError: when there is none
    """
    for _attempt in range(2):
        done = _run(['apt-cache', 'depends', package])
        for word in done.stdout.split():
            if word.startswith(prefix) and word != package:
                return word
        _apt_get('update')
    raise AptError(f'{package} depends on no {prefix}*')


@contextlib.contextmanager
def services_forbidden() -> collections.abc.Iterator[None]:
    """Keep packages from starting services while they are installed."""
    kept = POLICY.read_bytes() if POLICY.exists() else None
    mode = POLICY.stat().st_mode if kept is not None else 0
    POLICY.write_text(FORBID)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        if kept is None:
            POLICY.unlink()
        else:
            POLICY.write_bytes(kept)
            POLICY.chmod(mode)


def _apt_get(*words: str) -> subprocess.CompletedProcess:
    """Run apt-get without questions and without extras."""
    if not shutil.which('apt-get'):
        raise AptError('there is no apt-get here; install by hand: '
                       + ' '.join(missing()))
    return _run(['apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=120',
                 '-o', 'Dpkg::Options::=--force-confold',
                 '--no-install-recommends', *words])


def _run(argv: list[str], **kwargs) -> subprocess.CompletedProcess:
    """Run a command and keep its output."""
    env = dict(os.environ, DEBIAN_FRONTEND='noninteractive')
    return subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, text=True,
                          check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **kwargs)

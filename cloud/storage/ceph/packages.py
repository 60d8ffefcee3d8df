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
"""Debian's packages of Ceph, and its Python modules for environments."""

import functools
import pathlib

from cloud import apt

#: A file of each that tells that the package is there already. The disks of
#: guests need no more of libvirt and QEMU than ``qemu-block-extra``.
PACKAGES = {
    'ceph-base': '/usr/bin/ceph-crash',
    'ceph-common': '/usr/bin/rbd',
    'ceph-mgr': '/usr/bin/ceph-mgr',
    'ceph-mon': '/usr/bin/ceph-mon',
    'ceph-osd': '/usr/bin/ceph-osd',
    'rbd-mirror': '/usr/bin/rbd-mirror',
    'python3-rados': '/usr/lib/python3/dist-packages/rados.*.so',
    'python3-rbd': '/usr/lib/python3/dist-packages/rbd.*.so',
    'qemu-block-extra': '/usr/lib/*/qemu/block-rbd.so',
}
MODULES = ('rados', 'rbd')
DEBIAN = pathlib.Path('/usr/lib/python3/dist-packages')


def ensure() -> None:
    """Install what is missing.

    :raises apt.AptError: when that fails
    """
    apt.ensure(functools.partial(apt.lacking, PACKAGES))


def link_modules(venv: pathlib.Path) -> None:
    """Let an environment import ``rados`` and ``rbd``.

    PyPI has neither. Debian's are built for its own Python 3, and so for any
    other build of the same version.

    :param venv: the environment
    :raises apt.AptError: when its Python is of another version
    """
    site, = venv.glob('lib/python3*/site-packages')
    tag = site.parent.name.removeprefix('python').replace('.', '')
    for name in MODULES:
        found = next(DEBIAN.glob(f'{name}.cpython-{tag}-*.so'), None)
        if found is None:
            raise apt.AptError(f'python3-{name} is not for {site.parent.name}')
        target = site / found.name
        if not target.exists():
            target.symlink_to(found)

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
"""libvirtd of the cloud's own, in a mount namespace of its own.

libvirt insists on /etc/libvirt, /run/libvirt, /var/lib/libvirt and so on. In
the namespace those are folders below the state root, so that a libvirtd which
the machine already runs never meets this one. Mounts made outside later still
show up inside: the sites have to.
"""

import logging
import os
import pathlib
import uuid

import psutil

from cloud import processes
from cloud import render
from cloud import settings

LOG = logging.getLogger(__name__)

#: Folders of libvirt, and what they are called below the state root.
FOLDERS = {
    '/etc/libvirt': 'etc',
    '/run/libvirt': 'run',
    '/var/lib/libvirt': 'lib',
    '/var/log/libvirt': 'log',
    '/var/cache/libvirt': 'cache',
}


class Hypervisor:
    """The libvirtd of one cloud, and its guests."""

    def __init__(self, conf: settings.Settings) -> None:
        """Only names it.

        :param conf: the settings
        """
        self.conf = conf
        self.folder = conf.root / 'libvirt'
        self.daemon = processes.Daemon('libvirtd', conf.run, conf.log)

    def start(self) -> None:
        """Start libvirtd."""
        if self.daemon.process():
            return
        for name in FOLDERS.values():
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        identity = uuid.uuid5(uuid.NAMESPACE_URL, str(self.conf.root))
        render.render('qemu.conf.j2', self.folder / 'etc/qemu.conf',
                      self.conf)
        config = render.render(
            'libvirtd.conf.j2', self.folder / 'etc/libvirtd.conf', self.conf,
            identity=identity)
        for target in FOLDERS:
            os.makedirs(target, exist_ok=True)
        self.daemon.start(['unshare', '--mount', '--propagation', 'slave',
                           'sh', '-c', self._script(config)])
        self.daemon.ready(lambda: self.virsh('list') is not None)

    def _script(self, config: pathlib.Path) -> str:
        """What runs in the namespace: the mounts, then libvirtd."""
        steps = [f'mount --bind {self.folder / name} {target}'
                 for target, name in FOLDERS.items()]
        pid = self.folder / 'run/libvirtd.pid'
        steps.append(f'exec libvirtd --config {config} --pid-file {pid}')
        return ' && '.join(steps)

    def virsh(self, *words: object) -> str | None:
        """Run virsh against this libvirtd.

        :param words: the command
        :returns: its output, or None when it failed
        """
        try:
            return processes.run(
                ['virsh', '-q', '-c', self.conf.libvirt_uri, *words],
                timeout=30)
        except processes.CommandError as error:
            LOG.debug('%s', error)
            return None

    def domain_xml(self, domain: str) -> str | None:
        """The live definition of a guest.

        :param domain: name or UUID
        :returns: its XML, or None when there is no such domain
        """
        return self.virsh('dumpxml', domain)

    def guests(self) -> list[psutil.Process]:
        """The QEMU processes of this cloud.

        A guest that boots from a loop device names no path of ours, but it has
        the UUID of one of our instances.

        :returns: those whose command line names the state root or an instance
        """
        found = []
        ours = {path.name for path in self.conf.instances.glob('*')}
        for process in psutil.process_iter(['name', 'cmdline']):
            line = process.info['cmdline'] or []
            if ((process.info['name'] or '').startswith('qemu-system')
                    and any(f'{self.conf.root}/' in word or word in ours
                            for word in line)):
                found.append(process)
        return found

    def stop(self) -> None:
        """End the guests, then libvirtd."""
        for process in self.guests():
            LOG.debug('ending guest of pid %d', process.pid)
            processes.stop_tree(process, timeout=0.5)
        self.daemon.stop()

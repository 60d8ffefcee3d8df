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
"""Mount, switch and unmount the sites."""

import logging
import pathlib

import psutil

from cinder_failover_hooks.testing import sparse
from cloud import processes
from cloud import settings
from cloud.storage import layout

LOG = logging.getLogger(__name__)

#: mfusepy takes version 2 where a machine has it, which knows of no holes.
LIBRARY = 'libfuse3.so.3'


def mounts(target: pathlib.Path) -> int:
    """How often a folder is a mount point.

    Asked of the kernel's table, for a dead file system answers nothing, and
    a bind mount is no mount point to :func:`os.path.ismount`.

    :param target: the folder
    :returns: the number of mounts, mostly 0 or 1
    """
    return [partition.mountpoint for partition
            in psutil.disk_partitions(all=True)].count(str(target))


class Sites:
    """The storage of one cloud."""

    def __init__(self, conf: settings.Settings) -> None:
        """Only names it.

        :param conf: the settings
        """
        self.conf = conf
        self.folders = layout.Layout(conf.storage)

    def daemon(self, name: str) -> processes.Daemon:
        """The process that serves a site.

        :param name: the site
        :returns: its daemon
        """
        return processes.Daemon(f'site-{name}', self.conf.run, self.conf.log)

    def start(self) -> None:
        """Mount all sites.

        The folder becomes a shared mount first, so that the namespace of
        libvirtd sees each later mount.
        """
        root = self.folders.root
        root.mkdir(parents=True, exist_ok=True)
        if not mounts(root):
            processes.run(['mount', '--bind', root, root])
        processes.run(['mount', '--make-shared', root])
        for folder in layout.FOLDERS:
            (root / folder).mkdir(exist_ok=True)
        for name in layout.PEERS:
            self._mount(name)

    def _mount(self, name: str) -> None:
        """Mount one site, unless it is."""
        daemon = self.daemon(name)
        target = self.folders.site(name)
        if daemon.process() and mounts(target):
            return
        self._unmount(target)
        daemon.stop(timeout=0.3)
        self._unmount(target)
        target.mkdir(exist_ok=True)
        self.folders.backing(name).mkdir(exist_ok=True)
        self.folders.control(name).write_text('up')
        python = self.conf.venv('tool') / 'bin' / 'python'
        daemon.start([python, '-m', 'cloud.storage.fuse',
                      self.folders.root, name],
                     {'PYTHONPATH': str(self.conf.checkout),
                      'FUSE_LIBRARY_PATH': LIBRARY})
        daemon.ready(lambda: mounts(target))

    def switch(self, name: str, state: str) -> None:
        """Lose a site, make it hang, or restore it.

        :param name: the site
        :param state: one of :data:`cloud.storage.layout.STATES`
        """
        LOG.info('site %s: %s', name, state)
        if state == 'up':
            self._catch_up(name)
        self.folders.control(name).write_text(state)

    def strays(self, name: str, filename: str) -> int:
        """How often a guest wrote to a file at a site that was not active.

        :param name: the site
        :param filename: name of the volume's file
        :returns: the number of writes so far
        """
        note = self.folders.stray(name, filename)
        return note.stat().st_size if note.exists() else 0

    def _catch_up(self, name: str) -> None:
        """Bring to a returning site what its peer's files got meanwhile."""
        peer = layout.PEERS[name]
        for note in self.folders.missed.glob('[!.]*'):
            if self.folders.active_site(note.name) != peer:
                continue
            changed = sparse.noted(note)
            source = self.folders.backing(peer) / note.name
            target = self.folders.backing(name) / note.name
            if source.exists() and target.exists():
                LOG.debug('%s catches up with %s', target, source)
                sparse.copy(source, target, layout.MARK, changed)

    def stop(self) -> None:
        """Unmount all sites, the dead and the hanging ones too."""
        for name in layout.PEERS:
            self._release(name)
        # A lazy unmount takes what is mounted below along.
        self._unmount(self.folders.root)
        for name in layout.PEERS:
            self.daemon(name).stop(timeout=0.3)

    def _release(self, name: str) -> None:
        """Let operations that hang on a site go on."""
        if self.folders.control(name).exists():
            self.folders.control(name).write_text('up')

    @staticmethod
    def _unmount(target: pathlib.Path) -> None:
        """Unmount a folder as often as it is mounted."""
        for _count in range(mounts(target)):
            processes.run(['umount', '--lazy', target])

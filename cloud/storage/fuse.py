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
"""The file system of a site: it can be lost, and it replicates.

Run as ``python -m cloud.storage.fuse STORAGE SITE``. Everything is passed
through to the backing folder. While the switch says ``lost`` each operation
ends with EIO, those of files that are open already too; while it says
``hang`` they wait. A write to a replicated volume at its active site goes to
the peer as well, but for the last sector, which holds the mark of the site.
A write of anybody but Cinder at the other site is a stray, and noted: that is
what a server in split-brain does.
"""

import errno
import os
import pathlib
import sys
import typing

import mfusepy
import tenacity

from cinder_failover_hooks.testing import sparse
from cloud.storage import layout


class Mount(mfusepy.FUSE):
    """A mount that also knows where the holes of a file are."""

    def lseek(self, path: bytes, offset: int, whence: int,
              info: typing.Any) -> int:
        """Pass SEEK_DATA and SEEK_HOLE on.

        :param path: the file
        :param offset: where to look from
        :param whence: what to look for
        :param info: FUSE's record of the open file
        :returns: the offset found
        """
        return self.operations.lseek(path, offset, whence, info.contents.fh)


class Site(mfusepy.Operations):
    """Pass-through operations, with a switch and a mirror."""

    use_ns = True

    def __init__(self, folders: layout.Layout, name: str) -> None:
        """Only remembers.

        :param folders: the storage
        :param name: the site
        """
        self.folders = folders
        self.name = name
        self.peer = layout.PEERS[name]
        self.backing = folders.backing(name)

    def _path(self, path: str) -> str:
        """The backing file of a path."""
        return str(self.backing / path.lstrip('/'))

    def _alive(self) -> None:
        """Fail or wait as the switch says."""
        state = self.folders.state(self.name)
        if state == 'hang':
            tenacity.Retrying(
                wait=tenacity.wait_fixed(0.2),
                retry=tenacity.retry_if_result(lambda now: now == 'hang'),
            )(self.folders.state, self.name)
            state = self.folders.state(self.name)
        if state == 'lost':
            raise mfusepy.FuseOSError(errno.EIO)

    def init_with_config(self, connection: typing.Any,
                         config: typing.Any) -> None:
        """Forbid every cache: a lost site must not answer from one."""
        if config:
            config.direct_io = 1
            config.entry_timeout = 0
            config.negative_timeout = 0
            config.attr_timeout = 0

    def getattr(self, path: str, fh: int | None = None) -> dict:
        """The attributes of a file; the root's are always there."""
        if path != '/':
            self._alive()
        found = os.lstat(self._path(path))
        return {name: getattr(found, name + '_ns', getattr(found, name))
                for name in ('st_atime', 'st_ctime', 'st_mtime', 'st_mode',
                             'st_gid', 'st_uid', 'st_nlink', 'st_size',
                             'st_blocks')}

    def readdir(self, path: str, fh: int) -> list[str]:
        """The names in the folder."""
        self._alive()
        return ['.', '..', *os.listdir(self._path(path))]

    def open(self, path: str, flags: int) -> int:
        """Open a file; O_DIRECT is for the kernel, not for the backing."""
        self._alive()
        return os.open(self._path(path), flags & ~os.O_DIRECT)

    def create(self, path: str, mode: int, fi: typing.Any = None) -> int:
        """Make a file and open it."""
        self._alive()
        return os.open(self._path(path), os.O_RDWR | os.O_CREAT, mode)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Read from an open file."""
        self._alive()
        return os.pread(fh, size, offset)

    def lseek(self, path: bytes, offset: int, whence: int, fh: int) -> int:
        """Find data or holes in an open file."""
        self._alive()
        return os.lseek(fh, offset, whence)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """Write to an open file, and to the peer's if it is replicated."""
        self._alive()
        written = os.pwrite(fh, data, offset)
        name = path.lstrip('/')
        active = self.folders.active_site(name) if self.peer else ''
        if active == self.name:
            end = os.fstat(fh).st_size - layout.MARK
            self._mirror(name, data[:max(0, end - offset)], offset)
        elif active and not _by_cinder():
            self._note_stray(name)
        return written

    def _note_stray(self, name: str) -> None:
        """Note a write that its writer will not find at the active site."""
        note = self.folders.stray(self.name, name)
        with open(note, 'ab') as file:
            file.write(b'.')

    def _mirror(self, name: str, data: bytes, offset: int) -> None:
        """Write to the peer, or note that it missed a write."""
        if not data:
            return
        if self.folders.state(self.peer) != 'up':
            self._note_missed(name, data, offset)
            return
        target = self.folders.backing(self.peer) / name
        try:
            peer = os.open(target, os.O_WRONLY)
        except FileNotFoundError:
            self._note_missed(name, data, offset)
            return
        try:
            os.pwrite(peer, data, offset)
        finally:
            os.close(peer)

    def _note_missed(self, name: str, data: bytes, offset: int) -> None:
        """Note what the peer has to be given later."""
        sparse.note(self.folders.missed / name, offset, offset + len(data))

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        """Change the size of a file."""
        self._alive()
        os.truncate(self._path(path), length)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        self._alive()
        os.unlink(self._path(path))

    def rename(self, old: str, new: str) -> None:
        """Rename a file."""
        self._alive()
        os.rename(self._path(old), self._path(new))

    def chmod(self, path: str, mode: int) -> None:
        """Change permissions."""
        self._alive()
        os.chmod(self._path(path), mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        """Change the owner."""
        self._alive()
        os.chown(self._path(path), uid, gid)

    def utimens(self, path: str,
                times: tuple[int, int] | None = None) -> None:
        """Change the times."""
        self._alive()
        if times:
            os.utime(self._path(path), ns=times)
        else:
            os.utime(self._path(path))

    def flush(self, path: str, fh: int) -> None:
        """Nothing is held back."""
        self._alive()

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        """Nothing survives the machine anyway; only the switch matters."""
        self._alive()

    def release(self, path: str, fh: int) -> None:
        """Close a file; works on a lost site too."""
        os.close(fh)

    def statfs(self, path: str) -> dict:
        """Free space of the backing folder."""
        found = os.statvfs(self.backing)
        return {name: getattr(found, name) for name in (
            'f_bavail', 'f_bfree', 'f_blocks', 'f_bsize', 'f_favail',
            'f_ffree', 'f_files', 'f_flag', 'f_frsize', 'f_namemax')}


def _by_cinder() -> bool:
    """Whether it is Cinder that writes, as it does to a returning site."""
    pid = mfusepy.fuse_get_context()[2]
    try:
        words = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
    except OSError:
        return False
    return b'cinder-volume' in words


def main() -> None:
    """Serve one site until it is unmounted."""
    folders = layout.Layout(pathlib.Path(sys.argv[1]))
    name = sys.argv[2]
    Mount(Site(folders, name), str(folders.site(name)), foreground=True,
          nothreads=False, allow_other=True, fsname=f'site-{name}')


if __name__ == '__main__':
    main()

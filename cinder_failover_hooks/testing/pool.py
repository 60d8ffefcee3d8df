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

"""The files of one site. Each volume ends with a mark of its site."""

import os
import pathlib

MARK = 512
GIB = 1 << 30


class Pool:
    """A folder of volume files.

    :ivar name: name of the site
    :ivar folder: folder of its files
    """

    def __init__(self, name: str, folder: str) -> None:
        """Store the name and the folder.

        :param name: name of the site
        :param folder: folder of its files
        """
        self.name = name
        self.folder = pathlib.Path(folder)

    def path(self, filename: str) -> pathlib.Path:
        """Return the file of a volume or snapshot at this site."""
        return self.folder / filename

    def answers(self) -> bool:
        """Return whether the site answers."""
        try:
            os.listdir(self.folder)
        except OSError:
            return False
        return True

    def make(self, filename: str, gigabytes: int) -> None:
        """Create an empty volume or resize an existing one, and mark it.

        :param filename: name of the file
        :param gigabytes: its size
        :raises OSError: the site does not answer
        """
        path = self.path(filename)
        with open(path, 'r+b' if path.exists() else 'w+b') as file:
            old = os.fstat(file.fileno()).st_size
            if MARK <= old < gigabytes * GIB:
                self._wipe_mark(file.fileno(), old - MARK)
            file.truncate(gigabytes * GIB)
        self.mark(filename)

    @staticmethod
    def _wipe_mark(descriptor: int, offset: int) -> None:
        """Remove the old mark in the middle of an extended volume."""
        if os.pread(descriptor, 5, offset) == b'site=':
            os.pwrite(descriptor, bytes(MARK), offset)

    def mark(self, filename: str) -> None:
        """Write the site's mark into the last sector.

        :param filename: name of the file
        :raises OSError: the site does not answer
        """
        text = f'site={self.name} volume={filename}\n'.encode()
        with open(self.path(filename), 'r+b') as file:
            file.seek(-MARK, os.SEEK_END)
            file.write(text.ljust(MARK, b'\0'))

    def remove(self, filename: str) -> None:
        """Remove a file if it exists.

        :param filename: name of the file
        :raises OSError: the site does not answer
        """
        self.path(filename).unlink(missing_ok=True)

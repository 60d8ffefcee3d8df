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

"""What a site does with a write, and what its mount tells of a file."""

import os
import pathlib
import tempfile
from unittest import mock

import testtools

from cinder_failover_hooks.testing import sparse
from cloud import settings
from cloud.storage import fuse
from cloud.storage import layout
from cloud.storage import sites

FILE = 'volume-1'


class WriteTest(testtools.TestCase):
    """Writes are copied, and those that nobody will find are counted."""

    core = True

    def setUp(self) -> None:
        """Two sites with one file, which is used at the primary."""
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folders = layout.Layout(pathlib.Path(scratch.name))
        for name in layout.FOLDERS:
            (self.folders.root / name).mkdir()
        for site in ('primary', 'secondary'):
            self.folders.backing(site).mkdir()
            (self.folders.backing(site) / FILE).write_bytes(bytes(4096))
        (self.folders.replication / FILE).write_text('primary')
        context = mock.patch.object(fuse.mfusepy, 'fuse_get_context',
                                    autospec=True,
                                    return_value=(0, 0, os.getpid()))
        self.context = context.start()
        self.addCleanup(context.stop)

    def write(self, site: str) -> None:
        """Write a byte at a site."""
        there = fuse.Site(self.folders, site)
        file = there.open(f'/{FILE}', os.O_RDWR)
        try:
            there.write(f'/{FILE}', b'x', 0, file)
        finally:
            there.release(f'/{FILE}', file)

    def strays(self, site: str) -> int:
        """How many writes at a site were noted."""
        note = self.folders.stray(site, FILE)
        return len(note.read_bytes()) if note.exists() else 0

    def test_active(self) -> None:
        """The other site has it as well."""
        self.write('primary')
        self.assertEqual(b'x', (self.folders.backing('secondary') / FILE)
                         .read_bytes()[:1])
        self.assertEqual(0, self.strays('primary'))

    def test_passive(self) -> None:
        """Each is counted, and the active site does not get it."""
        for _time in range(2):
            self.write('secondary')
        self.assertEqual(2, self.strays('secondary'))
        self.assertEqual(b'\0', (self.folders.backing('primary') / FILE)
                         .read_bytes()[:1])

    def test_passive_by_cinder(self) -> None:
        """Cinder brings a returning site up to date."""
        with mock.patch.object(pathlib.Path, 'read_bytes', autospec=True,
                               return_value=b'/bin/cinder-volume\0'):
            self.write('secondary')
        self.assertEqual(0, self.strays('secondary'))

    def test_not_replicated(self) -> None:
        """It has but one site."""
        (self.folders.replication / FILE).unlink()
        self.write('primary')
        self.assertEqual(0, self.strays('primary'))


class MountTest(testtools.TestCase):
    """The mounted file system of a site."""

    core = True

    def setUp(self) -> None:
        """Sites of their own, beside those of the cloud."""
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        conf = settings.Settings(root=pathlib.Path(scratch.name))
        for folder in (conf.run, conf.log):
            folder.mkdir()
        mounted = sites.Sites(conf)
        self.addCleanup(mounted.stop)
        mounted.start()
        self.folder = mounted.folders.site('primary')

    def test_holes(self) -> None:
        """An empty volume is not read from end to end to be copied."""
        size = 1 << 30
        with open(self.folder / FILE, 'w+b') as file:
            file.truncate(size)
            self.assertEqual([], list(sparse.data_ranges(file.fileno(),
                                                         size)))

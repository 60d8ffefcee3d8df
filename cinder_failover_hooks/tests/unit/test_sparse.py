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
"""Files are brought up to date by what is known to have changed."""

import pathlib

import fixtures

from cinder_failover_hooks.testing import sparse
from cinder_failover_hooks.tests.unit import base


class TestChanges(base.TestCase):
    """What a site has missed."""

    def setUp(self) -> None:
        """Make two files that differ everywhere."""
        super().setUp()
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.source, self.target = folder / 'source', folder / 'target'
        self.source.write_bytes(b'n' * 4096)
        self.target.write_bytes(b'o' * 4096)
        self.note = folder / 'note'

    def test_only_what_changed(self) -> None:
        """The rest, and the tail, are left alone."""
        sparse.copy(self.source, self.target, 512, [(0, 8), (3000, 9000)])
        self.assertEqual(b'n' * 8 + b'o' * 2992 + b'n' * 584 + b'o' * 512,
                         self.target.read_bytes())

    def test_nothing_changed(self) -> None:
        """Nothing is copied."""
        sparse.copy(self.source, self.target, 0, [])
        self.assertEqual(b'o' * 4096, self.target.read_bytes())

    def test_nothing_known(self) -> None:
        """Everything is copied."""
        sparse.copy(self.source, self.target)
        self.assertEqual(self.source.read_bytes(), self.target.read_bytes())

    def test_merged(self) -> None:
        """Ranges that touch are one."""
        self.assertEqual([(0, 8), (9, 12)], sparse.merged(
            [(9, 12), (4, 8), (0, 4), (1, 2)]))

    def test_notes(self) -> None:
        """What was noted is read once."""
        self.assertEqual([], sparse.noted(self.note))
        sparse.note(self.note, 4, 8)
        sparse.note(self.note, 0, 4)
        self.assertEqual([(4, 8), (0, 4)], sparse.noted(self.note))
        self.assertEqual([], sparse.noted(self.note))

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

"""What is read from the serial console of a guest."""

import json
import typing

import testtools

from cloud.guest import console

DISK: dict[str, typing.Any] = {
    'disk': 'vdb', 'pci': '0000:00:03.0', 'serial': '29255b15-35ec-4782-8',
    'site': 'primary', 'volume': 'volume-1', 'read': 'ok', 'write': 'ok',
    'n': 4, 'prev': '', 'seq': 2}
MOUNT: dict[str, typing.Any] = {
    'mount': 'vdb', 'state': 'ok', 'first': 7, 'count': 9}


def line(up: float, boot: str = 'one', **values: typing.Any) -> str:
    """A line of a guest's own."""
    return '@@ ' + json.dumps({'boot': boot, 'up': up, **values})


class ConsoleTest(testtools.TestCase):
    """Lines of the last boot count, and the last of each kind."""

    core = True

    def parse(self, *lines: str) -> console.Report:
        """Read lines, between which the kernel says something."""
        found = console.parse('\n[ 0.1] Hello\n'.join(lines))
        assert found  # noqa: S101
        return found

    def test_mount(self) -> None:
        """The file system has a line of its own."""
        found = self.parse(
            line(5, disks='vdb', hang=''), line(5, **DISK), line(6, **MOUNT),
            line(7, **{**MOUNT, 'state': 'EIO'}))
        self.assertEqual(console.Mount('vdb', 'EIO', 7, 9, 7), found.mount)
        self.assertTrue(found.serial('29255b15-35ec-4782-8379-6fbd').healthy)

    def test_hanging_mount(self) -> None:
        """Its last line is too old to tell anything."""
        found = self.parse(line(6, **MOUNT), line(60, disks='', hang=''))
        assert found.mount  # noqa: S101
        self.assertFalse(found.fresh(found.mount))

    def test_of_an_earlier_boot(self) -> None:
        """Nothing of it counts."""
        found = self.parse(
            line(50, **DISK), line(50, **MOUNT),
            line(3, 'two', disks='vdb', hang=''))
        self.assertIsNone(found.mount)
        self.assertEqual({}, found.disks)

    def test_cut_off(self) -> None:
        """A line that did not come through whole is nothing."""
        found = self.parse(line(5, disks='', hang=''), line(6, **MOUNT)[:-9])
        self.assertIsNone(found.mount)

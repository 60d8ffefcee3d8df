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
"""The pure parts of the hosts of their own kernel."""

import pathlib
import typing

import fixtures
import testtools

from cloud.hosts import kernel
from cloud.hosts import look
from cloud.hosts import mappings
from cloud.hosts import target
from cloud import settings
from cloud.storage import storage_kinds
from cloud import strays

IQN = 'iqn.2026-01.cloud.little:primary'
PLACE = f'/primary/{IQN}/4'


def seen(**changes: typing.Any) -> dict[str, typing.Any]:
    """What a host has that has a single volume."""
    return {'disks': {'sda': {'place': PLACE, 'state': 'running'},
                      'sdb': {'place': PLACE, 'state': 'running'}},
            'maps': {'dm-0': {'map': '3600', 'over': ['sda', 'sdb']}},
            'sessions': {'session1': IQN}, 'mounts': {}, 'stuck': [],
            'guests': {'uuid': {'pid': 7, 'open': ['/dev/dm-0']}}, **changes}


class MappingsTest(testtools.TestCase):
    """What belongs to no mapping is named."""

    core = True
    storage = settings.KINDS

    def left(self, mapped: dict[str, set[str]],
             **changes: typing.Any) -> list[str]:
        """What is left over."""
        return mappings.leftovers(seen(**changes), mapped, 'host')

    def test_mapped(self) -> None:
        """A host with what its mappings say has no leftovers."""
        self.assertEqual([], self.left({'uuid': {PLACE}}))

    def test_stopped(self) -> None:
        """A mapping need not be connected."""
        self.assertEqual([], self.left(
            {'uuid': {PLACE}}, disks={}, maps={}, sessions={}, guests={}))

    def test_unmapped(self) -> None:
        """Sessions, disks and guests are named."""
        self.assertEqual([
            'host: QEMU 7 of no server here, with /dev/dm-0',
            f'host: disk sda of {PLACE}, running',
            f'host: disk sdb of {PLACE}, running',
            f'host: session session1 to {IQN}'], self.left({}))

    def test_dead(self) -> None:
        """A map without paths, and a process that hangs, are of nobody."""
        self.assertEqual(
            ['host: map 3600 without paths',
             'host: process qemu 7 io_schedule in state D'],
            self.left({'uuid': {PLACE}},
                      maps={'dm-0': {'map': '3600', 'over': []}},
                      stuck=['qemu 7 io_schedule']))

    def test_places(self) -> None:
        """An iSCSI connection names its site, a file is its path."""
        self.assertEqual({PLACE}, mappings.places({
            'target_iqn': IQN, 'target_lun': 4, 'device_path': '/dev/dm-0',
            'target_iqns': [IQN, IQN], 'target_luns': [4, 4]}))
        self.assertEqual({'/a/b'}, mappings.places({'device_path': '/a/b'}))
        self.assertEqual(set(), mappings.places({}))
        self.assertEqual(PLACE, look.place(IQN, 4))


class TargetTest(testtools.TestCase):
    """LUN numbers, without a kernel that has a target."""

    core = True
    storage = settings.KINDS

    def setUp(self) -> None:
        """Make a site whose kernel takes everything."""
        super().setUp()
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.target = target.Target('primary', str(folder),
                                    str(folder / 'luns.json'), ['10.0.0.1'])
        for name in ('_add', '_remove', '_secret'):
            self.useFixture(fixtures.MockPatchObject(
                self.target, name, autospec=True, return_value=''))

    def export(self, volume: str, host: str = 'one', **how: bool) -> int:
        """Export a volume, and return its number."""
        return self.target.export(volume, host, 'aa', **how)['lun']

    def test_number_is_kept(self) -> None:
        """Whoever asks again is given the same number."""
        self.assertEqual(1, self.export('a'))
        self.assertEqual(2, self.export('b'))
        self.assertEqual(1, self.export('a', 'two'))

    def test_number_is_new(self) -> None:
        """A number is not given again, unless the lowest is wanted."""
        self.export('a')
        self.export('b')
        self.target.unexport('a')
        self.assertEqual(3, self.export('c'))
        self.assertEqual(0, self.export('d', lowest=True))
        self.assertEqual(1, self.export('e', lowest=True))

    def test_last_host(self) -> None:
        """A volume is exported until its last host lets go of it."""
        self.export('a', 'one')
        self.export('a', 'two')
        self.assertTrue(self.target.unexport('a', 'one'))
        self.assertFalse(self.target.unexport('a', 'two'))
        self.assertEqual({}, self.target.luns())


class KernelTest(testtools.TestCase):
    """What packages have beside usr goes below it."""

    core = True
    storage = settings.KINDS

    def test_merge(self) -> None:
        """Folders that both have are merged, links stay links."""
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        for name in ('sbin/one', 'usr/sbin/two', 'lib/x/three'):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        (folder / 'sbin/four').symlink_to('/bin/kmod')
        kernel.merge_usr(folder)
        self.assertEqual(
            ['usr/lib/x/three', 'usr/sbin/four', 'usr/sbin/one',
             'usr/sbin/two'],
            sorted(str(path.relative_to(folder)) for path
                   in folder.rglob('*') if path.is_symlink()
                   or path.is_file()))


class StraysTest(testtools.TestCase):
    """Processes are known by their command lines."""

    core = True
    storage = settings.KINDS

    def test_service(self) -> None:
        """A service is, a helper of it is not; nor is another cloud's."""
        def is_service(*words: str) -> bool:
            return strays.is_service(list(words), '/a/etc', {'nova-engine'})

        self.assertTrue(is_service('python', '/v/bin/nova-engine',
                                   '--config-file', '/a/etc/x/nova.conf'))
        self.assertFalse(is_service('python', '/v/bin/privsep-helper',
                                    '--config-file', '/a/etc/x/nova.conf'))
        self.assertFalse(is_service('python', '/v/bin/nova-engine',
                                    '--config-file', '/b/etc/x/nova.conf'))

    def test_names(self) -> None:
        """The root is a folder, not the start of a name."""
        self.assertTrue(strays.names(['a', '--x=/root/y'], '/root'))
        self.assertTrue(strays.names(['a', '/root/y'], '/root'))
        self.assertFalse(strays.names(['a', '/root-two/y'], '/root'))
        self.assertFalse(strays.names(['/root/bin/a'], '/root'))


class KindsTest(testtools.TestCase):
    """Each kind says what Cinder has to know of it."""

    core = True
    storage = settings.KINDS

    def test_backends(self) -> None:
        """The first backend has the volume type of the kind."""
        for name in ('files', 'iscsi', 'nfs'):
            kind = storage_kinds.find(name, settings.Settings())
            first, *others = kind.backends()
            self.assertIn(kind.volume_type, first['types'])
            self.assertIn('replication_device', first['options'])
            self.assertIn(kind.plain_type, [
                each for backend in others for each in backend['types']])

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

"""Mounts of a lost NFS server, against a copy of the kernel's table."""

import pathlib
import threading

import fixtures
from oslotest import base

from nova_failover_ext.recovery.host_devices import nfs_mounts
from nova_failover_ext.recovery.host_devices import root_commands

EXPORT = '10.0.0.1:/volumes'
POINT = '/var/lib/nova/mnt/f466'
MOUNT = nfs_mounts.NfsMount(EXPORT, POINT)
#: Seconds after which a test that waits has failed.
LONG = 60


class Find(base.BaseTestCase):

    def _find(self, line=f'{EXPORT} {POINT} nfs4 rw 0 0', kind='nfs',
              export=EXPORT, path=f'{POINT}/volume-1'):
        folder = self.useFixture(fixtures.TempDir()).path
        table = pathlib.Path(folder, 'mounts')
        table.write_text(f'proc /proc proc rw 0 0\n{line}\n')
        data = {'export': export, 'name': 'volume-1'}
        if path:
            data['device_path'] = path
        return nfs_mounts.find({'driver_volume_type': kind, 'data': data},
                               table)

    def test_of_a_volume(self):
        self.assertEqual(MOUNT, self._find())

    def test_not_mounted(self):
        self.assertIsNone(self._find(line='sysfs /sys sysfs rw 0 0'))

    def test_another_export_at_that_place(self):
        self.assertIsNone(self._find(export='10.0.0.2:/volumes'))

    def test_not_nfs(self):
        self.assertIsNone(self._find(line=f'{EXPORT} {POINT} ext4 rw 0 0'))

    def test_never_connected(self):
        self.assertIsNone(self._find(path=''))

    def test_other_kinds(self):
        self.assertIsNone(nfs_mounts.find({'driver_volume_type': 'rbd'}))


class Fencing(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.run = self.useFixture(fixtures.MockPatchObject(
            root_commands, 'run', autospec=True)).mock
        self.asked = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self.run.side_effect = lambda *_words, **_options: (
            self.ended.release())

    def _fencing(self, *answers, patience=0.0):
        left = list(answers)

        def ask(mount):
            self.assertEqual(MOUNT, mount)
            self.asked.release()
            return left.pop(0) if len(left) > 1 else left[0]

        return nfs_mounts.fencing([MOUNT], ask, patience, 0.001)

    def _wait(self, semaphore, times):
        for _time in range(times):
            self.assertTrue(semaphore.acquire(timeout=LONG))

    def test_requests_are_ended_again_and_again(self):
        with self._fencing(False):
            self._wait(self.ended, 3)
        self.assertEqual(('umount', '-f', POINT), self.run.call_args.args)

    def test_busy_mount(self):
        def busy(*_words, **_options):
            self.ended.release()
            raise root_commands.CommandFailed(command='umount',
                                              reason='target is busy')

        self.run.side_effect = busy
        with self._fencing(False):
            self._wait(self.ended, 2)

    def test_server_that_answers(self):
        with self._fencing(True):
            self._wait(self.asked, 5)
        self.run.assert_not_called()

    def test_server_that_is_silent_for_a_moment(self):
        with self._fencing(False, True, False, patience=LONG):
            self._wait(self.asked, 5)
        self.run.assert_not_called()

    def test_nothing_once_it_is_over(self):
        over = threading.Event()

        def slow(_mount):
            self.asked.release()
            over.wait(LONG)
            self.ended.release()
            return False

        with nfs_mounts.fencing([MOUNT], slow, 0.0, 0.001):
            self._wait(self.asked, 1)
        over.set()
        self._wait(self.ended, 1)
        self.run.assert_not_called()

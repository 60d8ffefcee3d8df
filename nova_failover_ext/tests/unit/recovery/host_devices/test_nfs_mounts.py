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

import dataclasses
import pathlib
import socket
import threading

import fixtures
from oslotest import base

from nova_failover_ext.recovery.host_devices import nfs_mounts
from nova_failover_ext.recovery.host_devices import root_commands

EXPORT = '10.0.0.1:/volumes'
POINT = '/var/lib/nova/mnt/f466'
OPTIONS = 'rw,vers=4.2,hard,proto=tcp,addr=10.0.0.1'
MOUNT = nfs_mounts.NfsMount(EXPORT, POINT, '10.0.0.1')
#: Seconds after which a test that waits has failed.
LONG = 60


class Find(base.BaseTestCase):

    def _find(self, line=f'{EXPORT} {POINT} nfs4 {OPTIONS} 0 0', kind='nfs',
              export=EXPORT, path=f'{POINT}/volume-1'):
        folder = self.useFixture(fixtures.TempDir()).path
        table = pathlib.Path(folder, 'mounts')
        table.write_bytes(b'proc /\x85\xff proc rw 0 0\n'
                          + f'{line}\n'.encode())
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

    def test_port_of_the_client(self):
        self.assertEqual(
            dataclasses.replace(MOUNT, port=20490), self._find(
                f'{EXPORT} {POINT} nfs {OPTIONS},port=20490 0 0'))

    def test_server_that_cannot_be_tried(self):
        for options in ('rw,proto=rdma,addr=10.0.0.1', 'rw,proto=tcp', 'rw'):
            self.assertIsNone(
                self._find(f'{EXPORT} {POINT} nfs4 {options} 0 0'))

    def test_what_the_table_writes_otherwise(self):
        self.assertEqual(
            '/mnt/a b', self._find(
                f'h:/my\\040vol /mnt/a\\040b nfs4 {OPTIONS} 0 0',
                export='h:/my vol/', path='/mnt/a b/volume-1').point)

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

        return nfs_mounts.fencing([MOUNT], patience, 0.001, ask)

    def _wait(self, semaphore, times):
        for _time in range(times):
            self.assertTrue(semaphore.acquire(timeout=LONG))

    def test_requests_are_ended_again_and_again(self):
        with self._fencing(False):
            self._wait(self.ended, 3)
        self.assertEqual(('umount', '-i', '-f', POINT),
                         self.run.call_args.args)

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

        with nfs_mounts.fencing([MOUNT], 0.0, 0.001, slow):
            self._wait(self.asked, 1)
        over.set()
        self._wait(self.ended, 1)
        self.run.assert_not_called()


class Answers(base.BaseTestCase):

    def test_server_that_listens_and_then_does_not(self):
        with socket.create_server(('127.0.0.1', 0)) as server:
            mount = dataclasses.replace(
                MOUNT, address='127.0.0.1', port=server.getsockname()[1])
            self.assertTrue(mount.answers())
        self.assertFalse(mount.answers())

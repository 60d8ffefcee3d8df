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

"""QEMU processes, against a copy of what procfs says."""

import pathlib
import subprocess
import sys

from oslotest import base

import fixtures
from nova_failover_ext.recovery import bounded
from nova_failover_ext.recovery.host_devices import qemu_processes

# A process whose first thread ends before the others, as that of a killed
# QEMU does while the others wait for their storage.
HEADLESS = '''
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).pthread_exit(None)
'''
SERVER = '5d3a2b6e-9c7f-4d39-b6b6-6a6b8d0f0a01'
STAT = ('%d (CPU 0/TCG) :)) %s 1 4711 4711 0 -1 1077936384 52 0 0 0 31 12 0 0 '
        '20 0 4 0 %d 912384000 31000 18446744073709551615')


class QemuProcesses(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.proc = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def process(self, pid, *words, started=100, threads='SS'):
        folder = self.proc / str(pid)
        folder.mkdir(exist_ok=True)
        (folder / 'cmdline').write_bytes(
            b''.join(word.encode() + b'\0' for word in words))
        (folder / 'stat').write_text(STAT % (pid, threads[0], started))
        for number, letter in enumerate(threads):
            thread = folder / 'task' / str(pid + number)
            thread.mkdir(parents=True, exist_ok=True)
            (thread / 'stat').write_text(
                STAT % (pid + number, letter, started))

    def qemu(self, pid=4711, server_id=SERVER, **kwargs):
        self.process(pid, 'qemu-system-x86_64', '-name', 'guest=i',
                     '-uuid', server_id, '-no-user-config', **kwargs)

    def found(self):
        return qemu_processes.of_server(SERVER, self.proc)

    def state(self):
        return qemu_processes.state(
            qemu_processes.Process(4711, 100), self.proc)

    def test_found_by_its_uuid(self):
        self.qemu()
        self.qemu(5000, SERVER.replace('5', '6'))
        self.process(6000, 'grep', SERVER)
        self.process(7000)
        (self.proc / '8000').mkdir()
        self.assertEqual({qemu_processes.Process(4711, 100)}, self.found())

    def test_killed_process_is_found_by_the_threads_that_are_left(self):
        self.process(4711, threads='ZD')
        (self.proc / '4711/task/4712/cmdline').write_bytes(
            b'qemu-system-x86_64\0-uuid\0' + SERVER.encode() + b'\0')
        self.assertEqual({qemu_processes.Process(4711, 100)}, self.found())

    def test_command_line_that_is_lost_meanwhile(self):
        watched = qemu_processes.Watched(self.proc)
        self.qemu(threads='S')
        self.assertEqual(self.found(), watched.of_server(SERVER))
        self.process(4711, threads='D')
        self.assertEqual(frozenset(), self.found())
        self.assertEqual({qemu_processes.Process(4711, 100)},
                         watched.of_server(SERVER))
        self.process(4711, threads='Z')
        self.assertEqual(frozenset(), watched.of_server(SERVER))

    def test_another_server_is_not_watched_for(self):
        watched = qemu_processes.Watched(self.proc)
        self.qemu()
        watched.of_server(SERVER)
        self.assertEqual(frozenset(),
                         watched.of_server(SERVER.replace('5', '6')))

    def test_as_the_kernel_shows_it(self):
        process = subprocess.Popen(
            (sys.executable, '-c', HEADLESS, '-uuid', SERVER),
            stdin=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)
        cmdline = pathlib.Path(f'/proc/{process.pid}/cmdline')
        bounded.wait_until_empty(cmdline.read_text, 10)
        found = qemu_processes.of_server(SERVER)
        self.assertEqual([process.pid], [one.pid for one in found])
        # The thread runs, or waits for its input already.
        self.assertIn('in state', qemu_processes.alive(found))
        process.stdin.close()
        process.wait()
        self.assertEqual('', qemu_processes.alive(found))

    def test_alive(self):
        self.qemu(threads='SR')
        self.assertEqual('RS', self.state())

    def test_killed_leader_whose_threads_wait_for_their_storage(self):
        # The command line goes first, the threads stay.
        self.process(4711, threads='ZDDX')
        self.assertEqual('D', self.state())

    def test_ended(self):
        self.assertEqual('', self.state())

    def test_zombie(self):
        self.process(4711, threads='Z')
        self.assertEqual('', self.state())

    def test_number_given_anew(self):
        self.process(4711, 'sleep', '9', started=101)
        self.assertEqual('', self.state())

    def test_thread_that_ends_meanwhile(self):
        self.qemu(threads='SD')
        (self.proc / '4711/task/4712/stat').unlink()
        self.assertEqual('S', self.state())

    def test_no_stat_file(self):
        self.assertRaises(ValueError, qemu_processes.parse_stat, 'S 1 2')
        self.assertRaises(ValueError, qemu_processes.parse_stat, '1 (a) S 1')

    def test_what_is_alive_is_named(self):
        self.qemu(threads='ZD')
        found = self.found()
        self.assertEqual('QEMU process 4711 in state D',
                         qemu_processes.alive(found, self.proc))
        self.qemu(threads='ZZ')
        self.assertEqual('', qemu_processes.alive(found, self.proc))

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

"""Multipath maps, against a copy of what sysfs and dmsetup say."""

import pathlib
import shutil
from unittest import mock

from os_brick.privileged import rootwrap
from oslo_concurrency import processutils
from oslotest import base

import fixtures
from nova_failover_ext.recovery.host_devices import multipath_maps
from nova_failover_ext.recovery.host_devices import root_commands

WWID = '36001405000000000000000000000200a'
QUEUES = ('0 204800 multipath 1 queue_if_no_path 0 1 1 service-time 0 2 2 '
          '8:0 1 1 8:16 1 1 \n')
FAILS = ('0 204800 multipath 0 0 1 1 service-time 0 2 2 8:0 1 1 8:16 1 1 \n')
EMPTY = '0 204800 multipath 1 queue_if_no_path 0 0 0 \n'
ALUA = ('0 204800 multipath 3 pg_init_retries 50 queue_if_no_path 1 alua 1 1 '
        'service-time 0 1 2 8:0 1 1 \n')


class MapsTestBase(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.sys = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        patched = mock.patch.object(rootwrap, 'execute', autospec=True,
                                    side_effect=self.execute)
        self.run = patched.start()
        self.addCleanup(patched.stop)
        self.table = FAILS
        self.missing = 'no such path'
        self.flush = self.forget

    def map(self, wwid, *paths, device='dm-3'):
        block = self.sys / device
        (block / 'slaves').mkdir(parents=True)
        (block / 'dm').mkdir()
        (block / 'dm/uuid').write_text(f'mpath-{wwid}\n')
        (block / 'dm/name').write_text(wwid + '\n')
        for path in paths:
            (block / 'slaves' / path).mkdir()

    def forget(self):
        (self.sys / 'dm-3/dm/uuid').unlink()

    def execute(self, *command, **kwargs):
        given = kwargs.pop('process_input')
        self.assertEqual({'run_as_root': True, 'timeout': 5}, kwargs)
        self.assertEqual('1' if command[0] == 'tee' else None, given)
        if command[0] == 'tee':
            self.delete(pathlib.Path(command[1]).parents[1])
            if self.missing in command[1]:
                raise processutils.ProcessExecutionError(stderr='no such file')
        if command[:2] == ('multipath', '-f'):
            self.flush()
        return (self.table if command[1] == 'table' else ''), ''

    def delete(self, path):
        shutil.rmtree(path)
        (self.sys / 'dm-3/slaves' / path.name).rmdir()

    def commands(self):
        return [' '.join(call.args) for call in self.run.call_args_list]


class Seen(MapsTestBase):

    def test_queues(self):
        self.assertEqual(
            [True, False, True, True, False, False],
            [multipath_maps.queues(table) for table in (
                QUEUES, FAILS, EMPTY, ALUA, '0 8 linear 8:0 0', '')])

    def test_find(self):
        self.map('other', 'sdc', device='dm-1')
        self.map(WWID, 'sdb', 'sda')
        self.assertEqual(
            multipath_maps.MultipathMap(
                'mpath-' + WWID, WWID, 'dm-3', ('sda', 'sdb')),
            multipath_maps.find(WWID, self.sys))

    def test_none(self):
        self.map('other')
        self.assertIsNone(multipath_maps.find(WWID, self.sys))

    def test_went_away_meanwhile(self):
        self.map(WWID)
        (self.sys / 'dm-3/dm/name').unlink()
        self.assertIsNone(multipath_maps.find(WWID, self.sys))


class Ended(MapsTestBase):

    def test_does_not_queue_any_more(self):
        self.map(WWID)
        self.assertTrue(multipath_maps.end_queueing(
            multipath_maps.find(WWID, self.sys), 5))
        self.assertEqual([f'dmsetup message {WWID} 0 fail_if_no_path',
                          f'dmsetup table {WWID}'], self.commands())

    def test_multipathd_sets_it_again(self):
        self.map(WWID, 'sda')
        self.table = QUEUES
        self.assertFalse(multipath_maps.end_queueing(
            multipath_maps.find(WWID, self.sys), 5))

    def test_remove(self):
        self.map(WWID)
        self.assertEqual('', multipath_maps.remove(WWID, 5, self.sys))
        self.assertEqual([f'dmsetup message {WWID} 0 fail_if_no_path',
                          f'dmsetup table {WWID}', f'multipath -f {WWID}'],
                         self.commands())

    def test_gone_before(self):
        self.assertEqual('', multipath_maps.remove(WWID, 5, self.sys))
        self.run.assert_not_called()

    def test_never_one_that_has_paths(self):
        self.map(WWID, 'sda', 'sdb')
        self.assertEqual(f'mpath-{WWID} still has sda, sdb',
                         multipath_maps.remove(WWID, 5, self.sys))
        self.run.assert_not_called()

    def test_removal_that_lied(self):
        self.map(WWID)
        self.flush = mock.create_autospec(self.forget)
        self.assertIn('is still there',
                      multipath_maps.remove(WWID, 5, self.sys))

    def test_map_in_use(self):
        self.map(WWID)
        self.flush = mock.create_autospec(
            self.forget, side_effect=processutils.ProcessExecutionError(
                stderr='map in use'))
        self.assertIn('map in use', multipath_maps.remove(WWID, 5, self.sys))

    def test_no_privileges(self):
        self.run.side_effect = OSError('no such command')
        self.assertRaises(root_commands.CommandFailed, root_commands.run,
                          'dmsetup', timeout=5)


class Fenced(MapsTestBase):

    def fence(self, *states, patience=0):
        names = ('sda', 'sdb')[:len(states)]
        self.map(WWID, *names)
        for name, state in zip(names, states, strict=True):
            (self.sys / name / 'device').mkdir(parents=True)
            (self.sys / name / 'device/state').write_text(state + '\n')
        return multipath_maps.fence(WWID, 5, patience, self.sys, 0)

    def deleted(self):
        return [command.split('/')[-3] for command in self.commands()
                if command.startswith('tee')]

    def test_dead_paths_are_removed_before(self):
        for state in ('blocked', 'transport-offline', 'offline'):
            self.run.reset_mock()
            with self.subTest(state):
                self.sys = self.sys / state
                self.sys.mkdir()
                self.assertEqual('', self.fence(state, state))
                self.assertEqual(['sda', 'sdb'], self.deleted())
                self.assertEqual(
                    [f'dmsetup message {WWID} 0 fail_if_no_path',
                     f'dmsetup table {WWID}'], self.commands()[2:])

    def test_a_path_that_lives_is_left_alone(self):
        self.assertEqual('', self.fence('running', 'blocked'))
        self.assertEqual(['sdb'], self.deleted())

    def test_a_path_of_nvme(self):
        self.assertEqual('', self.fence('live'))

    def test_multipathd_has_not_seen_it_yet(self):
        self.delete = shutil.rmtree
        self.assertEqual(f'mpath-{WWID} still has sda',
                         self.fence('blocked'))

    def test_a_reload_that_is_still_to_come(self):
        # The first message is in vain: multipathd loads the map after it.
        self.delete = shutil.rmtree
        tables = [FAILS, QUEUES, FAILS]

        def execute(*command, **kwargs):
            if command[:2] == ('dmsetup', 'message'):
                self.table = tables.pop(0)
            if command[1] == 'table' and len(tables) == 1:
                (self.sys / 'dm-3/slaves/sda').rmdir()
            return self.execute(*command, **kwargs)
        self.run.side_effect = execute
        self.assertEqual('', self.fence('blocked', patience=60))
        self.assertEqual([], tables)

    def test_it_queues_again(self):
        self.table = QUEUES
        self.assertEqual(f'multipathd has mpath-{WWID} queue again',
                         self.fence('running'))

    def test_no_map(self):
        self.assertEqual('', multipath_maps.fence(WWID, 5, 0, self.sys))
        self.run.assert_not_called()

    def test_a_path_that_goes_away_at_that_moment(self):
        self.missing = 'sda'
        self.assertEqual('', self.fence('blocked', 'blocked'))
        self.assertEqual(['sda', 'sdb'], self.deleted())
        self.assertEqual(f'dmsetup message {WWID} 0 fail_if_no_path',
                         self.commands()[2])

    def test_a_path_that_cannot_be_removed(self):
        self.run.side_effect = OSError('read-only')
        self.assertIn('read-only', self.fence('blocked'))


class WwidOf(MapsTestBase):

    def wwid_of(self, device):
        return multipath_maps.wwid_of(f'/dev/{device}', self.sys)

    def test_map(self):
        self.map(WWID)
        self.assertEqual(WWID, self.wwid_of('dm-3'))

    def test_dm_crypt_over_a_map(self):
        self.map(WWID)
        block = self.sys / 'dm-7'
        (block / 'slaves/dm-3').mkdir(parents=True)
        (block / 'dm').mkdir()
        (block / 'dm/uuid').write_text('CRYPT-LUKS1-x\n')
        self.assertEqual(WWID, self.wwid_of('dm-7'))

    def test_no_map(self):
        (self.sys / 'sda/slaves').mkdir(parents=True)
        for device in ('sda', 'absent'):
            self.assertEqual('', self.wwid_of(device))

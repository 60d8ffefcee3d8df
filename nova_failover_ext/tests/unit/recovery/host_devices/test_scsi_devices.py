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

"""SCSI devices, against a copy of what sysfs says."""

import pathlib

import fixtures
from oslotest import base

from nova_failover_ext.recovery.host_devices import scsi_devices

OURS = '600140500000000000000000000000aa'
OTHER = '600140500000000000000000000000bb'
PORTAL = '192.0.2.1:3260'
IQN = 'iqn.2010-10.org:array'


class Devices(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.sys = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def write(self, path, text):
        path = self.sys / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + '\n')

    def device(self, name, wwid):
        self.write(f'block/{name}/device/wwid', wwid)
        return self.sys / 'block' / name

    def put(self, unit, device):
        folder = self.sys / unit / 'block'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / device.name).symlink_to(device)

    def session(self, number=1, address='192.0.2.1'):
        self.write(f'class/iscsi_session/session{number}/targetname', IQN)
        connection = f'class/iscsi_connection/connection{number}:0'
        self.write(f'{connection}/persistent_address', address)
        self.write(f'{connection}/persistent_port', '3260')
        return f'class/iscsi_session/session{number}/device/target3:0:0'

    def at(self, *number):
        return scsi_devices.at([number], self.sys)

    def test_iscsi(self):
        target = self.session()
        self.put(f'{target}/3:0:0:1', self.device('sda', f'naa.{OURS}'))
        self.put(f'{target}/3:0:0:11', self.device('sdb', f'naa.{OTHER}'))
        self.assertEqual({'sda': f'3{OURS}'}, self.at(PORTAL, IQN, '1'))
        self.assertEqual({'sdb': f'3{OTHER}'}, self.at(PORTAL, IQN, '11'))
        for number in ((PORTAL, IQN, '2'), (PORTAL, 'iqn', '1'),
                       ('192.0.2.2:3260', IQN, '1'), (IQN, '1')):
            self.assertEqual({}, self.at(*number))

    def test_portal_of_version_6(self):
        target = self.session(address='2001:db8::1')
        self.put(f'{target}/3:0:0:1', self.device('sda', f'naa.{OURS}'))
        self.assertEqual({'sda': f'3{OURS}'},
                         self.at('[2001:db8::1]:3260', IQN, '1'))

    def test_fibre_channel(self):
        self.write('class/fc_transport/target5:0:2/port_name',
                   '0x50014380242b9751')
        self.put('class/scsi_device/5:0:2:7/device',
                 self.device('sdc', f'naa.{OURS}'))
        self.put('class/scsi_device/5:0:22:7/device',
                 self.device('sdd', f'naa.{OTHER}'))
        self.assertEqual({'sdc': f'3{OURS}'},
                         self.at('50014380242b9751', '7'))
        self.assertEqual({}, self.at('50014380242b9751', '8'))

    def test_nothing_there(self):
        self.assertEqual({}, self.at(PORTAL, IQN, '1'))

    def test_identity_of_a_path(self):
        self.device('sda', f'naa.{OURS}')
        self.device('sdb', 'eui.0011223344556677')
        self.device('sdc', 't10.ATA     QEMU HARDDISK')
        self.assertEqual(
            [f'3{OURS}', '20011223344556677', '', ''],
            [scsi_devices.identity_of(f'/dev/{name}', self.sys)
             for name in ('sda', 'sdb', 'sdc', 'nosuchdevice')])

    def test_identity_below_dm_crypt(self):
        device = self.device('sda', f'naa.{OURS}')
        slaves = self.sys / 'block/dm-9/slaves'
        slaves.mkdir(parents=True)
        (slaves / 'sda').symlink_to(device)
        self.assertEqual(f'3{OURS}',
                         scsi_devices.identity_of('/dev/dm-9', self.sys))

    def test_map_has_the_last_word(self):
        device = self.device('sda', f'naa.{OURS}')
        self.write('block/dm-3/dm/uuid', 'mpath-1IET_0001')
        (device / 'holders').mkdir()
        (device / 'holders/dm-3').symlink_to(self.sys / 'block/dm-3')
        self.assertEqual('1IET_0001',
                         scsi_devices.identity_of('/dev/dm-3', self.sys))
        self.assertEqual(['sda'],
                         scsi_devices.having('1IET_0001', self.sys))
        target = self.session()
        self.put(f'{target}/3:0:0:1', device)
        self.assertEqual({'sda': '1IET_0001'}, self.at(PORTAL, IQN, '1'))

    def test_having(self):
        self.device('sdb', f'naa.{OURS}')
        self.device('sda', f'naa.{OURS}')
        self.device('sdc', f'naa.{OTHER}')
        self.assertEqual(['sda', 'sdb'],
                         scsi_devices.having(f'3{OURS}', self.sys))

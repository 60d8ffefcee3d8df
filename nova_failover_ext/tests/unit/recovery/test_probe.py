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

"""Where a volume can be tried, and what happens if it does not answer."""

import socket
import threading
from unittest import mock

import ddt
from os_brick.initiator.connectors import local
from oslotest import base

from nova_failover_ext import exception
from nova_failover_ext.recovery import probe


def info(kind, **data):
    return {'driver_volume_type': kind, 'data': data}


@ddt.ddt
class Targets(base.BaseTestCase):

    @ddt.data(
        (info('local', device_path='/dev/x'), (), ('/dev/x',)),
        (info('gpfs', device_path='/p/x'), (), ('/p/x',)),
        (info('iscsi', target_portal='1.2.3.4:3261'),
         (('1.2.3.4', 3261),), ()),
        (info('iscsi', target_portal='x',
              target_portals=['[::1]:3260', '1.2.3.4:3260']),
         (('::1', 3260), ('1.2.3.4', 3260)), ()),
        (info('iscsi', target_portal='1.2.3.4:3260,1'),
         (('1.2.3.4', 3260),), ()),
        (info('iscsi', target_portal='[fe80::1]'), (('fe80::1', 3260),), ()),
        (info('iscsi', target_portal='array'), (('array', 3260),), ()),
        (info('iser', target_portal='1.2.3.4:3260'), (), ()),
        (info('rbd', hosts=['[::1]', 'm'], ports=['3300', '6789']),
         (('::1', 3300), ('m', 6789)), ()),
        (info('rbd', hosts=['m']), (('m', 6789),), ()),
        (info('nfs', export='1.2.3.4:/share'), (('1.2.3.4', 2049),), ()),
        (info('nfs', export='[fe80::1]:/a:b', options='-o vers=4'),
         (('fe80::1', 2049),), ()),
        (info('nfs', export='h:/a', options='-o mountport=7,port=2050'),
         (('h', 2050),), ()),
        (info('nvmeof', portals=[['1.2.3.4', '4420', 'tcp'],
                                 ['1.2.3.5', 4421, 'RoCEv2']]),
         (('1.2.3.4', 4420),), ()),
        (info('nvmeof', vol_uuid='u', volume_replicas=[
            {'portals': [['::1', 1, 'tcp']]},
            {'portals': [['::2', 2, 'TCP'], ['::3', 3, 'rdma']]}]),
         (('::1', 1), ('::2', 2)), ()),
        (info('nvmeof', target_portal='1.2.3.4', target_port=4420,
              transport_type='rdma'), (), ()),
        (info('nvmeof', target_portal='1.2.3.4', target_port=4421),
         (('1.2.3.4', 4421),), ()),
        (info('fibre_channel', target_wwn=['5']), (), ()),
        ({}, (), ()),
    )
    @ddt.unpack
    def test_targets(self, connection_info, portals, paths):
        self.assertEqual(probe.Targets(portals, paths),
                         probe.targets(connection_info))


class Probe(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.open = self.listen('127.0.0.1')
        closed = socket.create_server(('127.0.0.1', 0))
        self.closed = '127.0.0.1:%d' % closed.getsockname()[1]
        closed.close()

    def listen(self, address, family=socket.AF_INET):
        listener = socket.create_server((address, 0), family=family)
        # Under eventlet only this keeps the listener itself alive.
        self.addCleanup(lambda: listener.close())
        shown = f'[{address}]' if ':' in address else address
        return f'{shown}:{listener.getsockname()[1]}'

    def unreachable(self, connection_info, timeout=5):
        """Return why the storage cannot be reached."""
        error = self.assertRaises(
            exception.StorageUnreachable, probe.probe, 'the-volume',
            connection_info, timeout)
        self.assertIn('the-volume', str(error))
        return error.kwargs['reason']

    def test_one_portal_is_enough(self):
        probe.probe('v', info('iscsi', target_portals=[
            self.closed, self.open]), 5)

    def test_ipv6_portal(self):
        try:
            portal = self.listen('::1', socket.AF_INET6)
        except OSError:
            self.skipTest('this machine has no IPv6')
        probe.probe('v', info('iscsi', target_portal=portal), 5)

    def test_no_portal_answers(self):
        reason = self.unreachable(info(
            'iscsi', target_portals=[self.closed, '[::1]:1'],
            auth_password='canary'))
        self.assertIn(f'{self.closed}: ', reason)
        self.assertIn('[::1]:1: ', reason)
        self.assertNotIn('canary', reason)

    def test_name_that_cannot_be_one(self):
        self.assertIn('a..b:3260: ', self.unreachable(
            info('iscsi', target_portal='a..b:3260')))

    def test_name_server_does_not_answer(self):
        release = threading.Event()
        self.addCleanup(release.set)
        with mock.patch.object(probe, '_GRACE', 0), mock.patch.object(
                socket, 'create_connection', autospec=True,
                side_effect=lambda *args: release.wait()):
            reason = self.unreachable(
                info('iscsi', target_portal='array:3260'), 0.01)
        self.assertEqual('connecting to array:3260: no answer within 0.01 '
                         'seconds', str(reason))

    @mock.patch.object(local.LocalConnector, 'check_valid_device',
                       autospec=True, return_value=False)
    def test_path_cannot_be_read(self, read):
        self.assertIn('reading /dev/gone', self.unreachable(
            info('local', device_path='/dev/gone')))
        self.assertEqual('/dev/gone', read.call_args.args[-1])

    @mock.patch.object(local.LocalConnector, 'check_valid_device',
                       autospec=True)
    def test_path_hangs(self, read):
        release = threading.Event()
        self.addCleanup(release.set)
        read.side_effect = lambda *args: release.wait()
        self.assertIn('reading /dev/hung: no answer', self.unreachable(
            info('local', device_path='/dev/hung'), 0.01))

    @mock.patch.object(local.LocalConnector, 'check_valid_device',
                       autospec=True, return_value=True)
    def test_path_answers(self, read):
        probe.probe('v', info('local', device_path='/dev/there'), 5)
        self.assertEqual('/dev/there', read.call_args.args[-1])

    def test_type_that_cannot_be_tried(self):
        probe.probe('v', info('fibre_channel', target_wwn=['5']), 5)


@ddt.ddt
class Unreadable(base.BaseTestCase):

    @ddt.data(info('local'), info('nfs'), info('nvmeof', portals=[['a']]),
              info('rbd', hosts=['m'], ports=['canary']),
              info('iscsi', target_portal='h:canary'),
              info('iscsi', target_portal=7), info('iscsi') | {'data': [1]})
    def test_connection_info_makes_no_sense(self, connection_info):
        error = self.assertRaises(exception.StorageUnreachable, probe.probe,
                                  'v', connection_info, 5)
        self.assertIn(connection_info['driver_volume_type'], str(error))
        self.assertNotIn('canary', str(error))

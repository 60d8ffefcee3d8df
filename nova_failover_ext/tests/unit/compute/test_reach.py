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
from unittest import mock

import ddt
from os_brick.initiator.connectors import local
from oslotest import base

from nova_failover_ext.compute import reach
from nova_failover_ext import exception


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
        (info('rbd', hosts=['[::1]', 'm'], ports=['3300', '6789']),
         (('::1', 3300), ('m', 6789)), ()),
        (info('rbd', hosts=['m']), (('m', 6789),), ()),
        (info('nfs', export='1.2.3.4:/share'), (('1.2.3.4', 2049),), ()),
        (info('nvmeof', portals=[['1.2.3.4', '4420', 'tcp']]),
         (('1.2.3.4', 4420),), ()),
        (info('nvmeof', target_portal='1.2.3.4', target_port=4421),
         (('1.2.3.4', 4421),), ()),
        (info('fibre_channel', target_wwn=['5']), (), ()),
        ({}, (), ()),
    )
    @ddt.unpack
    def test_targets(self, connection_info, portals, paths):
        self.assertEqual(reach.Targets(portals, paths),
                         reach.targets(connection_info))


class Probe(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.listener.close)
        self.open = '127.0.0.1:%d' % self.listener.getsockname()[1]
        closed = socket.create_server(('127.0.0.1', 0))
        self.closed = '127.0.0.1:%d' % closed.getsockname()[1]
        closed.close()

    def test_one_portal_is_enough(self):
        reach.probe('v', info('iscsi', target_portals=[
            self.closed, self.open]), 5)

    def test_no_portal_answers(self):
        error = self.assertRaises(
            exception.StorageUnreachable, reach.probe, 'v',
            info('iscsi', target_portals=[self.closed]), 5)
        self.assertIn(self.closed, str(error))

    @mock.patch.object(local.LocalConnector, 'check_valid_device',
                       autospec=True, return_value=False)
    def test_path_cannot_be_read(self, read):
        error = self.assertRaises(
            exception.StorageUnreachable, reach.probe, 'v',
            info('local', device_path='/dev/gone'), 5)
        self.assertIn('/dev/gone', str(error))
        read.assert_called_once_with(mock.ANY, '/dev/gone')

    @mock.patch.object(local.LocalConnector, 'check_valid_device',
                       autospec=True, return_value=True)
    def test_path_answers(self, read):
        reach.probe('v', info('local', device_path='/dev/there'), 5)
        read.assert_called_once_with(mock.ANY, '/dev/there')

    def test_type_that_cannot_be_tried(self):
        reach.probe('v', info('fibre_channel', target_wwn=['5']), 5)

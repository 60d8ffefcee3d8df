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

"""The story of a recovery, as an operator reads it at INFO."""

import logging

from nova_failover_ext.recovery.virt import interface
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world

LOGGER = 'nova_failover_ext.recovery'


class Story(base.Case):

    def setUp(self):
        super().setUp()
        self.context.request_id = 'req-f'

    def lines(self, around, **kwargs):
        with self.assertLogs(LOGGER, logging.INFO) as logs:
            self.recover(around, **kwargs)
        for record in logs.records:
            self.assertEqual(world.SERVER, record.instance.uuid)
        text = '\n'.join(record.getMessage() for record in logs.records)
        self.assertNotIn('canary', text)
        return text.splitlines()

    def test_data_volume(self):
        self.assertEqual(
            [('Recovering volume b (/dev/vdb) for failover req-f: replug, '
              'from local /primary/b to local /secondary/b')],
            self.lines(self.world(world.Volume('b'))))

    def test_root_volume(self):
        first, why, took = self.lines(self.world(world.Volume('a', 0)))
        self.assertIn(': power cycle, from ', first)
        self.assertEqual(
            'A power cycle is needed: the root volume has moved', why)
        self.assertRegex(took, r'The power cycle took \d+\.\d s')

    def test_guest_that_holds_the_device(self):
        around = self.world(world.Volume('b'))
        around.errors['release'] = interface.GuestHoldsDevice(
            device='vdb', reason="'auth_password': 'canary'")
        self.assertIn('A power cycle is needed', self.lines(around)[1])

    def test_nothing_to_do(self):
        around = self.world(world.Volume('b'))
        self.recover(around)
        with self.assertNoLogs(LOGGER, logging.INFO):
            self.recover(around)

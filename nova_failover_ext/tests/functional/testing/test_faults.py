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

"""Stock Nova while Cinder fails."""

import threading

from nova.tests.functional.api import client

from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.testing import base

Call = faults.Call


class Faults(base.FixtureTestBase):

    def setUp(self):
        super().setUp()
        self.server = self.boot()
        self.volume_id = self.cinder.volume()

    def outcomes(self, call):
        return [logged.outcome for logged in
                self.cinder.faults.made(call, self.volume_id)]

    def test_nova_asks_again(self):
        self.cinder.faults.fail(Call.ATTACHMENT_UPDATE, '500', times=4)
        self.attach(self.server, self.volume_id)
        self.assertEqual(['ClientException'] * 4 + ['answered'],
                         self.outcomes(Call.ATTACHMENT_UPDATE))

    def test_nova_gives_up(self):
        self.cinder.faults.fail(Call.ATTACHMENT_UPDATE, '500')
        self.assertRaises(client.OpenStackApiException, self._attach_volume,
                          self.server, self.volume_id)
        self.assertEqual(['ClientException'] * 5,
                         self.outcomes(Call.ATTACHMENT_UPDATE))
        self.assertEqual('available', self.cinder.status(self.volume_id))
        self.assertEqual({}, self.cinder.records)

    def test_the_driver_fails(self):
        self.cinder.faults.fail(Call.DRIVER)
        self.assertRaises(client.OpenStackApiException, self._attach_volume,
                          self.server, self.volume_id)
        self.assertEqual([self.volume_id] * 5,
                         self.cinder.cinder.removed_exports)

    def test_an_answer_is_lost(self):
        self.cinder.faults.fail(Call.ATTACHMENT_COMPLETE, 'timeout', times=1,
                                done=True)
        self.assertRaises(client.OpenStackApiException, self._attach_volume,
                          self.server, self.volume_id)
        self.assertEqual(['ConnectTimeout'],
                         self.outcomes(Call.ATTACHMENT_COMPLETE))

    def test_only_one_volume(self):
        other = self.cinder.volume()
        self.cinder.faults.fail(Call.SHOW_VOLUME, 'connection',
                                volume_id=self.volume_id)
        self.assertRaises(client.OpenStackApiException, self._attach_volume,
                          self.server, self.volume_id)
        self.attach(self.server, other)
        self.assertEqual({'in-use'}, {self.cinder.status(other)})

    def test_a_late_answer(self):
        held = self.cinder.faults.hold(Call.ATTACHMENT_UPDATE, done=True)
        caller = threading.Thread(target=self._attach_volume, args=(
            self.server, self.volume_id))
        caller.start()
        held.wait()
        self.assertEqual('attaching', self.cinder.status(self.volume_id))
        held.release()
        caller.join()
        self._wait_for_volume_attach(self.server['id'], self.volume_id)
        self.assertEqual('in-use', self.cinder.status(self.volume_id))

    def test_detach_without_a_service_token(self):
        self.attach(self.server, self.volume_id)
        self.cinder.session.service = False
        self.assertRaises(
            client.OpenStackApiException, self.api.delete_server_volume,
            self.server['id'], self.volume_id)
        self.assertEqual(['Refused'], self.outcomes(Call.ATTACHMENT_DELETE))
        attachment, = self.cinder.records.values()
        self.assertEqual('attached', attachment['status'])

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

"""A recovery on Nova's real services, with Nova's fakes at the edge."""

import threading

from nova import objects

from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.recovery import base

Call = faults.Call
Outcome = results.Outcome


class Recovery(base.FailoverTestBase):

    def assert_healed(self, server, volume_id, attachment_id):
        """Nova's and Cinder's records agree, and nothing is left open."""
        info = self.info(server, volume_id)
        self.assertEqual(self.cinder.path(volume_id, 'secondary'),
                         info['data']['device_path'])
        self.assertEqual(volume_id, info['serial'])
        self.assertEqual('secondary', info[staleness.STAMP])
        self.assertEqual(attachment_id,
                         self.bdm(server, volume_id).attachment_id)
        record = self.cinder.records[attachment_id]
        self.assertEqual('attached', record['status'])
        self.assertEqual(info['data']['device_path'],
                         record['connection_info']['data']['device_path'])
        self.assertIsNone(self.api.get_server(server['id'])[
            'OS-EXT-STS:task_state'])

    def test_data_volume_of_a_running_server(self):
        server = self.boot()
        self.attach(server, self.DATA)
        attachment_id = self.bdm(server, self.DATA).attachment_id
        before = self.disks(server)
        self.cinder.site = 'secondary'
        result = self.recover(server, self.DATA)
        self.assertEqual((Outcome.RECOVERED, False),
                         (result.outcome, result.power_cycled),
                         result.reason)
        self.assert_healed(server, self.DATA, attachment_id)
        after = dict(before, vdb=self.cinder.path(self.DATA))
        self.assertEqual(after, self.disks(server))
        self.assertNotEqual(before, after)

    def test_root_volume_of_a_running_server(self):
        server = self.boot(self.root())
        attachment_id = self.bdm(server, self.ROOT).attachment_id
        self.cinder.site = 'secondary'
        result = self.recover(server, self.ROOT)
        self.assertEqual((Outcome.RECOVERED, True),
                         (result.outcome, result.power_cycled),
                         result.reason)
        self.assert_healed(server, self.ROOT, attachment_id)
        self.assertEqual({'vda': self.cinder.path(self.ROOT)},
                         self.disks(server))
        self.assertEqual('ACTIVE',
                         self.api.get_server(server['id'])['status'])

    def test_what_a_volume_costs_cinder(self):
        server = self.boot(self.root())
        self.attach(server, self.DATA)
        self.cinder.site = 'secondary'
        before = len(self.cinder.faults.log)
        self.recover(server, self.ROOT, self.DATA)
        made = list(self.cinder.faults.log)[before:]
        for volume_id in (self.ROOT, self.DATA):
            self.assertEqual(
                [Call.SHOW_VOLUME, Call.ATTACHMENT_UPDATE, Call.DRIVER,
                 Call.ATTACHMENT_COMPLETE, Call.SHOW_VOLUME],
                [logged.call for logged in made
                 if logged.volume_id == volume_id])
        self.assertEqual(10, len(made))

    def test_stopped_server(self):
        server = self.boot(self.root())
        attachment_id = self.bdm(server, self.ROOT).attachment_id
        self._stop_server(server)
        self.cinder.site = 'secondary'
        result = self.recover(server, self.ROOT)
        self.assertEqual((Outcome.RECOVERED, False),
                         (result.outcome, result.power_cycled),
                         result.reason)
        self.assert_healed(server, self.ROOT, attachment_id)
        self._start_server(server)
        self.assertEqual({'vda': self.cinder.path(self.ROOT)},
                         self.disks(server))

    def test_healthy_server_is_left_alone(self):
        server = self.boot(self.root())
        before = self.all_attachments()
        result = self.recover(server, self.ROOT)
        self.assertEqual(Outcome.UNCHANGED, result.outcome, result.reason)
        self.assertEqual(before, self.all_attachments())
        self.assert_healthy(server)
        self.assertEqual([], self.actions(server))

    def test_owner_sees_the_action(self):
        server = self.boot(self.root())
        self.cinder.site = 'secondary'
        self.recover(server, self.ROOT)
        action, = self.actions(server)
        self.assertEqual(self.failover_id, action['request_id'])
        self.assertIsNone(action['message'])

    def test_unreachable_storage_leaves_all_as_it_was(self):
        server = self.boot(self.root())
        before = (self.unstamped(server, self.ROOT), self.disks(server),
                  self.all_attachments())
        self.cinder.site = 'secondary'
        self.read.return_value = False
        result = self.recover(server, self.ROOT)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertEqual(before, (
            self.unstamped(server, self.ROOT), self.disks(server),
            self.all_attachments()))
        event, = objects.InstanceActionEventList.get_by_action(
            self.context, objects.InstanceAction.get_by_request_id(
                self.context, server['id'], self.failover_id).id)
        self.assertEqual(('Deferred', result.reason),
                         (event.result, event.details))
        self.read.return_value = True
        result = self.recover(server, self.ROOT)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)

    def test_competing_actions_are_refused_meanwhile(self):
        server = self.boot(self.root())
        self.cinder.site = 'secondary'
        reached, go_on = threading.Event(), threading.Event()

        def wait(*args):
            reached.set()
            return go_on.wait(30)

        self.read.side_effect = wait
        outcome = []
        worker = threading.Thread(target=lambda: outcome.append(
            self.recover(server, self.ROOT).outcome))
        worker.start()
        self.assertTrue(reached.wait(30))
        for action in ({'reboot': {'type': 'HARD'}}, {'os-stop': None},
                       {'shelve': None}, {'pause': None}):
            error = self.assertRaises(
                base.client.OpenStackApiException,
                self.api.post_server_action, server['id'], action)
            self.assertEqual(409, error.response.status_code)
        self.assertEqual(staleness.TASK_STATE, self.api.get_server(
            server['id'])['OS-EXT-STS:task_state'])
        go_on.set()
        worker.join()
        self.assertEqual([Outcome.RECOVERED], outcome)

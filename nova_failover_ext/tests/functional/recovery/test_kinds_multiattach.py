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

"""Recoveries of volumes that several servers share."""

import threading

from nova_failover_ext.recovery import results
from nova_failover_ext.tests.functional.recovery import kinds

Outcome = results.Outcome


class Multiattach(kinds.KindsBase):

    HOSTS = ('compute1', 'compute2')

    def setUp(self):
        super().setUp()
        self.shared = self.cinder.volume(multiattach=True)
        self.old = self.cinder.path(self.shared)

    def servers(self, *hosts):
        """Boot servers that share the volume."""
        servers = [self.create(host=host) for host in hosts]
        servers = self.wait_for_all(servers, 'ACTIVE')
        for server in servers:
            self.attach(server, self.shared)
        return servers

    def stays(self, host):
        """Tell whether a host still has the old connection."""
        return self.old in self.hypervisor.connected[host]

    def test_two_servers_on_one_host(self):
        first, second = self.servers('compute1', 'compute1')
        written = self.written(first, self.shared)
        self.assertIn('<shareable>', written)
        self.cinder.site = 'secondary'
        self.heal(first, self.shared)
        self.assertTrue(self.stays('compute1'))
        self.assertEqual(self.old, self.disk(
            second, self.shared).find('./source').get('dev'))
        self.heal(second, self.shared)
        self.assertFalse(self.stays('compute1'))
        self.assertEqual(written, self.written(first, self.shared))
        for server in (first, second):
            self.assertTrue(self.info(server, self.shared)['multiattach'])
            self.assert_healthy(server)
        self.assert_no_old_connection()

    def test_two_servers_on_two_hosts(self):
        first, second = self.servers('compute1', 'compute2')
        self.cinder.site = 'secondary'
        self.heal(first, self.shared)
        self.assertEqual((False, True),
                         (self.stays('compute1'), self.stays('compute2')))
        self.heal(second, self.shared, host='compute2')
        self.assertFalse(self.stays('compute2'))
        self.assert_healthy(first)
        self.assert_healthy(second, 'compute2')
        self.assert_no_old_connection()

    def test_stopped_user_counts(self):
        first, second = self.servers('compute1', 'compute1')
        self._stop_server(second)
        self.cinder.site = 'secondary'
        self.heal(first, self.shared)
        self.assertTrue(self.stays('compute1'))
        self.heal(second, self.shared)
        self.assertFalse(self.stays('compute1'))
        self._start_server(second)
        self.assert_healthy(second)
        self.assert_no_old_connection()

    def test_both_at_the_same_time(self):
        servers = self.servers('compute1', 'compute1')
        self.cinder.site = 'secondary'
        outcomes = []
        workers = [threading.Thread(target=lambda each=server: outcomes.append(
            self.recover(each, self.shared).outcome)) for server in servers]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual([Outcome.RECOVERED] * 2, outcomes)
        self.assertFalse(self.stays('compute1'))
        for server in servers:
            self.assert_healthy(server)

    def test_last_user_detaches_the_new_one(self):
        first, second = self.servers('compute1', 'compute1')
        self.cinder.site = 'secondary'
        self.heal(first, self.shared)
        self.heal(second, self.shared)
        for server in (first, second):
            self.assertIn(self.cinder.path(self.shared),
                          self.hypervisor.connected['compute1'])
            self.api.delete_server_volume(server['id'], self.shared)
            self._wait_for_volume_detach(server['id'], self.shared)
        self.wait_for(
            lambda: self.cinder.path(self.shared)
            not in self.hypervisor.connected['compute1'], 'disconnect')
        self.assertEqual('available', self.cinder.status(self.shared))

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


"""What fails is tried again, and what was done is not done twice."""

import threading
from unittest import mock

import oslo_messaging as messaging

from nova_failover_ext.api import rpcapi
from nova_failover_ext.tests.functional.engine import base


class Refusals(base.EngineTestBase):
    """Cinder answers 503 while an array is promoted."""

    OPTIONS = {'max_in_flight_per_backend': 4}

    def test_fewer_at_a_time_and_tried_again(self):
        servers = self.boot_many(('compute1', 'compute2', 'compute3'))
        self.start_engine()
        self.wait_until_idle()
        self.assertEqual(4, self.progress()['limit'])
        self.cinder.faults.fail(base.QUESTION, '503', times=2)
        self.cinder.site = 'secondary'
        self.ask()
        self.wait_until_healed(*servers)
        self.assertLess(self.progress()['limit'], 4)
        outcomes = [self.outcomes(server) for server in servers]
        self.assertEqual(['recovered'] * 3, [each[-1] for each in outcomes])
        self.assertGreater(sum(map(len, outcomes)), 3)


class Silence(base.EngineTestBase):
    """The answer of a compute host is lost."""

    def setUp(self):
        super().setUp()
        real = rpcapi.ComputeFailoverAPI.recover_server

        def impatient(own, context, host, server_id, failover_id, volumes,
                      timeout, heartbeat, policy=None):
            try:
                return real(own, context, host, server_id, failover_id,
                            volumes, self.patience, heartbeat, policy)
            except messaging.MessagingTimeout:
                self.retries_exhausted.set()
                raise

        self.retries_exhausted = threading.Event()
        self.patience = base.base.PATIENCE
        self.enterContext(mock.patch.object(
            rpcapi.ComputeFailoverAPI, 'recover_server', impatient))

    def test_work_that_was_done_is_not_done_again(self):
        server, = self.boot_many(('compute3',), boot=True)
        self.cinder.site = 'secondary'
        held = self.hold(base.faults.Call.ATTACHMENT_COMPLETE)
        self.patience = 0.5
        self.start_engine()
        held.wait()
        self.assertTrue(self.retries_exhausted.wait(base.base.PATIENCE))
        self.patience = base.base.PATIENCE
        held.release()
        self.wait_until_healed(server)
        self.wait_until_idle()
        # Of Nova when it was made, and of its recovery.
        self.assertEqual(2, self.hypervisor.power_ons[server['id']])
        self.assertNotIn('recovered', self.outcomes(server)[1:])
        self.assertEqual(1, len(self.actions(server)))

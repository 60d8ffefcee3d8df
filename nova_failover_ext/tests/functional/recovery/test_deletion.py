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

"""A server that its owner deletes while it is being recovered."""

import concurrent.futures

import ddt

from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.recovery import base


@ddt.ddt
class Deleted(base.FailoverTestBase):
    """A deletion, which no task_state keeps off, waits for the recovery."""

    CAST_AS_CALL = False

    @ddt.data('root', 'data')
    def test_nothing_stays_on_the_host(self, kind):
        server = self.boot(getattr(self, kind)(self.DATA))
        self.cinder.site = 'secondary'
        held = self.cinder.faults.hold(faults.Call.ATTACHMENT_UPDATE)
        with concurrent.futures.ThreadPoolExecutor() as executor:
            recovering = executor.submit(self.recover, server, self.DATA)
            held.wait()
            # Nova's API sends the block device mappings of now with it.
            self.api.delete_server(server['id'])
            held.release()
            recovering.result()
        self._wait_until_deleted(server)
        self.wait_for(lambda: self.cinder.status(self.DATA) == 'available',
                      'detachment')
        self.assertEqual(set(), self.hypervisor.connected['compute1'])

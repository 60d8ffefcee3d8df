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
"""Parts of the control plane are down while the backend fails over."""

from cloud.services import registry
from cloud.tests import base


class OutageTest(base.CloudTestCase):
    """What was missed is found and healed."""

    core = True

    def test_engine_down_during_failover(self) -> None:
        """The engine starts after the failover; its first look heals."""
        before = self.snapshot()
        self.stage.stack.stop_one(registry.ENGINE.name)
        self.lose_primary()
        self.world.failover('secondary')
        self.stage.stack.start_one(registry.ENGINE.name)
        self.assert_recovers('secondary', before)

    def test_broker_down_during_failover(self) -> None:
        """RabbitMQ goes while the backend fails over, and returns later."""
        before = self.snapshot()
        self.lose_primary()
        folders = self.world.sites.folders
        folders.delay.write_text('15')
        self.addCleanup(folders.delay.unlink)
        self.world.request_failover('secondary')
        self.wait_started()
        self.stage.stack.stop_one('rabbitmq')
        self.world.wait_backend('secondary')
        self.stage.stack.start_one('rabbitmq')
        self.assert_recovers('secondary', before)

    def wait_started(self) -> None:
        """Wait until the driver has begun to fail over."""
        from cloud import waiting

        folders = self.world.sites.folders
        waiting.wait_for('the failover to begin',
                         (folders.root / 'control/failing-over').exists, 20)

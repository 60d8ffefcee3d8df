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

import collections
import re

from cloud.scenario import bus
from cloud.services import registry
from cloud.tests import base
from cloud import waiting

#: cinder-volume starts, and cannot be served by the broker.
WAITS = re.compile(r'Starting volume driver.*Connection failed', re.DOTALL)


class OutageTestCase(base.CloudTestCase):
    """Hands to take the broker away in the midst of a failover."""

    plugin = True

    def fail_over_without_broker(self) -> str:
        """Lose the primary, and RabbitMQ while the backend fails over.

        :returns: id of the failover; RabbitMQ is still down
        """
        self.lose_primary()
        folders = self.world.sites.folders
        folders.delay.write_text('15')
        self.addCleanup(folders.delay.unlink)
        failover = self.world.request_failover('secondary')
        waiting.wait_for('the failover to begin',
                         (folders.root / 'control/failing-over').exists, 20)
        self.stage.stack.stop_one('rabbitmq')
        self.world.wait_backend('secondary')
        return failover


class OutageTest(OutageTestCase):
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
        self.fail_over_without_broker()
        self.stage.stack.start_one('rabbitmq')
        self.assert_recovers('secondary', before)


class RestartTest(OutageTestCase):
    """What waits to be sent is lost with the process; a start makes it up."""

    def test_restart_without_broker(self) -> None:
        """cinder-volume is killed and started while RabbitMQ is down."""
        before = self.snapshot()
        earlier = bus.arrivals(self.stage.conf)
        failover = self.fail_over_without_broker()
        waiting.wait_for('the volumes to be written', self.written, 120)
        self.stage.stack.kill_one(registry.CINDER_VOLUME.name)
        self.start_without_broker()
        self.stage.stack.start_one('rabbitmq')
        self.assert_recovers('secondary', before)
        waiting.wait_for('the announcement', lambda: self.told(
            earlier, 'backend.announce'), 180)
        # Of the end of the failover itself nobody has ever heard.
        self.assertNotIn(failover, self.told(earlier, 'backend.failover.end'))

    def written(self) -> bool:
        """Whether each volume's row tells of the failover."""
        storage = self.world.admin.block_storage
        return all(storage.get_volume(case.volume).replication_status
                   == 'failed-over' for case in self.stage.affected())

    def start_without_broker(self) -> None:
        """Start cinder-volume, until it waits for RabbitMQ."""
        log = registry.CINDER_VOLUME.daemon(self.stage.conf).log
        size = log.stat().st_size
        self.stage.stack.start_one(registry.CINDER_VOLUME.name)
        waiting.wait_for(
            'cinder-volume to miss RabbitMQ', lambda: WAITS.search(
                log.read_bytes()[size:].decode(errors='replace')), 180)

    def told(self, earlier: collections.Counter, event: str) -> list[str]:
        """The failovers of which the engine has been told by an event.

        :param earlier: what had reached it before
        :param event: the type of event
        :returns: ids of failovers
        """
        new = bus.arrivals(self.stage.conf) - earlier
        return [failover for kind, backend, failover in new
                if (kind, backend) == (event, self.world.backend_host)]

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
"""Notifications that come twice, late, or from a liar change nothing."""

import copy

from cloud.scenario import bus
from cloud import settings
from cloud.tests import base


class NotificationTest(base.CloudTestCase):
    """State wins over messages."""

    core = True

    def test_duplicate_late_and_forged(self) -> None:
        """Notifications are sent again at three bad moments."""
        with bus.Capture(self.stage.conf) as capture:
            before = self.snapshot()
            self.world.failover('secondary')
            self.assert_recovers('secondary', before)
            capture.wait('backend.failover.end')
            sent = capture.messages()

            healthy = self.snapshot()
            for _time in range(2):
                self.replay(sent)
            self.assert_calm(healthy)

            self.world.failover('default')
            self.assert_recovers('primary', healthy)
            home = self.snapshot()
            self.replay(sent)
            self.forge(sent)
            self.assert_calm(home)
            self.assertNotIn(settings.CANARY, str(capture.messages()))

    def replay(self, sent: list[bus.Message]) -> None:
        """Send notifications again, just as they were."""
        bus.publish(self.stage.conf, sent)

    def forge(self, sent: list[bus.Message]) -> None:
        """Tell of failovers, of both backends, that never were."""
        for backend in ('little@repl', 'little@plain'):
            forged = copy.deepcopy(sent)
            for message in forged:
                data = message.payload['nova_object.data'] if (
                    'nova_object.data' in message.payload
                ) else next(value for key, value in message.payload.items()
                            if key.endswith('.data'))
                data.update(backend=backend, failover_id='req-forged',
                            new_active_backend_id='secondary')
            bus.publish(self.stage.conf, forged)

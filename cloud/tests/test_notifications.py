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

import collections
import copy

from cloud.scenario import bus
from cloud import settings
from cloud.tests import base
from cloud import waiting


class NotificationTest(base.CloudTestCase):
    """State wins over messages."""

    core = True
    plugin = True

    def setUp(self) -> None:
        """Note what has reached the engine before."""
        super().setUp()
        self.earlier = bus.arrivals(self.stage.conf)
        self.expected: collections.Counter = collections.Counter()

    def test_duplicate_late_and_forged(self) -> None:
        """Notifications are sent again at three bad moments."""
        with bus.Capture(self.stage.conf) as capture:
            before = self.snapshot()
            failover = self.world.failover('secondary')
            self.assert_recovers('secondary', before)
            sent = waiting.wait_for(
                'its notifications', lambda: self.sent(capture, failover), 120)
            self.wait_arrivals(sent)

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

    def sent(self, capture: bus.Capture, failover: str) -> list[bus.Message]:
        """The notifications of a failover, once its end is among them.

        The queue of the capture also keeps what came since an earlier run.
        """
        mine = [message for message in capture.messages()
                if self.data(message)['failover_id'] == failover]
        return mine if any(message.event == 'backend.failover.end'
                           for message in mine) else []

    def replay(self, sent: list[bus.Message]) -> None:
        """Send notifications again, just as they were."""
        bus.publish(self.stage.conf, sent)
        self.wait_arrivals(sent)

    def forge(self, sent: list[bus.Message]) -> None:
        """Tell of failovers, of both backends, that never were."""
        for backend in ('little@repl', 'little@plain'):
            forged = copy.deepcopy(sent)
            for message in forged:
                self.data(message).update(
                    backend=backend, failover_id='req-forged',
                    new_active_backend_id='secondary')
            bus.publish(self.stage.conf, forged)
            self.wait_arrivals(forged)

    @staticmethod
    def data(message: bus.Message) -> dict:
        """What a notification says, without its envelope."""
        return next(value for key, value in message.payload.items()
                    if key.endswith('.data'))

    def wait_arrivals(self, sent: list[bus.Message]) -> None:
        """Wait until the engine has got all notifications of this test.

        :param sent: those that were sent since the last wait
        """
        self.assertNotEqual([], sent)
        for message in sent:
            data = self.data(message)
            self.expected[message.event, data['backend'],
                          data['failover_id']] += 1
        waiting.wait_for(
            f'the engine to get {dict(self.expected)}',
            lambda: bus.arrivals(self.stage.conf) - self.earlier
            >= self.expected, 120)

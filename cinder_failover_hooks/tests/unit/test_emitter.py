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

"""Sending in the background."""

from collections.abc import Iterable
import threading
from typing import Any

import fixtures
import oslo_messaging

from cinder_failover_hooks import emitter
from cinder_failover_hooks import notifications
from cinder_failover_hooks import payloads
from cinder_failover_hooks import retry
from cinder_failover_hooks import state
from cinder_failover_hooks.tests.unit import base


class FakeBackend:
    """A backend with a few volumes."""

    name = base.BACKEND

    def __init__(self, *volumes: state.Volume) -> None:
        self._volumes = volumes
        #: sizes of pages that were asked for
        self.sizes: list[int] = []

    def read_state(self) -> state.BackendState:
        """Return a state."""
        return base.SECONDARY

    def read_volumes(self, size: int,
                     attempt: retry.Retry) -> Iterable[state.Volume]:
        """Return the volumes."""
        self.sizes.append(size)
        return self._volumes


class FakeBus:
    """Keeps what is sent, or refuses it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str, str, dict[str, Any]]] = []
        #: raised by the next sends, one each; None lets one through
        self.errors: list[Exception | None] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, transport: Any, topic: str, publisher_id: str,
                 event_type: str, priority: str,
                 payload: dict[str, Any]) -> None:
        """Send one notification."""
        self.gate.wait()
        error = self.errors.pop(0) if self.errors else None
        if error:
            raise error
        self.sent.append((topic, publisher_id, event_type, priority, payload))


class TestEmitter(base.TestCase):
    """From a header to what is on the bus."""

    def setUp(self) -> None:
        """Send to a list."""
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.useFixture(base.Patch(
            oslo_messaging, 'get_notification_transport'))
        self.bus = FakeBus()

    def _emitter(self, *volumes: state.Volume,
                 **options: Any) -> emitter.Emitter:
        options.setdefault('retry_interval', 0.01)
        self.backend = FakeBackend(*volumes)
        return emitter.Emitter(self.config(**options), self.backend, self.bus)

    def test_end_names_the_volumes(self) -> None:
        """On the default topic, with the right names and priority."""
        made = self._emitter(base.ATTACHED)
        made.emit(base.header(), with_volumes=True)
        made.worker.wait()
        [(topic, publisher, event, priority, payload)] = self.bus.sent
        self.assertEqual(
            ('failover_notifications', 'volume.ctl1@rbd',
             notifications.END, 'info'), (topic, publisher, event, priority))
        found = notifications.from_notification(payload)
        self.assertEqual(base.ATTACHED.volume_id, found.volumes[0].volume_id)

    def test_start_reads_no_volumes(self) -> None:
        """It must not keep the end waiting."""
        made = self._emitter(base.ATTACHED)
        made.emit(base.header(event_type=notifications.START),
                  with_volumes=False)
        made.worker.wait()
        self.assertEqual([], self.backend.sizes)
        found = notifications.from_notification(self.bus.sent[0][-1])
        self.assertEqual(([], True), (found.volumes, found.last))

    def test_error_has_error_priority(self) -> None:
        """A listener can subscribe to errors alone."""
        made = self._emitter()
        made.emit(base.header(event_type=notifications.ERROR), True)
        made.worker.wait()
        self.assertEqual('error', self.bus.sent[0][3])

    def test_every_topic_gets_every_part(self) -> None:
        """Parts of the configured size."""
        made = self._emitter(*[base.ATTACHED] * 3, part_size=2,
                             topics=['one', 'two'])
        made.emit(base.header(), True)
        made.worker.wait()
        self.assertEqual([2], self.backend.sizes)
        self.assertEqual(
            [('one', 1), ('two', 1), ('one', 2), ('two', 2)],
            [(one[0], one[-1]['failover_object.data']['part'])
             for one in self.bus.sent])

    def test_a_broker_that_comes_back(self) -> None:
        """Nothing is lost, nothing overtakes."""
        made = self._emitter()
        self.bus.errors = [oslo_messaging.MessageDeliveryFailure('down')] * 2
        made.emit(base.header(event_type=notifications.START), False)
        made.emit(base.header(), True)
        made.worker.wait()
        self.assertEqual([notifications.START, notifications.END],
                         [one[2] for one in self.bus.sent])
        self.assertNotIn('Dropped', self.log.output)

    def test_a_broker_that_stays_away(self) -> None:
        """One line in the log, and no further part is tried."""
        made = self._emitter(*[base.ATTACHED] * 3, part_size=1,
                             retry_timeout=0)
        self.bus.errors = [oslo_messaging.MessageDeliveryFailure('down')]
        made.emit(base.header(), True)
        made.worker.wait()
        self.assertEqual([], self.bus.sent)
        self.assertEqual(1, self.log.output.count('Dropped'))
        self.assertIn(base.REQUEST, self.log.output)

    def test_the_caller_does_not_wait_for_a_hanging_broker(self) -> None:
        """The calls below would never return."""
        made = self._emitter(base.ATTACHED)
        self.bus.gate.clear()
        made.emit(base.header(event_type=notifications.START), False)
        made.emit(base.header(), True)
        self.assertEqual([], self.bus.sent)
        self.bus.gate.set()
        made.worker.wait()
        self.assertEqual(2, len(self.bus.sent))

    def test_what_is_made_later_sees_the_state_of_then(self) -> None:
        """The announcement reads the records in the background."""
        def make(now: state.BackendState) -> payloads.Header:
            return base.header(event_type=notifications.ANNOUNCE, now=now)

        made = self._emitter(base.ATTACHED)
        made.emit_later(notifications.ANNOUNCE, base.REQUEST, make)
        made.worker.wait()
        found = notifications.from_notification(self.bus.sent[0][-1])
        self.assertEqual('site-b', found.new_active_backend_id)
        self.assertEqual([], found.volumes)

    def test_the_transport_is_that_of_notifications(self) -> None:
        """And it is made once."""
        made = self._emitter()
        made.emit(base.header(), True)
        made.emit(base.header(), True)
        made.worker.wait()
        oslo_messaging.get_notification_transport.assert_called_once_with(
            made._conf)

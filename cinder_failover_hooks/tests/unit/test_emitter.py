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
import logging
import threading
from typing import Any
from unittest import mock

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
        #: groups and sizes of pages that were asked for
        self.asked: list[tuple[str | None, int]] = []
        #: ids of groups by their replication status
        self.groups: dict[str, list[str]] = {}
        self.state = base.SECONDARY

    def read_state(self) -> state.BackendState:
        """Return a state."""
        return self.state

    def read_groups(self, status: str) -> list[str]:
        """Return ids of groups."""
        return self.groups.get(status, [])

    def read_volumes(self, group_id: str | None, size: int,
                     attempt: retry.Retry) -> Iterable[state.Volume]:
        """Return the volumes."""
        self.asked.append((group_id, size))
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

    def test_the_log_tells_what_was_sent_to_whom(self) -> None:
        """How many volumes, in all parts; the start is logged elsewhere."""
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        made = self._emitter(*[base.ATTACHED] * 3, part_size=2,
                             topics=['one', 'two'])
        made.emit(base.header(event_type=notifications.START), False)
        made.emit(base.header(), True)
        made.emit(base.header(group_id='g'), True)
        made.worker.wait()
        self.assertEqual([
            'Sent backend.failover.end of backend ctl1@rbd (%s) to topics '
            'one, two: the backend is on site-b; affected volumes: 3.'
            % base.REQUEST,
            'Sent backend.failover.end of group g of backend ctl1@rbd (%s) '
            'to topics one, two: affected volumes: 3.' % base.REQUEST],
            log.output.splitlines())

    def test_the_log_tells_why_it_failed(self) -> None:
        """In the words of the notification."""
        made = self._emitter()
        made.emit(base.header(event_type=notifications.ERROR,
                              reason='The array is down.'), True)
        made.worker.wait()
        self.assertIn('affected volumes: 0; The array is down.\n',
                      self.log.output)

    def test_start_reads_no_volumes(self) -> None:
        """It must not keep the end waiting."""
        made = self._emitter(base.ATTACHED)
        made.emit(base.header(event_type=notifications.START),
                  with_volumes=False)
        made.worker.wait()
        self.assertEqual([], self.backend.asked)
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
        self.assertEqual([(None, 2)], self.backend.asked)
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
        self.assertEqual([], self._sent(notifications.END))
        self.assertEqual(1, self.log.output.count('Dropped'))
        self.assertIn(base.REQUEST, self.log.output)
        self.assertNotIn('Traceback', self.log.output)

    def test_the_state_is_announced_instead_of_what_was_dropped(self) -> None:
        """Once, and as long as it takes, whatever the retry timeout says."""
        made = self._emitter(retry_timeout=0, retry_max_interval=0.01)
        self.bus.errors = [oslo_messaging.MessageDeliveryFailure('down')] * 9
        self.bus.gate.clear()
        made.emit(base.header(event_type=notifications.START), False)
        made.emit(base.header(), True)
        self.bus.gate.set()
        made.worker.wait()
        self.assertEqual([notifications.ANNOUNCE],
                         [one[2] for one in self.bus.sent])
        self.bus.errors = [oslo_messaging.MessageDeliveryFailure('down')]
        made.emit(base.header(), True)
        made.worker.wait()
        self.assertEqual(2, len(self._sent(notifications.ANNOUNCE)))

    def test_the_state_is_announced_instead_of_what_had_no_room(self) -> None:
        """Once, and after all that had."""
        self.useFixture(fixtures.MonkeyPatch(
            'cinder_failover_hooks.worker.BACKLOG', 2))
        made = self._emitter()
        entered = threading.Event()

        def send(transport: Any, topic: str, publisher_id: str,
                 event_type: str, priority: str,
                 payload: dict[str, Any]) -> None:
            entered.set()
            self.bus(transport, topic, publisher_id, event_type, priority,
                     payload)

        made._send = send
        self.bus.gate.clear()
        made.emit(base.header(event_type=notifications.START), False)
        self.assertTrue(entered.wait(10))
        for _ in range(5):
            made.emit(base.header(), True)
        self.assertEqual(3, self.log.output.count('Dropped'))
        self.bus.gate.set()
        made.worker.wait()
        self.assertEqual(
            [notifications.START, notifications.END, notifications.END,
             notifications.ANNOUNCE], [one[2] for one in self.bus.sent])

    def test_an_announcement_that_has_no_room_itself(self) -> None:
        """It is tried again after the next notification."""
        made = self._emitter(retry_timeout=0)
        self.bus.errors = [oslo_messaging.MessageDeliveryFailure('down')]
        with mock.patch.object(made.worker, 'submit', autospec=True,
                               return_value=False):
            made._do('notification', lambda: made._send_one(
                'topic', notifications.START, {}))
        self.assertEqual([], self.bus.sent)
        made.emit(base.header(), True)
        made.worker.wait()
        self.assertEqual([notifications.END, notifications.ANNOUNCE],
                         [one[2] for one in self.bus.sent])

    def test_a_defect_is_not_followed_by_an_announcement(self) -> None:
        """The announcement would fail in the same way."""
        made = self._emitter()
        self.bus.errors = [TypeError()]
        made.emit(base.header(), True)
        made.worker.wait()
        self.assertEqual([], self.bus.sent)
        self.assertIn('Traceback', self.log.output)

    def test_the_end_of_the_process_ends_the_announcement(self) -> None:
        """It is made at the next start."""
        made = self._emitter(retry_timeout=0)
        tried: list[str] = []

        def send(transport: Any, topic: str, publisher_id: str,
                 event_type: str, priority: str,
                 payload: dict[str, Any]) -> None:
            tried.append(event_type)
            if event_type == notifications.ANNOUNCE:
                made.worker.stop()
            raise oslo_messaging.MessageDeliveryFailure('down')

        made._send = send
        made.emit(base.header(), True)
        made.worker.wait()
        self.assertEqual([notifications.END, notifications.ANNOUNCE], tried)

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

    def test_what_is_made_later(self) -> None:
        """The header is made in the background, the volumes are read then."""
        def make(attempt: retry.Retry) -> payloads.Header:
            now = attempt('reading', self.backend.read_state)
            return base.header(now=now, group_id=base.GROUP)

        made = self._emitter(base.ATTACHED)
        made.emit_later('end', make)
        made.worker.wait()
        found = notifications.from_notification(self.bus.sent[0][-1])
        self.assertEqual('site-b', found.new_active_backend_id)
        self.assertEqual(1, len(found.volumes))
        self.assertEqual(base.GROUP, self.backend.asked[0][0])

    def test_announcement(self) -> None:
        """The state of the backend at that time, and no volumes."""
        made = self._emitter(base.ATTACHED)
        made.announce()
        made.worker.wait()
        [found] = self._announced()
        self.assertEqual(
            ('announcement', None, 'site-b', [], None, None),
            (found.cause, found.old_active_backend_id,
             found.new_active_backend_id, found.volumes, found.group_id,
             found.reason))
        self.assertTrue(found.failover_id.startswith('req-'))

    def test_groups_at_another_site_are_announced_with_volumes(
            self) -> None:
        """The record of the backend does not tell of them."""
        made = self._emitter(base.ATTACHED)
        self.backend.groups = {'failed-over': [base.GROUP]}
        made.announce()
        made.worker.wait()
        self.assertEqual([None], [one.group_id for one in self._announced()])
        self.backend.state = base.PRIMARY
        made.announce()
        made.worker.wait()
        backend, group = self._announced()[1:]
        self.assertEqual((None, [], base.GROUP, 1), (
            backend.group_id, backend.volumes, group.group_id,
            len(group.volumes)))
        self.assertEqual(backend.failover_id, group.failover_id)

    def test_a_member_that_has_not_switched_is_announced(self) -> None:
        """Its driver is not where its cluster is."""
        made = self._emitter()
        self.backend.state = base.clustered(None, 'enabled')
        made.announce()
        made.worker.wait()
        self.assertIn('has not switched', self._announced()[0].reason)

    def _sent(self, event_type: str) -> list[dict[str, Any]]:
        return [one[-1] for one in self.bus.sent if one[2] == event_type]

    def _announced(self) -> list[Any]:
        return [notifications.from_notification(payload)
                for payload in self._sent(notifications.ANNOUNCE)]

    def test_the_transport_is_that_of_notifications(self) -> None:
        """And it is made once."""
        made = self._emitter()
        made.emit(base.header(), True)
        made.emit(base.header(), True)
        made.worker.wait()
        oslo_messaging.get_notification_transport.assert_called_once_with(
            made._conf)

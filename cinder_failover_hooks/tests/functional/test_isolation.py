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

"""A failover does not depend on its notifications."""

import threading
from typing import Any

from cinder import context
from cinder.volume import manager as stock
import oslo_messaging

from cinder_failover_hooks import manager
from cinder_failover_hooks import notifications
from cinder_failover_hooks.testing import replicated_backend as testing
from cinder_failover_hooks.tests.functional import base
from cinder_failover_hooks import upstream


class IsolationTestCase(base.FailoverTestCase):
    """Calls the manager as RPC does, and sees that it comes back."""

    def fail_over_here(self, target: str = 'site-b') -> None:
        """Run a failover to its end, in this thread.

        :param target: the replication target
        """
        ctxt = context.RequestContext('user', 'project', is_admin=True)
        self.volume.manager.failover_host(ctxt, target)

    def replace_send(self, send: Any) -> None:
        """Send by something else from now on.

        :param send: takes what ``upstream.send`` takes
        """
        self.volume.manager._reporter.emitter._send = send


class Broker:
    """Takes the place of ``upstream.send``, and is down at first."""

    def __init__(self) -> None:
        self._send = upstream.send
        self.up = threading.Event()
        #: event types that could not be sent
        self.tried: set[str] = set()

    def send(self, transport: Any, topic: str, publisher_id: str,
             event_type: str, priority: str, payload: dict[str, Any]) -> None:
        """Send a notification if the broker is up."""
        if not self.up.is_set():
            self.tried.add(event_type)
            raise oslo_messaging.MessageDeliveryFailure('broker is down')
        self._send(transport, topic, publisher_id, event_type, priority,
                   payload)

    def wait_for(self, *event_types: str) -> None:
        """Wait until it was tried to send some.

        :param event_types: which
        """
        testing.wait_until('an attempt to send %s' % ', '.join(event_types),
                           lambda: self.tried.issuperset(event_types))


class TestBroker(IsolationTestCase):
    """The message bus is not there when it is needed."""

    def test_a_broker_that_is_down_and_comes_back(self) -> None:
        """The failover is done meanwhile, the listener learns of it later."""
        volume_id = self.attached(self.replicated)[0]
        bus = Broker()
        self.replace_send(bus.send)
        self.fail_over_here()
        self.assertEqual(('failed-over', 'site-b', True, 'failed-over'),
                         self.service_row())
        self.assertEqual(('in-use', 'failed-over'), self.rows()[volume_id])
        bus.wait_for(notifications.START)
        self.assertEqual([], self.notifications.of(notifications.START))
        bus.up.set()
        self.notifications.wait_for(notifications.START)
        [end] = self.notifications.wait_for(notifications.END)
        self.assertEqual(volume_id, end.payload.volumes[0].volume_id)

    def test_a_broker_that_is_away_for_longer_than_we_retry(self) -> None:
        """What was dropped is made up for, what came later follows."""
        self.notifications.wait_for(notifications.ANNOUNCE)
        self.configure_hooks(retry_timeout=0, retry_max_interval=0.01)
        bus = Broker()
        self.replace_send(bus.send)
        self.fail_over_here()
        bus.wait_for(notifications.START, notifications.ANNOUNCE)
        bus.up.set()
        [end] = self.notifications.wait_for(notifications.END)
        self.assertEqual('site-b', end.payload.new_active_backend_id)
        self.assertEqual(
            [notifications.ANNOUNCE] * 2 + [notifications.END],
            [one.event_type for one in self.notifications.received])

    def test_a_restart_while_the_broker_is_down(self) -> None:
        """What waited is lost with the process; the next one announces."""
        self.notifications.wait_for(notifications.ANNOUNCE)
        group = self.make_group()
        inside = self.attached(self.replicated, group_id=group)[0]
        self.replicate_group(group)
        self.fail_over_here()
        self.notifications.wait_for(notifications.END)
        bus = Broker()
        self.replace_send(bus.send)
        self.fail_over_here('default')
        bus.wait_for(notifications.START)
        self.fail_group_over(group)
        self.wait_for_status('groups', group, 'failing-over',
                             'replication_status')
        bus.tried.clear()
        self.kill()
        self.patch('cinder_failover_hooks.upstream.send', bus.send)
        self.volume = self.start_service('volume')
        bus.wait_for(notifications.ANNOUNCE)
        bus.up.set()
        backend, diverged = self.notifications.wait_for(
            notifications.ANNOUNCE, 3)[1:]
        self.assertEqual(
            (None, None, 'enabled'),
            (backend.payload.group_id, backend.payload.new_active_backend_id,
             backend.payload.replication_status))
        self.assertEqual((group, [inside]), (
            diverged.payload.group_id,
            [volume.volume_id for volume in diverged.payload.volumes]))
        self.assertEqual(1, len(self.notifications.of(notifications.START)))
        self.assertEqual(1, len(self.notifications.of(notifications.END)))

    def kill(self) -> None:
        """End the volume service, and what it has not sent with it."""
        waiting = self.volume.manager._reporter.emitter.worker
        self.volume.stop()
        waiting.stop()
        waiting.wait()

    def test_a_broker_that_never_answers(self) -> None:
        """The failover, and the next one, are not delayed."""
        forever, entered = threading.Event(), threading.Event()
        self.addCleanup(forever.set)

        def send(*args: Any) -> None:
            entered.set()
            forever.wait()

        self.replace_send(send)
        self.fail_over_here()
        self.assertTrue(entered.wait(10))
        self.assertEqual('failed-over', self.service_row()[0])
        self.fail_over_here('default')
        self.assertEqual('enabled', self.service_row()[0])

    def test_an_error_of_ours(self) -> None:
        """Nothing that our code does wrong reaches Cinder."""
        self.replace_send(None)
        self.fail_over_here()
        self.volume.manager._reporter.emitter.worker.wait()
        self.assertEqual('failed-over', self.service_row()[0])

    def test_a_state_that_cannot_be_read(self) -> None:
        """The same for what is read in the thread of the failover."""
        self.patch('cinder_failover_hooks.upstream.CinderBackend.read_state',
                   autospec=True, side_effect=RuntimeError)
        self.fail_over_here()
        self.assertEqual('failed-over', self.service_row()[0])


class TestErrors(IsolationTestCase):
    """What Cinder itself raises is raised all the same."""

    def test_what_the_base_class_raises(self) -> None:
        """Reported, masked, and raised as it was."""
        self.patch(
            'cinder.volume.manager.VolumeManager.finish_failover',
            autospec=True, side_effect=ValueError("password = 'canary'"))
        self.assertRaises(ValueError, self.fail_over_here)
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertIn('ValueError', error.payload.reason)
        self.assertNotIn('canary', error.payload.reason)
        self.assertEqual([], self.notifications.of(notifications.END))

    def test_both_rpc_names_are_ours(self) -> None:
        """The base class binds its own function to the second."""
        ours = manager.FailoverVolumeManager
        self.assertIs(ours.failover, ours.failover_host)
        self.assertIsNot(stock.VolumeManager.failover, ours.failover)
        self.assertIs(stock.VolumeManager.target, ours.target)


class TestSwitchedOff(IsolationTestCase):
    """``enabled = false`` is stock Cinder."""

    def configure_hooks(self, **options: Any) -> None:
        """Switch everything off."""
        super().configure_hooks(enabled=False, **options)

    def test_nothing_is_sent_and_the_failover_works(self) -> None:
        """No announcement, no thread, the rows as ever."""
        volume_id = self.attached(self.replicated)[0]
        self.fail_over_here()
        self.fail_over_here('default')
        self.fail_over_here()
        self.assertEqual(('in-use', 'failed-over'), self.rows()[volume_id])
        self.assertIsNone(
            self.volume.manager._reporter.emitter.worker._thread)
        self.assertEqual([], self.notifications.received)


class TestAnnouncement(base.FailoverTestCase):
    """The state of the backend at every start of its service."""

    def test_at_the_first_start(self) -> None:
        """On its primary, without volumes."""
        [announced] = self.notifications.wait_for(notifications.ANNOUNCE)
        self.assertEqual(
            ('announcement', base.BACKEND, None, None, 'enabled', []),
            (announced.payload.cause, announced.payload.backend,
             announced.payload.old_active_backend_id,
             announced.payload.new_active_backend_id,
             announced.payload.replication_status,
             announced.payload.volumes))

    def test_after_a_restart_while_failed_over(self) -> None:
        """Whoever missed the failover learns of it."""
        self.fail_over()
        self.notifications.wait_for(notifications.END)
        self.volume.stop()
        self.volume = super().start_service('volume', host=base.BACKEND)
        announced = self.notifications.wait_for(
            notifications.ANNOUNCE, 2)[1]
        self.assertEqual(
            ('site-b', 'failed-over'),
            (announced.payload.new_active_backend_id,
             announced.payload.replication_status))

    def test_a_driver_that_is_not_initialized(self) -> None:
        """It serves nobody, and is not announced."""
        self.notifications.wait_for(notifications.ANNOUNCE)
        self.patch('cinder_failover_hooks.reporter.Reporter.announce',
                   autospec=True)
        self.volume.manager.driver._initialized = False
        self.volume.manager.init_host_with_rpc()
        self.volume.manager._reporter.announce.assert_not_called()
        self.volume.manager.driver._initialized = True
        self.volume.manager.init_host_with_rpc()
        self.assertEqual(
            1, self.volume.manager._reporter.announce.call_count)

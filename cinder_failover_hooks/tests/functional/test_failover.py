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

"""Failover and failback through the API, seen by a listener."""

import threading
from typing import Any

from cinder.cmd import manage
from cinder import context
from cinder.db import api as db

from cinder_failover_hooks import notifications
from cinder_failover_hooks.testing import replicated_backend as testing
from cinder_failover_hooks.tests.functional import base


class TestFailover(base.FailoverTestCase):
    """One backend, failed over by an operator."""

    def test_failover(self) -> None:
        """Start, then end with what is true once the rows are saved."""
        volume_id, attachment_id, server_id = self.attached(self.replicated)
        idle = self.make_volume(self.replicated)
        self.fail_over()
        [end] = self.notifications.wait_for(notifications.END)
        [start] = self.notifications.wait_for(notifications.START)
        self.assertEqual(
            (None, 'site-b', 'failed-over', 'failover', 1, True, None),
            (end.payload.old_active_backend_id,
             end.payload.new_active_backend_id,
             end.payload.replication_status, end.payload.cause,
             end.payload.part, end.payload.last, end.payload.reason))
        [volume] = end.payload.volumes
        [attachment] = volume.attachments
        self.assertEqual(
            (volume_id, 'in-use', 'failed-over', None),
            (volume.volume_id, volume.status, volume.replication_status,
             volume.reason))
        self.assertEqual(
            (attachment_id, server_id, 'cmp1'),
            (attachment.attachment_id, attachment.server_id,
             attachment.host))
        self.assertEqual([], start.payload.volumes)
        self.assertEqual(start.payload.failover_id, end.payload.failover_id)
        self.assertTrue(end.payload.failover_id.startswith('req-'))
        self.assertEqual('volume.%s' % base.BACKEND, end.publisher_id)
        # What the database had at the moment the end came in.
        rows = next(rows for one, rows in self.seen if one is end)
        self.assertEqual(('in-use', 'failed-over'), rows[volume_id])
        self.assertEqual(('available', 'failed-over'), rows[idle])
        self.assertEqual(('failed-over', 'site-b', True, 'failed-over'),
                         rows['service'])

    def test_order(self) -> None:
        """Announcement, start, end, in this order."""
        self.notifications.wait_for(notifications.ANNOUNCE)
        self.fail_over()
        self.notifications.wait_for(notifications.END)
        self.assertEqual(
            [notifications.ANNOUNCE, notifications.START, notifications.END],
            [one.event_type for one in self.notifications.received])

    def test_start_comes_before_the_driver_has_moved(self) -> None:
        """And the end does not come while the driver works."""
        with self.backend.held('failover_host'):
            self.fail_over()
            [start] = self.notifications.wait_for(notifications.START)
            self.backend.wait_for_call('failover_host')
            self.assertEqual(
                (None, None), (start.payload.old_active_backend_id,
                               start.payload.new_active_backend_id))
            self.assertEqual([], self.notifications.of(notifications.END))
        self.notifications.wait_for(notifications.END)

    def test_failback(self) -> None:
        """The same path, back to the primary."""
        volume_id = self.attached(self.replicated)[0]
        self.fail_over()
        self.notifications.wait_for(notifications.END)
        self.fail_over('default')
        end = self.notifications.wait_for(notifications.END, 2)[1]
        self.assertEqual(
            ('failback', 'site-b', None, 'enabled'),
            (end.payload.cause, end.payload.old_active_backend_id,
             end.payload.new_active_backend_id,
             end.payload.replication_status))
        self.assertEqual('enabled', end.payload.volumes[0].replication_status)
        rows = next(rows for one, rows in self.seen if one is end)
        self.assertEqual(('in-use', 'enabled'), rows[volume_id])
        self.assertEqual(('enabled', None, False, ''), rows['service'])

    def test_the_target_is_left_to_the_driver(self) -> None:
        """Without a backend id, the driver chooses."""
        self.fail_over(None)
        [end] = self.notifications.wait_for(notifications.END)
        self.assertEqual('site-b', end.payload.new_active_backend_id)

    def test_non_replicated_volumes_are_named_with_their_reason(self) -> None:
        """Cinder sets them to error; nobody is to wonder why."""
        lost = self.attached(self.plain)[0]
        idle_and_lost = self.make_volume(self.plain)
        self.fail_over()
        [end] = self.notifications.wait_for(notifications.END)
        self.assertEqual(
            {lost: ('error', 'not-capable', 'The volume is not replicated.'),
             idle_and_lost: ('error', 'not-capable',
                             'The volume is not replicated.')},
            {volume.volume_id: (volume.status, volume.replication_status,
                                volume.reason)
             for volume in end.payload.volumes})

    def test_a_volume_that_the_driver_could_not_fail_over(self) -> None:
        """It is named, with what its row says."""
        volume_id = self.attached(self.replicated)[0]
        self.backend.script.set_updates(
            volume_id, {'replication_status': 'failover-error'})
        self.fail_over()
        [end] = self.notifications.wait_for(notifications.END)
        [volume] = end.payload.volumes
        self.assertEqual(('error', 'failover-error'),
                         (volume.status, volume.replication_status))
        self.assertIn('could not fail this volume over', volume.reason)

    def test_parts(self) -> None:
        """As many as it takes, each with its number."""
        self.configure_hooks(part_size=2)
        made = {self.attached(self.replicated)[0] for _ in range(5)}
        self.fail_over()
        ends = self.notifications.wait_for(notifications.END, 3)
        self.assertEqual([(1, False), (2, False), (3, True)],
                         [(end.payload.part, end.payload.last)
                          for end in ends])
        self.assertEqual(made, {volume.volume_id for end in ends
                                for volume in end.payload.volumes})


class TestSecondaries(base.FailoverTestCase):
    """More than one place to go to."""

    targets = ('site-b', 'site-c')

    def test_from_one_secondary_to_another_and_back(self) -> None:
        """A failover that starts failed over."""
        volume_id = self.attached(self.replicated)[0]
        ways = [('site-b', None, 'site-b', 'failed-over', 'failover'),
                ('site-c', 'site-b', 'site-c', 'failed-over', 'failover'),
                ('default', 'site-c', None, 'enabled', 'failback')]
        for count, (target, old, new, status, cause) in enumerate(ways, 1):
            self.fail_over(target)
            end = self.notifications.wait_for(notifications.END, count)[-1]
            self.assertEqual(
                (old, new, status, cause, target),
                (end.payload.old_active_backend_id,
                 end.payload.new_active_backend_id,
                 end.payload.replication_status, end.payload.cause,
                 end.payload.target))
            [volume] = end.payload.volumes
            self.assertEqual((volume_id, status, None), (
                volume.volume_id, volume.replication_status, volume.reason))

    def test_to_where_it_is(self) -> None:
        """Refused by the driver, so that nothing has moved."""
        self.fail_over()
        self.notifications.wait_for(notifications.END)
        self.fail_over('nowhere')
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertIn('still at site-b', error.payload.reason)


class TestMeanwhile(base.FailoverTestCase):
    """What happens while a failover goes on."""

    def test_another_failover(self) -> None:
        """Refused by Cinder's API: there is one start and one end."""
        with self.backend.held('failover_host'):
            self.fail_over()
            self.backend.wait_for_call('failover_host')
            self.assertIn('400', self.refused(self.fail_over))
            self.assertIn('400', self.refused(self.fail_over, 'default'))
        self.notifications.wait_for(notifications.END)
        self.assertEqual(
            [notifications.START, notifications.END],
            [one.event_type for one in self.notifications.received
             if one.event_type != notifications.ANNOUNCE])

    def test_another_failover_that_comes_by_rpc(self) -> None:
        """Each has a start and an outcome of its own, told apart by the id.

        Cinder's manager does not refuse it. Who comes second finds that the
        backend has moved, or moves it, too, and may leave a wrong replication
        status in Cinder's record.
        """
        requests = [context.RequestContext('user', 'project', is_admin=True)
                    for _ in range(2)]
        with self.backend.held('failover_host'):
            for ctxt in requests:
                running = threading.Thread(
                    target=self.volume.manager.failover_host,
                    args=(ctxt, 'site-b'))
                running.start()
                self.addCleanup(running.join)
            self.notifications.wait_for(notifications.START, 2)
            self.backend.wait_for_call('failover_host')
        expected = sorted(ctxt.request_id for ctxt in requests)
        testing.wait_until('two outcomes',
                           lambda: expected == self.failed_over(
                               notifications.END, notifications.ERROR))
        self.assertEqual(expected, self.failed_over(notifications.START))
        self.assertEqual('site-b', self.service_row()[1])

    def failed_over(self, *event_types: str) -> list[str]:
        """Return the failover ids of notifications.

        :param event_types: of the notifications
        """
        return sorted(one.payload.failover_id for one in list(
            self.notifications.received) if one.event_type in event_types)

    def test_a_volume_is_deleted(self) -> None:
        """Cinder stops at its row; the rest is not saved, and that is told.

        Which volumes come after it depends on when they were made, so the
        one in the middle goes.
        """
        made = [self.attached(self.replicated)[0] for _ in range(2)]
        gone = self.make_volume(self.replicated)
        made.append(self.attached(self.replicated)[0])
        with self.backend.held('failover_host'):
            self.fail_over()
            self.backend.wait_for_call('failover_host')
            db.volume_destroy(context.get_admin_context(), gone)
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertEqual(('site-b', 'failed-over'), (
            error.payload.new_active_backend_id,
            error.payload.replication_status))
        self.assertIn(gone, error.payload.reason)
        rows = self.rows()
        named = {volume.volume_id: volume for volume in error.payload.volumes}
        self.assertEqual(set(made), set(named))
        for volume_id, volume in named.items():
            self.assertEqual(rows[volume_id], (volume.status,
                                               volume.replication_status))
            if volume.replication_status == 'enabled':
                self.assertIn('has not saved', volume.reason)
            else:
                self.assertIsNone(volume.reason)
        self.assertEqual({'enabled', 'failed-over'}, {
            volume.replication_status for volume in named.values()})

    def test_a_volume_is_made(self) -> None:
        """It is named once it is attached, with what its row says."""
        with self.backend.held('failover_host'):
            self.fail_over()
            self.backend.wait_for_call('failover_host')
            volume_id = self.attached(self.replicated)[0]
        [end] = self.notifications.wait_for(notifications.END)
        self.assertEqual([(volume_id, 'enabled')], [
            (volume.volume_id, volume.replication_status)
            for volume in end.payload.volumes])


class TestServices(base.FailoverTestCase):
    """Services that an operator has frozen or disabled."""

    def there_and_back(self) -> list[tuple[Any, ...]]:
        """Fail over and back; return what the record says after each."""
        rows = []
        for count, target in enumerate(('site-b', 'default'), start=1):
            self.fail_over(target)
            end = self.notifications.wait_for(notifications.END, count)[-1]
            self.assertEqual(1, len(end.payload.volumes))
            self.assertIsNone(end.payload.reason)
            rows.append(self.service_row())
        return rows

    def test_frozen(self) -> None:
        """It stays disabled after the failback."""
        self.attached(self.replicated)
        self.api.api_put('/os-services/freeze', {'host': base.BACKEND})
        self.assertEqual(
            [('failed-over', 'site-b', True, 'failed-over'),
             ('enabled', None, True, 'frozen')], self.there_and_back())

    def test_disabled(self) -> None:
        """A failback enables it, whatever it was before."""
        self.attached(self.replicated)
        self.api.api_put('/os-services/disable', {
            'host': base.BACKEND, 'binary': 'cinder-volume'})
        self.assertEqual(
            [('failed-over', 'site-b', True, 'failed-over'),
             ('enabled', None, False, '')], self.there_and_back())

    def test_reset_active_backend(self) -> None:
        """cinder-manage writes the record; the next start announces it."""
        self.api.api_put('/os-services/freeze', {'host': base.BACKEND})
        self.fail_over()
        self.notifications.wait_for(notifications.END)
        manage.DbCommands().reset_active_backend(True, None, base.BACKEND)
        self.assertEqual(('enabled', None, False, ''), self.service_row())
        self.volume.stop()
        self.volume = self.start_service('volume')
        announced = self.notifications.wait_for(notifications.ANNOUNCE, 2)[1]
        self.assertEqual(
            (None, 'enabled', None),
            (announced.payload.new_active_backend_id,
             announced.payload.replication_status, announced.payload.reason))

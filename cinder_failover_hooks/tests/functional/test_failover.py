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

import cinder.exception

from cinder_failover_hooks import notifications
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
        base.SCRIPT.gate.clear()
        self.fail_over()
        [start] = self.notifications.wait_for(notifications.START)
        self.assertEqual((None, None), (start.payload.old_active_backend_id,
                                        start.payload.new_active_backend_id))
        self.assertEqual([], self.notifications.of(notifications.END))
        base.SCRIPT.gate.set()
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
        base.SCRIPT.updates = {
            volume_id: {'replication_status': 'failover-error'}}
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


class TestDriverErrors(base.FailoverTestCase):
    """Cinder swallows what the driver raises; its records tell."""

    def test_driver_error(self) -> None:
        """Error, and the service as stock Cinder leaves it."""
        volume_id = self.attached(self.replicated)[0]
        lost = self.attached(self.plain)[0]
        base.SCRIPT.error = cinder.exception.VolumeDriverException(
            message="auth_password = 'canary'")
        self.fail_over()
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertEqual('error', error.priority)
        self.assertEqual(
            (None, 'failover-error'),
            (error.payload.new_active_backend_id,
             error.payload.replication_status))
        self.assertIn('failover-error', error.payload.reason)
        self.assertEqual(
            {volume_id: ('in-use', 'enabled'),
             lost: ('error', 'not-capable')},
            {volume.volume_id: (volume.status, volume.replication_status)
             for volume in error.payload.volumes})
        self.assertEqual(('failover-error', None, True, None),
                         self.service_row())
        self.assertEqual([], self.notifications.of(notifications.END))

    def test_a_target_that_is_refused(self) -> None:
        """The records look healthy, but the backend has not moved."""
        base.SCRIPT.error = cinder.exception.InvalidReplicationTarget(
            reason='no such target')
        self.fail_over('nowhere')
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertEqual('enabled', error.payload.replication_status)
        self.assertIn('still at default', error.payload.reason)
        self.assertEqual(('enabled', None, False, None), self.service_row())

    def test_no_secret_is_sent(self) -> None:
        """Not of the connection, not of the error."""
        self.attached(self.replicated)
        self.fail_over()
        self.notifications.wait_for(notifications.END)
        base.SCRIPT.error = cinder.exception.VolumeDriverException(
            message="auth_password = 'canary'")
        self.fail_over('default')
        self.notifications.wait_for(notifications.ERROR)
        for one in self.notifications.received:
            self.assertNotIn('canary', str(one.primitive))
            self.assertNotIn('connect', str(one.primitive))

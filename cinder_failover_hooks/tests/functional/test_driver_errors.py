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

"""Errors of the driver, and what a listener learns about them."""

from cinder import context
from cinder import objects
import ddt

from cinder_failover_hooks import notifications
from cinder_failover_hooks.tests.functional import base


@ddt.ddt
class TestDriverErrors(base.FailoverTestCase):
    """Cinder swallows the errors of the driver; its records show them."""

    def test_driver_error(self) -> None:
        """Error, and the service as stock Cinder leaves it."""
        volume_id = self.attached(self.replicated)[0]
        lost = self.attached(self.plain)[0]
        self.backend.fail('failover_host', message="auth_password = 'canary'")
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
        self.fail_over('nowhere')
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertEqual('enabled', error.payload.replication_status)
        self.assertIn('still at primary', error.payload.reason)
        self.assertEqual(('enabled', None, False, None), self.service_row())

    @ddt.data('cinder.exception.UnableToFailOver',
              'cinder.exception.VolumeBackendAPIException',
              'builtins.TypeError', 'builtins.OSError')
    def test_errors_of_each_kind(self, error: str) -> None:
        """Of Cinder or of Python: the backend has not moved."""
        volume_id = self.attached(self.replicated)[0]
        self.backend.fail('failover_host', error)
        self.fail_over()
        [found] = self.notifications.wait_for(notifications.ERROR)
        self.assertEqual(
            (None, 'failover-error', [volume_id]),
            (found.payload.new_active_backend_id,
             found.payload.replication_status,
             [volume.volume_id for volume in found.payload.volumes]))

    def test_an_error_after_the_array_has_moved(self) -> None:
        """Cinder believes that it has not: so is it reported."""
        volume_id = self.attached(self.replicated)[0]
        self.backend.fail('failover_host', after=True)
        self.fail_over()
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertEqual('site-b', self.backend.site_of(volume_id))
        self.assertEqual(
            (None, 'failover-error', 'enabled'),
            (error.payload.new_active_backend_id,
             error.payload.replication_status,
             error.payload.volumes[0].replication_status))

    def test_the_next_one_may_succeed(self) -> None:
        """An administrator enables the service again, and repeats it."""
        self.backend.fail('failover_host')
        self.fail_over()
        self.notifications.wait_for(notifications.ERROR)
        row = objects.Service.get_by_args(
            context.get_admin_context(), base.BACKEND, 'cinder-volume')
        row.replication_status = 'enabled'
        row.save()
        self.fail_over()
        [end] = self.notifications.wait_for(notifications.END)
        self.assertEqual('site-b', end.payload.new_active_backend_id)

    def test_no_secret_is_sent(self) -> None:
        """Not of the connection, not of the error."""
        self.attached(self.replicated)
        self.fail_over()
        self.notifications.wait_for(notifications.END)
        self.backend.fail('failover_host', message="auth_password = 'canary'")
        self.fail_over('default')
        self.notifications.wait_for(notifications.ERROR)
        for one in self.notifications.received:
            self.assertNotIn('canary', str(one.primitive))
            self.assertNotIn('connect', str(one.primitive))

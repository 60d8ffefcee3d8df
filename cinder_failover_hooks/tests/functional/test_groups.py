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


"""Replication groups that fail over alone."""

from typing import Any

from cinder import context
from cinder.db import api as db

from cinder_failover_hooks import notifications
from cinder_failover_hooks.tests.functional import base


class GroupTestCase(base.FailoverTestCase):
    """A group with an attached volume, beside other volumes."""

    targets = ('site-b', 'site-c')

    def setUp(self) -> None:
        """Make the group."""
        super().setUp()
        self.group = self.make_group()
        self.inside, self.attachment, self.server = self.attached(
            self.replicated, group_id=self.group)
        self.outside = self.attached(self.replicated)[0]
        self.replicate_group(self.group)

    def device(self, volume_id: str) -> str:
        """Return what the driver says of a connection.

        :param volume_id: id of the volume
        """
        answer = self.api.api_post('/volumes/%s/action' % volume_id, {
            'os-initialize_connection': {'connector': {'host': 'cmp1'}}},
            check_response_status=[200])
        return str(answer['connection_info']['data']['device_path'])

    def group_row(self) -> str:
        """Return the replication status of the group."""
        return str(self.api.get_group(self.group)['replication_status'])


class TestGroup(GroupTestCase):
    """There, on to another secondary, and back."""

    def test_every_way_moves_only_the_group(self) -> None:
        """It is reported with its volumes; the backend stays."""
        ways = [('site-b', 'failed-over'), ('site-c', 'failed-over'),
                ('default', 'enabled')]
        for count, (target, status) in enumerate(ways, start=1):
            self.fail_group_over(self.group, target)
            end = self.notifications.wait_for(notifications.END, count)[-1]
            self.assertEqual(
                ('group', self.group, target, None, None, 'enabled', None),
                (end.payload.cause, end.payload.group_id, end.payload.target,
                 end.payload.old_active_backend_id,
                 end.payload.new_active_backend_id,
                 end.payload.replication_status, end.payload.reason))
            [volume] = end.payload.volumes
            self.assertEqual(
                (self.inside, 'in-use', status, None, self.server),
                (volume.volume_id, volume.status, volume.replication_status,
                 volume.reason, volume.attachments[0].server_id))
            # What the database had at the moment the end came in.
            rows = next(rows for one, rows in self.seen if one is end)
            self.assertEqual(('in-use', status), rows[self.inside])
            self.assertEqual(('in-use', 'enabled'), rows[self.outside])
            self.assertEqual(('enabled', None, False, None), rows['service'])
            self.assertIn('/%s/' % target, self.device(self.inside))
            self.assertIn('/default/', self.device(self.outside))

    def test_start_comes_before_the_driver_has_moved(self) -> None:
        """With the id of the request, and without volumes."""
        with self.backend.held('failover_replication'):
            self.fail_group_over(self.group)
            self.backend.wait_for_call('failover_replication')
            [start] = self.notifications.wait_for(notifications.START)
            self.assertEqual(
                ('group', self.group, []),
                (start.payload.cause, start.payload.group_id,
                 start.payload.volumes))
            self.assertEqual([], self.notifications.of(notifications.END))
        [end] = self.notifications.wait_for(notifications.END)
        self.assertEqual(start.payload.failover_id, end.payload.failover_id)
        self.assertTrue(end.payload.failover_id.startswith('req-'))

    def test_parts(self) -> None:
        """Of volumes of the group only."""
        self.configure_hooks(part_size=1)
        made = {self.inside, self.attached(self.replicated,
                                           group_id=self.group)[0]}
        self.replicate_group_again()
        self.fail_group_over(self.group)
        ends = self.notifications.wait_for(notifications.END, 2)
        self.assertEqual([(1, False), (2, True)],
                         [(end.payload.part, end.payload.last)
                          for end in ends])
        self.assertEqual(made, {volume.volume_id for end in ends
                                for volume in end.payload.volumes})

    def replicate_group_again(self) -> None:
        """Take volumes in that were made after it was enabled."""
        self.api.disable_group_replication(
            self.group, {'disable_replication': {}})
        self.wait_for_status('groups', self.group, 'disabling',
                             'replication_status')
        self.replicate_group(self.group)

    def test_the_whole_backend_takes_its_groups_along(self) -> None:
        """One notification about all."""
        self.fail_over()
        [end] = self.notifications.wait_for(notifications.END)
        self.assertEqual((None, {self.inside, self.outside}), (
            end.payload.group_id,
            {volume.volume_id for volume in end.payload.volumes}))
        self.assertEqual('failed-over', self.group_row())
        self.fail_over('default')
        self.notifications.wait_for(notifications.END, 2)
        self.assertEqual('enabled', self.group_row())

    def test_the_backend_fails_over_while_a_group_does(self) -> None:
        """Each is reported with its own id."""
        with self.backend.held('failover_replication'):
            self.fail_group_over(self.group, 'site-c')
            self.backend.wait_for_call('failover_replication')
            self.fail_over()
            [end] = self.notifications.wait_for(notifications.END)
            self.assertEqual('failover', end.payload.cause)
        group = self.notifications.wait_for(notifications.END, 2)[1]
        self.assertEqual('group', group.payload.cause)
        self.assertNotEqual(end.payload.failover_id,
                            group.payload.failover_id)

    def test_a_group_that_is_failing_over_is_refused(self) -> None:
        """By Cinder's API: nothing is reported of it."""
        with self.backend.held('failover_replication'):
            self.fail_group_over(self.group)
            self.backend.wait_for_call('failover_replication')
            self.refused(self.fail_group_over, self.group)
        self.notifications.wait_for(notifications.END)
        self.assertEqual(1, len(self.notifications.of(notifications.START)))


class TestGroupErrors(GroupTestCase):
    """Cinder raises what goes wrong with a group."""

    def failed(self) -> Any:
        """Fail the group over, and return the error that is reported."""
        self.fail_group_over(self.group)
        return self.error()

    def error(self) -> Any:
        """Return the error that is reported of the group."""
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertEqual(('error', self.group, None),
                         (error.priority, error.payload.group_id,
                          error.payload.new_active_backend_id))
        self.assertEqual([], self.notifications.of(notifications.END))
        [volume] = error.payload.volumes
        self.assertEqual(self.inside, volume.volume_id)
        return error.payload

    def test_an_error_of_the_driver(self) -> None:
        """The group and its volumes are set to error."""
        self.backend.fail('failover_replication',
                          message="auth_password = 'canary'")
        error = self.failed()
        self.assertIn('ReplicationGroupError', error.reason)
        self.assertNotIn('canary', error.reason)
        self.assertEqual(('error', 'error'), (
            error.volumes[0].status, error.volumes[0].replication_status))
        self.assertIn('could not fail this volume over',
                      error.volumes[0].reason)
        self.assertEqual(('in-use', 'enabled'), self.rows()[self.outside])

    def test_an_error_that_cinder_does_not_expect(self) -> None:
        """It leaves the volumes in between for good: that is told."""
        self.backend.fail('failover_replication', 'builtins.TypeError')
        error = self.failed()
        self.assertIn('TypeError', error.reason)
        self.assertEqual(('in-use', 'failing-over'), (
            error.volumes[0].status, error.volumes[0].replication_status))
        self.assertIn('is not finished', error.volumes[0].reason)

    def test_a_volume_that_does_not_come_through(self) -> None:
        """One is enough for the whole group."""
        self.backend.script.fail_volume(self.inside)
        error = self.failed()
        self.assertIn('Failover replication failed', error.reason)
        self.assertEqual(('in-use', 'error'), (
            error.volumes[0].status, error.volumes[0].replication_status))

    def test_a_volume_that_is_deleted_meanwhile(self) -> None:
        """The others are named, with what their rows say."""
        gone = self.make_volume(self.replicated, group_id=self.group)
        with self.backend.held('failover_replication'):
            self.fail_group_over(self.group)
            self.backend.wait_for_call('failover_replication')
            db.volume_destroy(context.get_admin_context(), gone)
        error = self.error()
        self.assertIn(gone, error.reason)
        self.assertEqual(self.rows()[self.inside], (
            error.volumes[0].status, error.volumes[0].replication_status))

    def test_attached_volumes_that_are_not_allowed(self) -> None:
        """Refused by Cinder's API: nothing is reported of it."""
        self.assertIn('400', self.refused(
            self.api.failover_group_replication, self.group, {
                'failover_replication': {'secondary_backend_id': 'site-b'}}))
        self.assertEqual('enabled', self.group_row())
        self.fail_group_over(self.group)
        self.notifications.wait_for(notifications.END)
        self.assertEqual(1, len(self.notifications.of(notifications.START)))

    def test_an_unknown_target(self) -> None:
        """Groups have no way to refuse one: they fail."""
        self.fail_group_over(self.group, 'nowhere')
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertIn('nowhere', error.payload.reason)


class TestGroupAnnouncement(GroupTestCase):
    """What the record of the backend does not tell when it starts."""

    def test_a_group_that_is_elsewhere(self) -> None:
        """Announced with its volumes; whoever missed it learns of it."""
        self.notifications.wait_for(notifications.ANNOUNCE)
        self.fail_group_over(self.group)
        self.notifications.wait_for(notifications.END)
        self.volume.stop()
        self.volume = self.start_service('volume')
        backend, group = self.notifications.wait_for(
            notifications.ANNOUNCE, 3)[1:]
        self.assertEqual((None, [], 'enabled'), (
            backend.payload.group_id, backend.payload.volumes,
            backend.payload.replication_status))
        self.assertEqual(
            (self.group, 'announcement', [self.inside]),
            (group.payload.group_id, group.payload.cause,
             [volume.volume_id for volume in group.payload.volumes]))

    def test_a_group_that_is_where_its_backend_is(self) -> None:
        """The record of the backend tells of it."""
        self.notifications.wait_for(notifications.ANNOUNCE)
        self.fail_over()
        self.notifications.wait_for(notifications.END)
        self.volume.stop()
        self.volume = self.start_service('volume')
        self.notifications.wait_for(notifications.ANNOUNCE, 2)
        self.volume.manager._reporter.emitter.worker.wait()
        self.assertEqual(
            [None, None], [one.payload.group_id for one
                           in self.notifications.of(notifications.ANNOUNCE)])


class TestClusteredGroup(GroupTestCase):
    """A group of a cluster: the members need not switch."""

    cluster = 'cl@rbd'

    def test_group(self) -> None:
        """Found by the name of the cluster, in any pool."""
        self.fail_group_over(self.group)
        [end] = self.notifications.wait_for(notifications.END)
        self.assertEqual(('cl@rbd', self.group, [self.inside]), (
            end.payload.cluster, end.payload.group_id,
            [volume.volume_id for volume in end.payload.volumes]))
        self.assertEqual([], self.backend.script.calls('failover_completed'))
        self.volume.stop()
        self.volume = self.start_service('volume')
        group = self.notifications.wait_for(notifications.ANNOUNCE, 3)[2]
        self.assertEqual(self.group, group.payload.group_id)

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


"""A cluster of two volume services: one leads, all switch, one reports."""

from typing import Any

from cinder.cmd import manage
from cinder import context
from cinder import objects
from cinder import rpc
import ddt
import fixtures

from cinder_failover_hooks import notifications
from cinder_failover_hooks.testing import replicated_backend as testing
from cinder_failover_hooks.tests.functional import base

CLUSTER = 'cl@rbd'
MEMBERS = ('ctl1@rbd', 'ctl2@rbd')


class FanOut(fixtures.Fixture):
    """Lets each member of a cluster hear what is said to all of them.

    The in-memory transport has one queue for a topic and a server, and all
    members of a cluster give the same name for the server. On a real message
    bus each has a queue of its own.
    """

    def _setUp(self) -> None:
        self._known: set[tuple[str, str]] = set()
        self._stock = rpc.get_server
        self.useFixture(fixtures.MonkeyPatch('cinder.rpc.get_server',
                                             self._get_server))

    def _get_server(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        while (target.topic, target.server) in self._known:
            target = target(server='%s-again' % target.server)
        self._known.add((target.topic, target.server))
        return self._stock(target, *args, **kwargs)


class ClusterTestCase(base.FailoverTestCase):
    """Two members in one process."""

    cluster = CLUSTER
    targets = ('site-b', 'site-c')

    def setUp(self) -> None:
        """Start the other member, too."""
        super().setUp()
        self.other = self.start_service('volume', host=MEMBERS[1])
        self.notifications.wait_for(notifications.ANNOUNCE, 2)

    def _get_flags(self) -> dict[str, Any]:
        # Called before the first service is started.
        self.useFixture(FanOut())
        return super()._get_flags()

    def active(self) -> list[str | None]:
        """Return where the drivers of the members are."""
        return [service.manager.driver.active_backend_id
                for service in (self.volume, self.other)]

    def cluster_row(self) -> tuple[Any, ...]:
        """Return what the record of the cluster says."""
        row = objects.Cluster.get_by_id(
            context.get_admin_context(), None, name=CLUSTER,
            binary='cinder-volume')
        return row.replication_status, row.active_backend_id or None

    def ended(self, count: int = 1) -> Any:
        """Wait for the end of a failover, and return the last one.

        :param count: how many there have been with this one
        """
        return self.notifications.wait_for(notifications.END, count)[-1]


class TestCluster(ClusterTestCase):
    """Failover and failback of the whole cluster."""

    def test_every_way_is_reported_once(self) -> None:
        """Over, on to another secondary, and back."""
        volume_id = self.attached(self.replicated)[0]
        ways = [('site-b', None, 'site-b', 'failover'),
                ('site-c', 'site-b', 'site-c', 'failover'),
                ('default', 'site-c', None, 'failback')]
        for count, (target, old, new, cause) in enumerate(ways, start=1):
            self.fail_over(target)
            end = self.ended(count)
            self.assertEqual(
                (CLUSTER, old, new, cause, target, None),
                (end.payload.cluster, end.payload.old_active_backend_id,
                 end.payload.new_active_backend_id, end.payload.cause,
                 end.payload.target, end.payload.reason))
            self.assertEqual([volume_id], [
                volume.volume_id for volume in end.payload.volumes])
            testing.wait_until('the switch of all members',
                               lambda new=new: self.active() == [new, new])
        self.assertEqual(3, len(self.notifications.of(notifications.END)))
        self.assertEqual([], self.notifications.of(notifications.ERROR))

    def test_the_member_that_leads_reports(self) -> None:
        """Whichever member it is."""
        self.fail_over()
        end = self.ended()
        [led] = self.backend.script.calls('failover')
        self.assertEqual(led.host, end.payload.backend)
        self.assertEqual('volume.%s' % led.host, end.publisher_id)
        self.assertEqual(
            sorted(MEMBERS),
            sorted(call.host for call in self.backend.script.calls(
                'failover_completed')))

    def test_each_member_can_lead(self) -> None:
        """Asked as RPC asks it, by either name."""
        ctxt = context.RequestContext('user', 'project', is_admin=True)
        self.other.manager.failover(ctxt, 'site-b')
        self.assertEqual(MEMBERS[1], self.ended().payload.backend)
        back = context.RequestContext('user', 'project', is_admin=True)
        self.volume.manager.failover_host(back, 'default')
        end = self.ended(2)
        self.assertEqual((MEMBERS[0], back.request_id),
                         (end.payload.backend, end.payload.failover_id))

    def test_the_end_waits_for_the_own_driver(self) -> None:
        """The rows are saved, the driver is not where they say."""
        volume_id = self.attached(self.replicated)[0]
        with self.backend.held('failover_completed'):
            self.fail_over()
            self.backend.wait_for_call('failover_completed')
            self.wait_for_row(volume_id, 'in-use', 'failed-over')
            self.assertEqual(('failed-over', 'site-b'), self.cluster_row())
            self.assertEqual([None, None], self.active())
            self.assertEqual([], self.notifications.of(notifications.END))
        self.assertEqual('site-b', self.ended().payload.new_active_backend_id)
        rows = self.seen[-1][1]
        self.assertEqual(('in-use', 'failed-over'), rows[volume_id])

    def test_the_end_does_not_wait_for_other_members(self) -> None:
        """Whoever acts on it looks at them all."""
        leader, other = MEMBERS
        self.other.stop()
        self.fail_over()
        self.assertEqual(leader, self.ended().payload.backend)
        self.assertEqual(('failing-over', None), self.service_row(other)[:2])

    def test_a_member_whose_driver_cannot_switch(self) -> None:
        """If it leads, that is an error, though the cluster has moved."""
        self.backend.fail('failover_completed', once=False)
        self.fail_over()
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertEqual(
            ('site-b', 'failed-over'),
            (error.payload.new_active_backend_id,
             error.payload.replication_status))
        self.assertIn('could not switch', error.payload.reason)
        self.assertEqual([], self.notifications.of(notifications.END))

    def test_a_member_that_is_not_told_to_switch(self) -> None:
        """The cast is lost: it is not waited for longer than configured."""
        self.configure_hooks(completion_timeout=0)
        self.patch('cinder.volume.rpcapi.VolumeAPI.failover_completed',
                   autospec=True)
        self.fail_over()
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertIn('has not switched: it is still at primary',
                      error.payload.reason)

    def test_a_driver_that_fails(self) -> None:
        """The members are told, too, and stay."""
        self.backend.fail('failover')
        self.fail_over()
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertEqual((None, 'failover-error'),
                         (error.payload.new_active_backend_id,
                          error.payload.replication_status))
        self.assertEqual(('failover-error', None), self.cluster_row())

    def test_a_refused_target(self) -> None:
        """The records look healthy, but nothing has moved."""
        self.fail_over('nowhere')
        [error] = self.notifications.wait_for(notifications.ERROR)
        self.assertIn('still at primary', error.payload.reason)
        self.assertEqual(('enabled', None), self.cluster_row())


class TestFrozenCluster(ClusterTestCase):
    """What an operator does who stays at the other site."""

    def test_reset_active_backend(self) -> None:
        """cinder-manage writes all records; the next starts announce it."""
        self.api.api_put('/os-services/freeze', {'cluster': CLUSTER})
        self.fail_over()
        self.ended()
        testing.wait_until('the switch of all members',
                           lambda: self.active() == ['site-b', 'site-b'])
        for service in (self.volume, self.other):
            service.stop()
        manage.DbCommands().reset_active_backend(True, None, MEMBERS[1])
        self.assertEqual(('enabled', None), self.cluster_row())
        self.volume, self.other = (
            self.start_service('volume', host=host) for host in MEMBERS)
        announced = self.notifications.wait_for(notifications.ANNOUNCE, 4)[2:]
        self.assertEqual(
            {(host, None, 'enabled', None) for host in MEMBERS},
            {(one.payload.backend, one.payload.new_active_backend_id,
              one.payload.replication_status, one.payload.reason)
             for one in announced})
        self.assertEqual([None, None], self.active())


@ddt.ddt
class TestMembersThatWereAway(ClusterTestCase):
    """A member that has missed the message to switch its driver."""

    def restart_other(self) -> Any:
        """Start the other member again, and return its announcement."""
        count = len(self.notifications.of(notifications.ANNOUNCE))
        self.other = self.start_service('volume', host=MEMBERS[1])
        return self.notifications.wait_for(
            notifications.ANNOUNCE, count + 1)[-1].payload

    def test_it_follows_when_it_starts(self) -> None:
        """Over and back; by Cinder alone it would be on the other site."""
        for target, new, status in (('site-b', 'site-b', 'failed-over'),
                                    ('default', None, 'enabled')):
            ended = len(self.notifications.of(notifications.END))
            self.other.stop()
            self.fail_over(target)
            self.ended(ended + 1)
            announced = self.restart_other()
            self.assertEqual([new, new], self.active())
            self.assertEqual((status, new), self.service_row(MEMBERS[1])[:2])
            self.assertEqual((status, new), self.cluster_row())
            self.assertEqual((MEMBERS[1], CLUSTER, new, None), (
                announced.backend, announced.cluster,
                announced.new_active_backend_id, announced.reason))

    def test_it_stays_if_told_so(self) -> None:
        """And the announcement says what is wrong."""
        self.configure_hooks(follow_cluster=False)
        self.other.stop()
        self.fail_over()
        self.ended()
        announced = self.restart_other()
        self.assertEqual(['site-b', None], self.active())
        self.assertIn('has not switched', announced.reason)
        # Cinder itself takes the record of the member for the newer one.
        self.assertEqual(('enabled', 'site-b'), self.cluster_row())

    def test_a_failover_that_goes_on(self) -> None:
        """Nothing to follow yet; the message comes when it has come up."""
        with self.backend.held('failover'):
            self.fail_over()
            self.backend.wait_for_call('failover')
            [led] = self.backend.script.calls('failover')
            if led.host == MEMBERS[1]:
                self.volume, self.other = self.other, self.volume
            self.other.stop()
            self.other = self.start_service(
                'volume', host=self.other.host)
            self.assertEqual([None, None], self.active())
        self.ended()
        testing.wait_until('the switch of all members',
                           lambda: self.active() == ['site-b', 'site-b'])

    @ddt.data('error', 'failover-error')
    def test_a_member_in_error(self, status: str) -> None:
        """Somebody has to look at it first."""
        self.other.stop()
        self.fail_over()
        self.ended()
        row = objects.Service.get_by_args(
            context.get_admin_context(), MEMBERS[1], 'cinder-volume')
        row.replication_status = status
        row.save()
        self.restart_other()
        self.assertEqual(['site-b', None], self.active())

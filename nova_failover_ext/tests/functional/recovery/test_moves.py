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


"""Servers that move, before, during and after their recovery, end healthy."""

import threading

import ddt

from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.recovery import base
from nova_failover_ext.tests.functional.recovery import moves

Outcome = results.Outcome


@ddt.ddt
class Moving(base.FailoverTestBase):
    """Each operation on three servers of one failover.

    The first moves between Cinder's failover and its recovery, the second
    tries to during its recovery, the third moves afterwards.
    """

    ADMIN_API = True
    HOSTS = ('compute1', 'compute2')

    def setUp(self):
        super().setUp()
        self.useFixture(moves.Moves(self.computes))
        self.flags(shelved_offload_time=0)

    @ddt.data('live_migration', 'cold_migration', 'reverted_resize',
              'rebuild', 'shelving')
    def test_server_ends_healthy(self, name):
        operation = getattr(self, name)
        servers = self.boot_all(name)
        self.cinder.site = 'secondary'
        before, during, after = servers
        operation(before)
        self.heal(before)
        self.refuse_during(during, operation)
        self.heal(during)
        self.heal(after)
        operation(after)
        self.assertEqual(Outcome.UNCHANGED, self.heal(after).outcome)

    def boot_all(self, name):
        """Boot three servers with two volumes each."""
        self.volumes = {}
        servers = []
        for _number in range(3):
            volumes = [self.cinder.volume(), self.cinder.volume()]
            first = self.data if name == 'rebuild' else self.root
            created = self.create(first(volumes[0]), self.data(volumes[1]),
                                  host='compute1')
            self.volumes[created['id']] = volumes
            servers.append(created)
        return self.wait_for_all(servers, 'ACTIVE')

    def host_of(self, server):
        return self.api.get_server(server['id'])['OS-EXT-SRV-ATTR:host']

    def heal(self, server):
        """Recover a server where it is; all is well then."""
        host = self.host_of(server)
        result = self.recover(server, *self.volumes[server['id']], host=host)
        self.assertIn(result.outcome, (Outcome.RECOVERED, Outcome.UNCHANGED),
                      result.reason)
        self.assert_healthy(server, host)
        self.assertEqual('ACTIVE', self.api.get_server(
            server['id'])['status'])
        self.assert_no_old_connection()
        return result

    def refuse_during(self, server, operation):
        """Try an operation while a recovery is in its midst."""
        held = self.cinder.faults.hold(faults.Call.ATTACHMENT_UPDATE)
        result = []
        worker = threading.Thread(target=lambda: result.append(
            self.recover(server, *self.volumes[server['id']])))
        worker.start()
        held.wait()
        error = self.assertRaises(
            base.client.OpenStackApiException, operation, server)
        self.assertEqual(409, error.response.status_code)
        held.release()
        worker.join()
        self.assertEqual(Outcome.RECOVERED, result[0].outcome,
                         result[0].reason)

    # Operations

    def act(self, server, action, status='ACTIVE'):
        self.api.post_server_action(server['id'], action)
        return self.wait_for_all([server], status)[0]

    def live_migration(self, server):
        self.act(server, {'os-migrateLive': {
            'host': 'compute2', 'block_migration': 'auto'}})
        self.assertEqual('compute2', self.host_of(server))

    def cold_migration(self, server):
        self.act(server, {'migrate': {'host': 'compute2'}}, 'VERIFY_RESIZE')
        self.act(server, {'confirmResize': None})
        self.assertEqual('compute2', self.host_of(server))

    def reverted_resize(self, server):
        self.act(server, {'resize': {'flavorRef': self.api.get_flavors()[
            1]['id']}}, 'VERIFY_RESIZE')
        self.assertEqual('compute2', self.host_of(server))
        self.act(server, {'revertResize': None})
        self.assertEqual('compute1', self.host_of(server))

    def rebuild(self, server):
        self.act(server, {'rebuild': {'imageRef': server['image']['id']}})

    def shelving(self, server):
        self.act(server, {'shelve': None}, 'SHELVED_OFFLOADED')
        self.act(server, {'unshelve': {'host': 'compute2'}})
        self.assertEqual('compute2', self.host_of(server))


class DeadHost(base.FailoverTestBase):
    """A host that died in the disaster."""

    ADMIN_API = True

    def setUp(self):
        super().setUp()
        self.useFixture(moves.Moves(self.computes))
        self.flags(resume_guests_state_on_host_boot=True)

    def die(self, host='compute1'):
        """Let a host lose its power."""
        self.computes[host].stop()
        self.hypervisor.connected[host].clear()
        self.died = len(self.hypervisor.touches)

    def come_back(self, host='compute1'):
        """Start a host without any guest."""
        self.restart_compute_service(
            host, host_info=self.host_info(), keep_hypervisor_state=False)

    def wait_until_idle(self, server):
        self.wait_for(lambda: self.instance(server).task_state is None,
                      'the end of the recovery')

    def assert_resumed(self, server, power_ons=2):
        self.assertEqual(power_ons, self.hypervisor.power_ons[server['id']])
        self.assertTrue(self.domain(server).isActive())
        self.assertEqual('ACTIVE',
                         self.api.get_server(server['id'])['status'])


class Restarted(DeadHost):
    """It comes back with its servers."""

    def test_servers_are_healed_before_they_run(self):
        servers = [self.boot(self.root(), self.data()),
                   self.boot(self.data(self.cinder.volume()))]
        self.die()
        self.cinder.site = 'secondary'
        self.come_back()
        for server in servers:
            self.wait_until_idle(server)
            self.assert_resumed(server)
            self.assert_healthy(server)
        # Nobody ever connected to the dead site again.
        self.assertEqual([], [
            touch.path for touch in self.hypervisor.touches[self.died:]
            if touch.what == 'connect' and 'primary' in touch.path])
        self.assert_no_old_connection()

    def test_without_a_failover_nothing_changes(self):
        server = self.boot(self.root(), self.data())
        before = self.cinder.records
        self.die()
        self.come_back()
        self.wait_until_idle(server)
        self.assert_resumed(server)
        self.assertEqual(before, self.cinder.records)
        self.assert_healthy(server)

    def test_stopped_server_stays_stopped(self):
        server = self.boot(self.root())
        self._stop_server(server)
        self.die()
        self.cinder.site = 'secondary'
        self.come_back()
        self.assertEqual('SHUTOFF',
                         self.api.get_server(server['id'])['status'])
        self.assertEqual(1, self.hypervisor.power_ons[server['id']])
        result = self.recover(server, self.ROOT)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assert_healthy(server)

    def test_server_without_volumes_is_left_to_nova(self):
        server = self.boot()
        self.die()
        self.cinder.site = 'secondary'
        self.come_back()
        self.assert_resumed(server)
        self.assertEqual([], self.actions(server))

    def test_opted_out_server_is_left_to_nova(self):
        server = self.boot(self.root(), metadata={'failover:policy': 'none'})
        self.die()
        self.cinder.site = 'secondary'
        self.come_back()
        self.assert_resumed(server)
        self.assertIn('primary', self.disks(server)['vda'])

    def test_cinder_is_down_at_the_start(self):
        server = self.boot(self.root())
        # It is known to be replicated since an earlier failover.
        self.cinder.site = 'tertiary'
        self.assertEqual(Outcome.RECOVERED,
                         self.recover(server, self.ROOT).outcome)
        self.die()
        self.cinder.site = 'secondary'
        self.cinder.faults.fail(faults.Call.SHOW_VOLUME, 'connection')
        self.come_back()
        self.wait_for(lambda: self.cinder.faults.made(
            faults.Call.SHOW_VOLUME, self.ROOT), 'question')
        self.assertEqual(2, self.hypervisor.power_ons[server['id']])
        self.cinder.faults.clear()
        result = self.wait_for_recovery(server)
        self.assertEqual((Outcome.RECOVERED, True),
                         (result.outcome, result.power_cycled))
        self.assert_resumed(server, 3)
        self.assert_healthy(server)

    def wait_for_recovery(self, server):
        """Recover as the engine, which comes again until it is done."""
        return self.wait_for(lambda: (
            lambda result: result if result.outcome is Outcome.RECOVERED
            else None)(self.recover(server, self.ROOT)), 'recovery')

    def test_host_dies_in_the_midst_of_a_recovery(self):
        server = self.boot(self.root(), self.data())
        self.cinder.site = 'secondary'
        self.cinder.faults.fail(faults.Call.ATTACHMENT_COMPLETE,
                                'connection', times=1)
        self.recover(server, self.ROOT, self.DATA)
        self.die()
        self.come_back()
        self.wait_until_idle(server)
        result = self.recover(server, self.ROOT, self.DATA)
        self.assertIn(result.outcome,
                      (Outcome.RECOVERED, Outcome.UNCHANGED), result.reason)
        self.assertTrue(self.domain(server).isActive())
        self.assert_healthy(server)
        self.assert_no_old_connection()


class Evacuated(DeadHost):
    """Its servers are evacuated before it comes back."""

    HOSTS = ('compute1', 'compute2')

    def setUp(self):
        super().setUp()
        self.server = self.boot(self.root(), self.data(), host='compute1')

    def evacuate(self):
        """Have the server on the other host; its guest stays off there."""
        service, = self.api.get_services(
            binary='nova-compute', host='compute1')
        self.api.put_service(service['id'], {'forced_down': True})
        self._evacuate_server(
            self.server, extra_post_args={'host': 'compute2'},
            expected_host='compute2', expected_task_state=None)

    def heal(self, outcome):
        """Recover the server on the other host, and start it."""
        result = self.recover(self.server, self.ROOT, self.DATA,
                              host='compute2')
        self.assertEqual(outcome, result.outcome, result.reason)
        self._start_server(self.server)
        self.assert_healthy(self.server, 'compute2')

    def check(self):
        """See that the host which is back does the server no harm."""
        self.come_back()
        self.assertIsNone(self.domain(self.server))
        self.assertEqual(set(), self.hypervisor.connected['compute1'])
        result = self.recover(self.server, self.ROOT, self.DATA,
                              host='compute2')
        self.assertEqual(Outcome.UNCHANGED, result.outcome, result.reason)
        self.assert_healthy(self.server, 'compute2')
        self.assert_no_old_connection()

    def test_after_the_failover(self):
        self.die()
        self.cinder.site = 'secondary'
        self.evacuate()
        self.heal(Outcome.UNCHANGED)
        self.check()

    def test_before_the_failover(self):
        self.die()
        self.evacuate()
        self.cinder.site = 'secondary'
        self.heal(Outcome.RECOVERED)
        self.check()

    def test_after_the_recovery(self):
        self.cinder.site = 'secondary'
        result = self.recover(self.server, self.ROOT, self.DATA)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.die()
        self.evacuate()
        self.heal(Outcome.UNCHANGED)
        self.check()

    def test_in_the_midst_of_a_recovery(self):
        self.cinder.site = 'secondary'
        self.cinder.faults.fail(faults.Call.ATTACHMENT_COMPLETE,
                                'connection', times=1)
        result = self.recover(self.server, self.ROOT, self.DATA)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        # The host dies before it can end the task.
        instance = self.instance(self.server)
        instance.task_state = staleness.TASK_STATE
        instance.save()
        self.die()
        # Cinder reserves no volume that is attaching, so that Nova could not
        # make the attachments of the other host.
        for attachment in self.attachments(self.server):
            if attachment['status'] == 'attaching':
                self.computes['compute2'].manager.volume_api \
                    .attachment_complete(self.context, attachment['id'])
        self.evacuate()
        self.heal(Outcome.UNCHANGED)
        self.check()

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


"""What servers' owners and operators choose, on Nova's real services."""

import ddt
import fixtures

from nova_failover_ext.recovery import policy
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.recovery import base
from nova_failover_ext.tests.functional.recovery import moves

Outcome = results.Outcome


class PoliciesBase(base.FailoverTestBase):

    ADMIN_API = True

    def server(self, its, *bdms, **kwargs):
        """Boot a server whose owner wants a policy."""
        return self.boot(*bdms, metadata={policy.METADATA_KEY: its}, **kwargs)

    def power_ons(self, server):
        return self.hypervisor.power_ons[server['id']]


@ddt.ddt
class Choice(PoliciesBase):
    """Who chooses; a data volume tells the policies apart."""

    def setUp(self):
        super().setUp()
        self.flags(default_policy='power-cycle', group='failover')

    @ddt.data(
        # What the metadata say, whether they count, what the request says,
        # and what is done.
        (None, True, None, 'power-cycle'),
        ('reattach', True, None, 'reattach'),
        (' Detach ', True, None, 'detach'),
        ('reattach', False, None, 'power-cycle'),
        ('none', False, None, 'power-cycle'),
        ('reboot', True, None, 'power-cycle'),
        ('none', True, 'reattach', 'reattach'),
        (None, True, 'none', 'none'))
    @ddt.unpack
    def test_policy(self, wanted, counts, asked, done):
        self.flags(use_metadata=counts, group='failover')
        server = (self.server(wanted, self.data()) if wanted
                  else self.boot(self.data()))
        self.cinder.site = 'secondary'
        result = self.recover(server, self.DATA, policy=asked)
        seen = {
            (Outcome.RECOVERED, True, True): 'power-cycle',
            (Outcome.RECOVERED, False, True): 'reattach',
            (Outcome.RECOVERED, False, False): 'detach',
            (Outcome.SKIPPED, False, True): 'none',
        }[result.outcome, result.power_cycled,
          self.DATA in self.bdms(server)]
        self.assertEqual(done, seen, result.reason)


@ddt.ddt
class Refresh(PoliciesBase):
    """A guest that is left alone until its next power cycle."""

    HOSTS = ('compute1', 'compute2')

    def setUp(self):
        super().setUp()
        self.useFixture(moves.Moves(self.computes))
        self.flags(shelved_offload_time=0)
        self.waiting = self.server('refresh', self.root(), self.data(),
                                   host='compute1')
        self.cinder.site = 'secondary'
        result = self.recover(self.waiting, self.ROOT, self.DATA)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assert_waits()

    def assert_waits(self):
        """Cinder's records are new, all else is as it was."""
        for volume_id, name in ((self.ROOT, 'vda'), (self.DATA, 'vdb')):
            old = self.cinder.path(volume_id, 'primary')
            info = self.info(self.waiting, volume_id)
            self.assertEqual(old, info['data']['device_path'])
            self.assertEqual('refresh',
                             info[staleness.IN_PROGRESS_MARKER]['policy'])
            self.assertEqual(old, self.disks(self.waiting)[name])
        for attachment in self.attachments(self.waiting):
            self.assertEqual('attached', attachment['status'])
            record = self.cinder.records[attachment['id']]
            self.assertIn(
                'secondary', record['connection_info']['data']['device_path'])
        self.assertEqual(1, self.power_ons(self.waiting))

    def act(self, action, status='ACTIVE'):
        self.api.post_server_action(self.waiting['id'], action)
        self.wait_for_all([self.waiting], status)

    def assert_settled(self, host='compute1', outcome=Outcome.UNCHANGED):
        """The next pass of the engine finds nothing to do to the guest."""
        power_ons = self.power_ons(self.waiting)
        result = self.recover(self.waiting, self.ROOT, self.DATA, host=host)
        self.assertEqual((outcome, False),
                         (result.outcome, result.power_cycled), result.reason)
        self.assertEqual(power_ons, self.power_ons(self.waiting))
        self.assert_healthy(self.waiting, host)
        self.assert_no_old_connection()

    @ddt.data('SOFT', 'HARD')
    def test_reboot(self, kind):
        self.act({'reboot': {'type': kind}})
        self.assertEqual(2, self.power_ons(self.waiting))
        self.assert_settled()

    def test_stop_and_start(self):
        self.act({'os-stop': None}, 'SHUTOFF')
        self.act({'os-start': None})
        self.assertEqual(2, self.power_ons(self.waiting))
        self.assert_settled()

    def test_stop_and_next_pass(self):
        self.act({'os-stop': None}, 'SHUTOFF')
        self.assert_settled(outcome=Outcome.RECOVERED)
        self.act({'os-start': None})
        self.assert_settled()

    @ddt.data(({'pause': None}, 'PAUSED', {'unpause': None}),
              ({'suspend': None}, 'SUSPENDED', {'resume': None}))
    @ddt.unpack
    def test_what_is_no_power_cycle(self, there, status, back):
        power_ons = 1 + (status == 'SUSPENDED')
        self.act(there, status)
        self.act(back)
        self.hypervisor.power_ons[self.waiting['id']] -= power_ons - 1
        result = self.recover(self.waiting, self.ROOT, self.DATA)
        self.assertEqual(Outcome.DEFERRED, result.outcome, result.reason)
        self.assert_waits()

    def test_shelving(self):
        self.act({'shelve': None}, 'SHELVED_OFFLOADED')
        self.act({'unshelve': {'host': 'compute2'}})
        self.assert_settled('compute2')

    def test_live_migration(self):
        self.act({'os-migrateLive': {
            'host': 'compute2', 'block_migration': 'auto'}})
        self.assert_settled('compute2')

    def test_cold_migration(self):
        self.act({'migrate': {'host': 'compute2'}}, 'VERIFY_RESIZE')
        self.act({'confirmResize': None})
        self.assert_settled('compute2')

    def test_failback_before_the_power_cycle(self):
        self.cinder.site = 'primary'
        self.assert_settled(outcome=Outcome.RECOVERED)

    def test_operator_does_not_wait(self):
        result = self.recover(self.waiting, self.ROOT, self.DATA,
                              policy='reattach')
        self.assertEqual((Outcome.RECOVERED, True),
                         (result.outcome, result.power_cycled), result.reason)
        self.assertEqual(2, self.power_ons(self.waiting))
        self.assert_settled()

    def test_new_storage_does_not_answer_at_the_start(self):
        self.act({'os-stop': None}, 'SHUTOFF')
        self.read.return_value = False
        self.act({'os-start': None})
        self.read.return_value = True
        result = self.recover(self.waiting, self.ROOT, self.DATA,
                              policy='reattach')
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assert_settled()


class Detach(PoliciesBase):
    """Data volumes that are left to the owner."""

    def setUp(self):
        super().setUp()
        self.second = self.cinder.volume()
        self.other = self.cinder.volume(backend='plain', replicated=False)

    def assert_detached(self, server, *volumes):
        for volume_id in volumes:
            self.assertEqual('available', self.cinder.status(volume_id))
            self.assertNotIn(volume_id, self.bdms(server))
            self.assertIsNone(self.disk(server, volume_id))
        self.assert_healthy(server)
        self.assert_no_old_connection()

    def test_all_but_the_root_volume_and_those_that_did_not_move(self):
        server = self.server(
            'detach', self.root(), self.data(delete_on_termination=True),
            self.data(self.second), self.data(self.other))
        self.cinder.site = 'secondary'
        result = self.recover(server, self.ROOT, self.DATA, self.second)
        self.assertEqual(
            {self.ROOT: Outcome.RECOVERED, self.DATA: Outcome.DETACHED,
             self.second: Outcome.DETACHED},
            {found.volume_id: found.outcome for found in result.volumes})
        self.assertEqual(2, self.power_ons(server))
        self.assert_detached(server, self.DATA, self.second)
        self.assertEqual({self.ROOT, self.other}, set(self.bdms(server)))

    def test_owner_attaches_it_again(self):
        server = self.server('detach', self.data())
        self.cinder.site = 'secondary'
        self.recover(server, self.DATA)
        self.assert_detached(server, self.DATA)
        self.attach(server, self.DATA)
        self.assert_healthy(server)
        self.assertEqual(self.cinder.path(self.DATA),
                         self.disks(server)['vdb'])

    def test_guest_that_does_not_let_go(self):
        server = self.server('detach', self.root(), self.data())
        self.hypervisor.held.add(self.DATA)
        self.cinder.site = 'secondary'
        result = self.recover(server, self.DATA)
        self.assertEqual((Outcome.RECOVERED, True),
                         (result.outcome, result.power_cycled), result.reason)
        self.assertEqual({self.ROOT}, set(self.bdms(server)))
        self.assertEqual('available', self.cinder.status(self.DATA))

    def test_cut_off_is_finished(self):
        server = self.server('detach', self.data())
        self.cinder.site = 'secondary'
        self.cinder.faults.fail(faults.Call.ATTACHMENT_DELETE, '409',
                                times=1)
        result = self.recover(server, self.DATA)
        self.assertEqual(Outcome.FAILED, result.outcome)
        result = self.recover(server, self.DATA, policy='none')
        self.assertEqual(Outcome.SKIPPED, result.outcome)
        # Nothing else may be done to a disk that has gone.
        result = self.recover(server, self.DATA, policy='reattach')
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assert_detached(server, self.DATA)


@ddt.ddt
class Mounted(PoliciesBase):
    """Servers whose guest agent tells what is mounted."""

    def boot_with_agent(self, *mounted, **kwargs):
        """Boot a server; its agent says which disks are mounted."""
        self.useFixture(fixtures.MonkeyPatch(
            'nova.tests.fixtures.libvirt.Domain.fsInfo',
            lambda domain: [('/', 'vda1', 'ext4', ['vda']), *(
                ('/mnt', name, 'ext4', [name]) for name in mounted)]))
        image = self._create_image({'hw_qemu_guest_agent': 'yes'})
        return self.boot(self.data(), image_uuid=image['id'], **kwargs)

    @ddt.data((('vdb',), True), ((), False))
    @ddt.unpack
    def test_data_volume(self, mounted, cycled):
        server = self.boot_with_agent(*mounted)
        self.cinder.site = 'secondary'
        result = self.recover(server, self.DATA)
        self.assertEqual((Outcome.RECOVERED, cycled),
                         (result.outcome, result.power_cycled), result.reason)
        self.assert_healthy(server)

    def test_owner_wants_it_detached_all_the_same(self):
        server = self.boot_with_agent(
            'vdb', metadata={policy.METADATA_KEY: 'detach'})
        self.cinder.site = 'secondary'
        result = self.recover(server, self.DATA)
        self.assertEqual((Outcome.RECOVERED, False),
                         (result.outcome, result.power_cycled), result.reason)
        self.assertNotIn(self.DATA, self.bdms(server))


class OptedOut(PoliciesBase):

    def test_what_was_begun_is_finished(self):
        server = self.boot(self.root())
        self.cinder.site = 'secondary'
        self.cinder.faults.fail(faults.Call.ATTACHMENT_COMPLETE, '409',
                                times=1)
        result = self.recover(server, self.ROOT)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        # As after a crash.
        instance = self.instance(server)
        instance.task_state = staleness.TASK_STATE
        instance.save()
        result = self.recover(server, self.ROOT, policy='none')
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assert_healthy(server)

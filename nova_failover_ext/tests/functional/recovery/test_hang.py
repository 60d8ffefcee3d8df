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


"""A disconnect that hangs, as a flush of a dead multipath device does."""

import collections
import subprocess
import sys
import threading

import ddt
import fixtures
from nova.virt.libvirt.volume import volume as libvirt_volume
from oslotest import base as oslotest_base

from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.functional.recovery import base

Outcome = results.Outcome

#: Seconds of a hang that nobody sees the end of.
_HOUR = 3600
_OTHER = '9c1d6a14-0c43-4d0c-a3d6-b1b7cf5c7a10'


class HangTestBase(base.FailoverTestBase):
    """A host on which disconnecting the data volume can hang.

    :ivar gate: opened when the path answers again
    :ivar reached: set when a disconnect hangs
    :ivar tries: how many threads have tried, by device path
    """

    def setUp(self):
        super().setUp()
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)
        self.reached = threading.Event()
        self.ended = threading.Event()
        self.tries = collections.Counter()
        self.flags(disconnect_timeout=1, group='failover_compute')
        self.original = libvirt_volume.LibvirtVolumeDriver.disconnect_volume
        self.useFixture(fixtures.MockPatchObject(
            libvirt_volume.LibvirtVolumeDriver, 'disconnect_volume',
            new=lambda driver, *args, **kwargs:
            self._disconnect(driver, *args, **kwargs)))
        self.hangs = None

    def _disconnect(self, driver, connection_info, instance, **kwargs):
        path = connection_info['data']['device_path']
        self.tries[path] += 1
        if path != self.hangs:
            return self.original(driver, connection_info, instance, **kwargs)
        self.reached.set()
        self.gate.wait(_HOUR)
        try:
            return self.original(driver, connection_info, instance, **kwargs)
        finally:
            self.ended.set()

    def fail_over(self, site='secondary'):
        """Fail Cinder over; the old path of the data volume is dead."""
        self.hangs = self.cinder.path(self.DATA)
        self.cinder.site = site

    def answer(self):
        """Let the path answer, and wait for what hung there."""
        self.gate.set()
        self.assertTrue(self.ended.wait(base.PATIENCE))

    def connected(self):
        """Return the device paths that the host is connected to."""
        return self.hypervisor.connected['compute1']


@ddt.ddt
class HungDisconnect(HangTestBase):

    def setUp(self):
        super().setUp()
        self.server = self.boot()
        self.attach(self.server, self.DATA)

    def assert_healed_but_for_the_old(self, result):
        """The guest has its disk, and the reason tells what is open."""
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('disconnect', result.reason)
        self.assertIn(self.DATA, result.reason)
        self.assertNotIn(self.cinder.secret, result.reason)
        volume, = result.volumes
        self.assertEqual(Outcome.RECOVERED, volume.outcome)
        self.assertEqual(self.cinder.path(self.DATA),
                         self.disks(self.server)['vdb'])
        self.assertEqual('in-use', self.cinder.status(self.DATA))
        shown = self.api.get_server(self.server['id'])
        self.assertEqual(('ACTIVE', None), (
            shown['status'], shown['OS-EXT-STS:task_state']))
        info = self.info(self.server, self.DATA)
        self.assertNotIn(staleness.STAMP, info)
        self.assertEqual([self.hangs], [
            left['data']['device_path']
            for left in info[staleness.STALE_CONNECTIONS]])
        self.assertIn(self.hangs, self.connected())

    def assert_clean(self):
        """Nothing is left of it."""
        self.assert_healthy(self.server)
        self.assert_no_old_connection()
        info = self.info(self.server, self.DATA)
        self.assertNotIn(staleness.STALE_CONNECTIONS, info)
        self.assertEqual(self.cinder.site, info[staleness.STAMP])

    @ddt.data('reattach', 'power-cycle')
    def test_the_server_is_healed(self, policy):
        self.flags(default_policy=policy, group='failover')
        self.fail_over()
        self.assert_healed_but_for_the_old(
            self.recover(self.server, self.DATA))
        # A retry waits for nobody and starts no second thread.
        power_ons = self.hypervisor.power_ons.copy()
        self.assert_healed_but_for_the_old(
            self.recover(self.server, self.DATA))
        self.assertEqual(1, self.tries[self.hangs])
        self.assertEqual(power_ons, self.hypervisor.power_ons)
        self.answer()
        result = self.recover(self.server, self.DATA)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual(power_ons, self.hypervisor.power_ons)
        self.assert_clean()

    def recover_beside(self, other):
        """Recover another server while the removal hangs.

        :returns: the thread that recovers the first, and its outcome to come
        """
        outcome = []
        worker = threading.Thread(target=lambda: outcome.append(
            self.recover(self.server, self.DATA).outcome))
        worker.start()
        self.assertTrue(self.reached.wait(base.PATIENCE))
        result = self.recover(other, _OTHER)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assert_healthy(other)
        return worker, outcome

    def test_other_servers_do_not_wait(self):
        other = self.boot()
        self.attach(other, _OTHER)
        self.flags(disconnect_timeout=_HOUR, group='failover_compute')
        self.fail_over()
        worker, outcome = self.recover_beside(other)
        self.assertEqual([], outcome)
        self.answer()
        worker.join(base.PATIENCE)
        self.assertEqual([Outcome.RECOVERED], outcome)
        self.assert_clean()

    def test_no_other_server_waits_longer_than_the_time_out(self):
        # One slot: all wait for the one that hangs, until its time is up.
        self.flags(max_concurrent_recoveries=1, group='failover_compute')
        self.restart_compute_service('compute1')
        other = self.boot()
        self.attach(other, _OTHER)
        self.fail_over()
        worker, outcome = self.recover_beside(other)
        worker.join(base.PATIENCE)
        self.assertEqual([Outcome.DEFERRED], outcome)
        self.assertFalse(self.gate.is_set())

    def test_failback_waits_for_what_hangs(self):
        # What hangs would take away the path that is wanted again.
        self.fail_over()
        self.recover(self.server, self.DATA)
        self.cinder.site = 'primary'
        before = self.info(self.server, self.DATA), self.disks(self.server)
        result = self.recover(self.server, self.DATA)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('hangs', result.reason)
        self.assertEqual(before, (self.info(self.server, self.DATA),
                                  self.disks(self.server)))
        self.answer()
        result = self.recover(self.server, self.DATA)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assert_clean()

    def test_the_owner_may_power_cycle_it_meanwhile(self):
        self.fail_over()
        self.recover(self.server, self.DATA)
        self._reboot_server(self.server, hard=True)
        self._stop_server(self.server)
        self._start_server(self.server)
        self.answer()
        result = self.recover(self.server, self.DATA)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assert_clean()

    def test_a_new_process_removes_what_the_old_one_left(self):
        self.fail_over()
        self.recover(self.server, self.DATA)
        hung = self.hangs
        # The thread ends with its process; the path answers again.
        self.hangs = None
        self.restart_compute_service('compute1')
        self.assertIn(hung, self.connected())
        result = self.recover(self.server, self.DATA)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assert_clean()

    def test_stopped_server(self):
        self._stop_server(self.server)
        self.fail_over()
        result = self.recover(self.server, self.DATA)
        self.assertEqual(Outcome.DEFERRED, result.outcome)
        self.assertIn('disconnect', result.reason)
        self._start_server(self.server)
        self.assertEqual(self.cinder.path(self.DATA),
                         self.disks(self.server)['vdb'])
        self.answer()
        result = self.recover(self.server, self.DATA)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assert_clean()

    def test_detach(self):
        self.flags(default_policy='detach', group='failover')
        self.fail_over()
        result = self.recover(self.server, self.DATA)
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('disconnect', result.reason)
        self.recover(self.server, self.DATA)
        self.assertEqual(1, self.tries[self.hangs])
        self.answer()
        result = self.recover(self.server, self.DATA)
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual({}, self.bdms(self.server))
        self.assertEqual('available', self.cinder.status(self.DATA))
        self.assertEqual(set(), self.connected())


class ProcessEnd(oslotest_base.BaseTestCase):

    def test_process_ends_while_a_call_hangs(self):
        code = (
            'import threading\n'
            'from nova_failover_ext.recovery import bounded\n'
            'try:\n'
            '    bounded.Calls().call("key", threading.Event().wait, 0.1)\n'
            'except bounded.TimedOut:\n'
            '    print("timed out")\n')
        ended = subprocess.run(
            [sys.executable, '-c', code], capture_output=True, check=True,
            text=True, timeout=base.PATIENCE)
        self.assertEqual('timed out', ended.stdout.strip())

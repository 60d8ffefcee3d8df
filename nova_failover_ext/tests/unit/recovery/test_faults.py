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

"""Calls around the steps of a recovery that fail, or do not come back."""

import threading

import ddt
from oslo_serialization import jsonutils
import tenacity

from nova_failover_ext.recovery import recovery
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.unit.recovery import base
from nova_failover_ext.tests.unit.recovery import world

Outcome = results.Outcome


@ddt.ddt
class Failing(base.Case):

    def setUp(self):
        super().setUp()
        self.around = self.world(world.Volume('b'))

    def assert_told(self, outcome, words):
        result = self.recover(self.around)
        self.assertEqual(outcome, result.outcome, result.reason)
        self.assertIn(words, result.reason)
        self.assertNotIn('canary', result.reason)

    def assert_healed(self):
        result = self.recover(self.around)
        self.assertIn(result.outcome, (
            Outcome.RECOVERED, Outcome.UNCHANGED), result.reason)
        self.assertEqual({'b': 'secondary'}, self.around.stamps())
        self.assertIsNone(self.around.instance.task_state)

    def test_hypervisor(self):
        told = self.around.virt.guest_runs.side_effect
        self.around.virt.guest_runs.side_effect = OSError('password=canary')
        self.assert_told(Outcome.DEFERRED, 'whether the guest runs: OSError')
        self.assertEqual([], self.around.calls)
        self.around.virt.guest_runs.side_effect = told
        self.assert_healed()

    def test_connector(self):
        self.around.virt.connector.side_effect = OSError('canary')
        self.assert_told(Outcome.FAILED, 'step connector: OSError')
        self.assertEqual([], self.around.calls)
        self.around.virt.connector.side_effect = None
        self.assert_healed()

    def test_claim(self):
        self.around.instance.save.side_effect = [OSError('canary'), None]
        self.assert_told(Outcome.FAILED, 'step claim: OSError')
        self.around.instance.save.side_effect = None
        self.assert_healed()

    def test_end_of_the_claim(self):
        self.around.instance.save.side_effect = [None, OSError('canary')]
        self.assert_told(
            Outcome.DEFERRED, 'task_state cannot be cleared: OSError')
        # As it is in the database.
        self.around.instance.task_state = staleness.TASK_STATE
        self.around.instance.save.side_effect = None
        self.assert_healed()

    def test_end_of_the_claim_after_a_failure(self):
        self.around.instance.save.side_effect = [None, OSError('canary')]
        self.around.errors['plug'] = OSError('canary')
        self.assert_told(Outcome.FAILED, 'step plug: OSError')
        self.around.instance.save.side_effect = [None, OSError('canary')]
        self.assert_told(
            Outcome.FAILED, 'task_state cannot be cleared: OSError')

    def test_power_state(self):
        self.around.host.update_power_state.side_effect = OSError('canary')
        self.assert_told(Outcome.FAILED, 'step power_state: OSError')
        self.around.host.update_power_state.side_effect = None
        self.assert_healed()

    def test_record(self):
        self.record.succeeded.side_effect = OSError('canary')
        self.assert_told(Outcome.FAILED, 'step record: OSError')
        self.record.succeeded.side_effect = None
        self.assert_healed()

    @ddt.data(True, False)
    def test_stamp(self, stale):
        if not stale:
            volume = self.around.volumes['b']
            volume.path = volume.attachment_path = world.OLD % 'b'
        bdm, = self.around.bdms
        saved = bdm.save.side_effect

        def save():
            if jsonutils.loads(bdm.connection_info).get(
                    staleness.STAMP) == 'secondary':
                bdm.connection_info = bdm.connection_info.replace(
                    staleness.STAMP, 'lost')
                raise OSError('canary')
            saved()

        bdm.save.side_effect = save
        self.assert_told(Outcome.FAILED, 'step stamp: OSError')
        bdm.save.side_effect = saved
        self.assert_healed()


class HangingGuest(base.Case):
    """libvirt does not come back from a guest that waits for its storage."""

    def test_release(self):
        around = self.world(world.Volume('a', 0), world.Volume('b'))
        around.conf.failover_compute.release_timeout = 0.1
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        around.virt.release.side_effect = lambda *args: go_on.wait(60)
        result = recovery.Recovery(around.components).recover(
            self.context, world.SERVER, {'b': 'secondary'})
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        # Its shutdown would wait for the storage, or write to it.
        self.assertEqual(1, around.calls.count('power_off'))
        self.assertTrue(around.guest_runs)
        self.assertIn(0.1, around.virt.release.call_args.args)


class Hanging(base.Case):
    """Nova connects all volumes again before a guest is on."""

    def setUp(self):
        super().setUp()
        self.around = self.world(world.Volume('a', 0))
        self.around.conf.failover_compute.connect_timeout = 0.1
        self.go_on, self.ended = threading.Event(), threading.Event()
        self.addCleanup(self.go_on.set)
        # What hangs is known to the host, whoever asks.
        self.work = recovery.Recovery(self.around.components)

    def pass_(self):
        return self.work.recover(
            self.context, world.SERVER, {'a': 'secondary'})

    def test_power_on(self):
        power_on = self.around.host.power_on.side_effect

        def hang(context, instance):
            self.go_on.wait(60)
            power_on(context, instance)
            self.ended.set()

        self.around.host.power_on.side_effect = hang
        result = self.pass_()
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('step power_on: TimedOut', result.reason)
        # Nobody interferes meanwhile.
        self.assertEqual(staleness.TASK_STATE, self.around.instance.task_state)
        del self.around.calls[:]
        result = self.pass_()
        self.assertEqual((Outcome.DEFERRED, 'its power on still hangs'),
                         (result.outcome, result.reason))
        self.assertEqual([], self.around.calls)
        self.go_on.set()
        self.assertTrue(self.ended.wait(60))
        tenacity.Retrying(
            wait=tenacity.wait_fixed(0.01),
            stop=tenacity.stop_after_delay(60),
            retry=tenacity.retry_if_result(bool))(
                self.around.components.calls.hangs, ('power_on', world.SERVER))
        result = self.pass_()
        self.assertEqual(Outcome.RECOVERED, result.outcome, result.reason)
        self.assertEqual(1, self.around.calls.count('power_on'))
        self.assertNotIn('power_off', self.around.calls)
        self.assertIsNone(self.around.instance.task_state)

    def test_connector(self):
        self.around.virt.connector.side_effect = (
            lambda instance: self.go_on.wait(60))
        result = self.pass_()
        self.assertEqual(Outcome.FAILED, result.outcome)
        self.assertIn('step connector: TimedOut', result.reason)
        self.assertEqual([], self.around.calls)
        self.assertTrue(self.around.guest_runs)

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


"""Kills nova-compute between any two acts of a recovery, and starts it again.

The boundaries are those between any two acts of a recovery that was not cut
off, which is recorded first; so a step that is new has its place in the
matrix at once.
"""

import functools
import random
import types
from unittest import mock

import fixtures
import futurist
from nova.compute import manager as compute_manager
from nova.servicegroup.drivers import db as servicegroup_db
from nova.tests.fixtures import libvirt as fakelibvirt

from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery import startup_recovery
from nova_failover_ext.tests.functional.recovery import crash_process
from nova_failover_ext.tests.functional.recovery import crash_scenes

Outcome = crash_scenes.Outcome
#: Seconds, more than a scene takes.
LONG = 3600


class CrashTestBase(crash_scenes.SceneTestBase):
    """Tests that kill nova-compute."""

    def setUp(self):
        super().setUp()
        # No service lives long enough to report that it is alive. The
        # scheduler has read service_down_time before.
        self.useFixture(fixtures.MonkeyPatch(
            'nova.servicegroup.drivers.db.DbDriver.is_up',
            functools.partialmethod(_is_up, servicegroup_db.DbDriver.is_up)))
        # What a host recovers by itself at its start is done once it has
        # started.
        self.useFixture(fixtures.MockPatchObject(
            startup_recovery, 'futurist', new=types.SimpleNamespace(
                ThreadPoolExecutor=lambda **kwargs:
                futurist.SynchronousExecutor())))

    def start_compute(self, *args, **kwargs):
        """See the base class; the dead stay dead until here."""
        if not hasattr(self, 'process'):
            return super().start_compute(*args, **kwargs)
        self.process.revive()
        # It takes long, and the resources are what they were.
        with mock.patch.object(
                compute_manager.ComputeManager, 'update_available_resource',
                autospec=True):
            return super().start_compute(*args, **kwargs)

    def arrange(self, scene):
        """See the base class."""
        # To have a new server, the host has to know its resources again.
        self._run_periodics()
        super().arrange(scene)

    def _boot(self):
        """Start the host, of which only its storage is left."""
        domain = self.domain(self.server)
        domain._state = fakelibvirt.VIR_DOMAIN_SHUTOFF
        domain._connection._mark_not_running(domain)
        self.hypervisor.connected['compute1'].clear()
        self.restart_compute_service('compute1')

    def restart(self):
        """Start nova-compute again; the hypervisor went on meanwhile."""
        if not self.scene.alone:
            self.cinder.faults.fail('list services', 'connection')
        self.restart_compute_service('compute1')
        self.cinder.faults.clear()
        self.wait_for(lambda: self.instance(self.server).task_state in (
            None, staleness.TASK_STATE), 'the end of what Nova takes up')

    def matrix(self, scene):
        """Kill at every boundary of one scene, and show the table.

        :returns: the number of boundaries
        """
        acts, power_ons = self._begin(scene)
        self._all([(number,) for number in range(len(acts) + 1)], acts,
                  power_ons)
        self.clear()
        return len(acts) + 1

    def pairs(self, scene, count, seed=1):
        """Kill a recovery, and then the one that follows, at random.

        :param count: how many times
        """
        acts, power_ons = self._begin(scene)
        chosen = random.Random(seed)
        self._all([
            (chosen.randrange(len(acts)), chosen.randrange(len(acts)))
            for _number in range(count)], acts, power_ons)
        self.clear()

    def _begin(self, scene):
        self.flags(resume_guests_state_on_host_boot=(
            scene.alone or scene.deed == 'boot'))
        self.arrange(scene)
        recording, power_ons = self.undisturbed()
        return recording.acts, power_ons

    def _all(self, kills, acts, power_ons):
        names = ['nothing', *acts]
        cases = [
            ((', '.join(map(str, numbers)),
              ', then '.join(str(names[number]) for number in numbers)),
             functools.partial(self._case, numbers, acts, power_ons))
            for numbers in kills]
        self.try_all('Crash matrix', [
            '', 'killed after', 'passes', 'power ons'], 'passes', cases)

    def _case(self, kills, acts, power_ons):
        self.fail_over()
        done = []
        for number in kills:
            kill = crash_process.Kill(number)
            self.act(kill)
            self.assertTrue(kill.dead)
            done.append([str(act) for act in kill.acts])
            self.restart()
        self.assertEqual([str(act) for act in acts[:kills[0]]], done[0])
        passes = self.heal()
        self.assert_converged()
        self.assertLessEqual(self.power_ons(), power_ons + len(kills))
        # Once it is healthy, the next pass finds nothing to do.
        self.assertIn(self.recovery().outcome, (
            Outcome.UNCHANGED, Outcome.SKIPPED))
        return [', '.join(passes) or 'none',
                f'{self.power_ons()} ({power_ons})']


def _is_up(_own, is_up, service):
    return is_up(types.SimpleNamespace(service_down_time=LONG), service)

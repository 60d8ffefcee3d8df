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


"""The crash matrix: nova-compute is killed at every boundary."""

import ddt

from nova_failover_ext.tests.functional.recovery import crash
from nova_failover_ext.tests.functional.recovery import crash_scenes

Scene = crash_scenes.Scene


@ddt.ddt
class Reattach(crash.CrashTestBase):

    @ddt.data(Scene(root=True), Scene(data=True), Scene(root=True, data=True),
              Scene(data=True, held=True))
    def test_running_server(self, scene):
        self.assertGreaterEqual(self.matrix(scene), 12)

    def test_stopped_server(self):
        self.matrix(Scene(root=True, runs=False))
        self.matrix(Scene(data=True, runs=False))

    def test_what_follows_a_crash_crashes_too(self):
        self.pairs(Scene(root=True), 8)
        self.pairs(Scene(data=True), 8)


class OtherPolicies(crash.CrashTestBase):

    def test_power_cycle(self):
        self.matrix(Scene(data=True, policy='power-cycle'))

    def test_detach(self):
        self.matrix(Scene(data=True, policy='detach'))
        self.matrix(Scene(data=True, runs=False, policy='detach'))

    def test_refresh(self):
        self.matrix(Scene(root=True, policy='refresh'))
        self.matrix(Scene(data=True, policy='refresh'))


@ddt.ddt
class PowerCycleThatWasWaitedFor(crash.CrashTestBase):

    @ddt.data('start', 'reboot')
    def test_crash(self, deed):
        self.matrix(Scene(root=True, policy='refresh', waits=True, deed=deed))


class StartupRecovery(crash.CrashTestBase):

    def test_process_goes_on_by_itself(self):
        self.matrix(Scene(root=True, alone=True))
        self.matrix(Scene(data=True, runs=False, alone=True))

    def test_crash_of_a_host_that_has_just_started(self):
        self.matrix(Scene(root=True, deed='boot', alone=True))

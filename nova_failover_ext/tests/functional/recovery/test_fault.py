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


"""The fault matrix: each call of a recovery to the world is disturbed."""

import ddt

from nova_failover_ext.tests.functional.recovery import crash_scenes
from nova_failover_ext.tests.functional.recovery import fault

Scene = crash_scenes.Scene


@ddt.ddt
class Faults(fault.FaultTestBase):

    @ddt.data(Scene(data=True), Scene(root=True))
    def test_running_server(self, scene):
        self.matrix(scene)

    @ddt.data(Scene(data=True, runs=False), Scene(root=True, runs=False))
    def test_stopped_server(self, scene):
        self.matrix(scene, brief=True)

    def test_detach(self):
        self.matrix(Scene(data=True, policy='detach'), brief=True)

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
"""The whole scenario of the demo, as a test."""

from cloud.scenario import checks
from cloud.scenario import play
from cloud.tests import base
from cloud.tests import stage


class ScenarioTest(base.CloudTestCase):
    """Lose, fail over, heal, fail back; servers (a) to (e)."""

    core = True
    first = True
    storage = ('files', 'iscsi', 'nfs', 'ceph')

    def setUp(self) -> None:
        """The scenario brings its own servers."""
        super(base.CloudTestCase, self).setUp()
        self.stage = stage.get()

    def test_failover_and_failback(self) -> None:
        """All that the demo shows holds."""
        done = play.Play(self.stage.world)
        try:
            done.run()
        finally:
            self.stage.cast = done.cast
        self.assertEqual([], checks.failures(done.results))

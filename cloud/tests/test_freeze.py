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

"""The scenario with a site that hangs, on each kind of real storage."""

from cloud.scenario import checks
from cloud.scenario import play
from cloud.tests import base
from cloud.tests import stage


class FreezeTest(base.CloudTestCase):
    """The scenario, with a site that keeps its connections."""

    core = True
    first = True
    storage = ('ceph', 'iscsi', 'nfs')

    def setUp(self) -> None:
        """The scenario brings its own servers."""
        super(base.CloudTestCase, self).setUp()
        self.stage = stage.get()

    def test_site_frozen(self) -> None:
        """All that holds for a site that is killed holds for a frozen one."""
        done = play.Play(self.stage.world, how='freeze')
        try:
            done.run()
        finally:
            self.stage.cast = done.cast
        self.assertEqual([], checks.failures(done.results))

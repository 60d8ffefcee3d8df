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

"""What an operator has paused stays so, whichever engine acts."""

from nova_failover_ext.tests.functional.engine import base
from nova_failover_ext.tests.functional.recovery import base as recovery_base
from nova_failover_ext.tests.unit.api import test_pauses


class PauseTest(base.EngineTestBase):
    """Over a database in a file."""

    def test_the_next_engine_keeps_the_pause(self):
        server = self.boot_many(('compute1',))[0]
        engine = self.start_engine()
        said = self.engine.pause(
            self.context, test_pauses.pause(base.BACKEND).to_primitive(),
            recovery_base.PATIENCE)
        self.assertEqual('', said['decisions'])
        self.cinder.site = 'secondary'
        engine.stop()
        engine.wait()
        self.start_engine()
        found = self.wait_for(
            lambda: (lambda found: found['waiting'] and found)(
                self.progress()), 'a server that waits')
        self.assertEqual((False, 0), (found['done'], found['in_flight']))
        self.assertEqual([], self.sent)
        self.engine.resume(self.context, base.BACKEND, 'jo@ctl1',
                           recovery_base.PATIENCE)
        self.wait_until_healed(server)

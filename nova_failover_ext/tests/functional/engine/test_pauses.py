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

    OPTIONS = {'max_in_flight': 2}

    def test_in_the_middle_of_a_recovery(self):
        servers = self.boot_many(('compute1', 'compute2', 'compute3') * 2)
        self.cinder.site = 'secondary'
        held = self.hold(times=2)
        engine = self.start_engine()
        self.wait_for(lambda: len(self.under_way()) == 2, 'two of them')
        self._pause()
        held.release()
        # Each end is an occasion to start another one.
        self.wait_for(lambda: not self.progress()['in_flight'], 'their end')
        self.assertEqual(['recovered'] * 2,
                         [sent.outcome for sent in self.sent])
        engine.stop()
        engine.wait()
        self.start_engine()
        self.assertEqual(4, self._wait_for_work()['waiting'])
        self.assertEqual(2, len(self.sent))
        self._resume()
        self.wait_until_healed(*servers)
        self.wait_until_idle()
        self.assertEqual(6, len(self.sent))

    def test_the_next_engine_keeps_the_pause(self):
        server = self.boot_many(('compute1',))[0]
        engine = self.start_engine()
        self._pause()
        self.cinder.site = 'secondary'
        engine.stop()
        engine.wait()
        self.start_engine()
        found = self._wait_for_work()
        self.assertEqual((False, 0), (found['done'], found['in_flight']))
        self.assertEqual([], self.sent)
        self._resume()
        self.wait_until_healed(server)

    def _pause(self):
        said = self.engine.pause(
            self.context, test_pauses.pause(base.BACKEND).to_primitive(),
            recovery_base.PATIENCE)
        self.assertEqual('', said['decisions'])

    def _resume(self):
        self.engine.resume(self.context, base.BACKEND, 'jo@ctl1',
                           recovery_base.PATIENCE)

    def _wait_for_work(self):
        return self.wait_for(
            lambda: (lambda found: found['waiting'] and found)(
                self.progress()), 'a server that waits')

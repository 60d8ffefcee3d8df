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

"""A few servers of a failover are tried before the others."""

from nova_failover_ext.api import pauses
from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.engine import base
from nova_failover_ext.tests.functional.recovery import base as recovery_base

HOSTS = ('compute1', 'compute2', 'compute3', 'compute1', 'compute2')
PRIORITIES = (3, 1, 3, 2, 3)


class CanaryTest(base.EngineTestBase):
    """Two canaries."""

    OPTIONS = {'automatic': 'canary', 'max_in_flight': 2}

    def setUp(self):
        super().setUp()
        self.servers = self.boot_many(HOSTS, PRIORITIES)
        self.canaries = [self.servers[1], self.servers[3]]
        self.others = [s for s in self.servers if s not in self.canaries]

    def _paused(self):
        found = self.engine.health(self.context, recovery_base.PATIENCE)
        return [pauses.Pause.from_primitive(one) for one in found['pauses']]

    def _wait_for_pause(self):
        [pause] = self.wait_for(self._paused, 'a pause')
        self.assertTrue(pause.by_engine)
        self.assertEqual(base.BACKEND, pause.backend)
        return pause

    def _resume(self):
        self.engine.resume(self.context, base.BACKEND, 'jo@ctl1',
                           recovery_base.PATIENCE)

    def _restart(self, engine):
        engine.stop()
        engine.wait()
        return self.start_engine()

    def _wait_for_scan(self):
        self.wait_for(lambda: self.progress()['waiting'], 'a scan')

    def _sent(self):
        return {sent.server_id for sent in self.sent}

    def _ids(self, servers):
        return {server['id'] for server in servers}

    def test_the_others_wait_for_resume(self):
        self.cinder.site = 'secondary'
        engine = self.start_engine()
        pause = self._wait_for_pause()
        self.assertEqual(
            '2 of 2 canary servers recovered; 3 servers wait for '
            '"nova-failover resume %s"' % base.BACKEND, pause.reason)
        self.wait_until_healed(*self.canaries)
        self._restart(engine)
        self._wait_for_scan()
        self.assertEqual([pause], self._paused())
        self.assertEqual(self._ids(self.canaries), self._sent())
        self._resume()
        self.wait_until_healed(*self.others)
        self.wait_until_idle()
        self.assertEqual([], self._paused())

    def test_a_resumed_failover_is_not_paused_again(self):
        self.cinder.site = 'secondary'
        engine = self.start_engine()
        self._wait_for_pause()
        held = self.hold(times=2)
        self._resume()
        self.wait_for(lambda: len(self.under_way()) == 2, 'two others')
        engine.stop()
        engine.wait()
        held.release()
        self.wait_for(lambda: not self.under_way(), 'their end')
        self.start_engine()
        self.wait_until_healed(*self.servers)
        self.wait_until_idle()
        self.assertEqual([], self._paused())

    def test_a_failed_canary_is_told(self):
        self.cinder.faults.fail(
            faults.Call.ATTACHMENT_UPDATE,
            volume_id=self.volumes_of(self.canaries[0])[0])
        self.cinder.site = 'secondary'
        self.start_engine()
        pause = self._wait_for_pause()
        self.assertIn('1 of 2 canary servers recovered; %s is '
                      % self.canaries[0]['id'], pause.reason)
        self.assertEqual(self._ids(self.canaries), self._sent())

    def test_the_next_failover_has_canaries_of_its_own(self):
        self.cinder.site = 'secondary'
        self.start_engine()
        self._wait_for_pause()
        self.cinder.site = 'primary'
        # Nobody has resumed, and yet they are healed.
        self.wait_until_healed(*self.canaries)
        # What may be stale waits, for all the engine knows.
        self._wait_for_pause()
        self._resume()
        self.wait_until_idle()
        self.assertEqual([['unchanged']] * 3,
                         [self.outcomes(server) for server in self.others])

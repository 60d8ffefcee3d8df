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


"""What changes while servers wait for their turn."""

from nova_failover_ext.tests.functional.engine import base
from nova_failover_ext.tests.functional.recovery import moves


class Superseded(base.EngineTestBase):
    """A failback comes before all servers had their turn."""

    OPTIONS = {'max_in_flight': 1}

    def test_what_waits_never_starts(self):
        first, *others = self.boot_many(
            ('compute1', 'compute2', 'compute3'), (1, 2, 3))
        self.cinder.site = 'secondary'
        held = self.hold()
        self.start_engine()
        held.wait()
        self.cinder.site = 'primary'
        self.wait_for(lambda: not self.progress()['waiting'],
                      'the end of what waited')
        held.release()
        self.wait_until_healed(first, *others)
        self.wait_until_idle()
        old = self.sent[0].failover_id
        self.assertEqual([first['id']], [
            sent.server_id for sent in self.sent
            if sent.failover_id == old])
        for server in others:
            self.assertNotIn('recovered', self.outcomes(server))


class Moved(base.EngineTestBase):
    """A server moves to another host while it waits."""

    OPTIONS = {'max_in_flight': 1}

    def setUp(self):
        super().setUp()
        self.useFixture(moves.Moves(self.computes))

    def test_the_second_host_is_asked(self):
        first, server = self.boot_many(('compute1', 'compute1'), (1, 2))
        self.cinder.site = 'secondary'
        held = self.hold(volume_id=self.volumes_of(first)[0])
        self.start_engine()
        held.wait()
        self.api.post_server_action(server['id'], {'os-migrateLive': {
            'host': 'compute2', 'block_migration': 'auto'}})
        self.wait_for_all([server], 'ACTIVE')
        self.assertEqual('compute2', self.host_of(server))
        held.release()
        self.wait_until_healed(first, server)
        self.wait_until_idle()
        sent = [each for each in self.sent
                if each.server_id == server['id']]
        self.assertEqual(('compute1', 'skipped'),
                         (sent[0].host, sent[0].outcome))
        self.assertEqual('compute2', sent[-1].host)
        self.assertIn(sent[-1].outcome, ('recovered', 'unchanged'))


class Restarted(base.EngineTestBase):
    """Another engine comes in the midst of a failover."""

    OPTIONS = {'max_in_flight': 1}

    def test_the_failover_keeps_its_name(self):
        servers = self.boot_many(
            ('compute1', 'compute2', 'compute3'), (1, 2, 3))
        self.cinder.site = 'secondary'
        # Else all three may be healed before the engine stops.
        held = self.hold(volume_id=self.volumes_of(servers[1])[0])
        engine = self.start_engine()
        held.wait()
        engine.stop()
        held.release()
        self.wait_for(lambda: not self.under_way(), 'what was under way')
        self.assertFalse(all(map(self.is_healed, servers)))
        self.start_engine()
        self.wait_until_healed(*servers)
        self.assertEqual(1, len({action['request_id'] for server in servers
                                 for action in self.actions(server)}))

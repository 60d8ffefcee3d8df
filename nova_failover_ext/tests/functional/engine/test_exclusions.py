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

"""What operators have excluded is left alone, whichever engine acts."""

from unittest import mock

import fixtures
from nova import rpc as nova_rpc

from nova_failover_ext.api import exclusions
from nova_failover_ext.cli import exclude
from nova_failover_ext.cli import main
from nova_failover_ext import startup
from nova_failover_ext.tests.functional.engine import base
from nova_failover_ext.tests.functional.recovery import base as recovery_base
from nova_failover_ext.tests.unit.api import test_exclusions

Kind = exclusions.Kind


class ExclusionTest(base.EngineTestBase):
    """Over a database in a file."""

    def _exclude(self, target, kind=Kind.SERVER):
        return self.engine.exclude(
            self.context,
            test_exclusions.exclusion(target, kind).to_primitive(),
            recovery_base.PATIENCE)['exclusions']

    def _include(self, target, kind=Kind.SERVER):
        return self.engine.include(self.context, kind.value, target,
                                   'jo@ctl1', recovery_base.PATIENCE)

    def _aggregate(self, name, host, zone=None):
        made = self.api.post_aggregate({'aggregate': {
            'name': name, 'availability_zone': zone}})
        self.api.add_host_to_aggregate(made['id'], host)
        return str(made['id'])

    def _wait_until_excluded(self, number=1):
        return self.wait_for(
            lambda: (lambda found: found['done'] and found['counts'].get(
                'excluded') == number and found)(self.progress()),
            'the end of the work on others')

    def test_the_next_engine_leaves_it_alone(self):
        excluded, other = self.boot_many(('compute1', 'compute2'))
        engine = self.start_engine()
        self._exclude(excluded['id'])
        engine.stop()
        engine.wait()
        self.cinder.site = 'secondary'
        self.start_engine()
        self.wait_until_healed(other)
        self._wait_until_excluded()
        # Nor does it help to ask.
        self.ask(servers=[excluded['id']], ignore_stamps=True)
        self.wait_for(lambda: len(self.progress()['begun']) == 1, 'a round')
        self.wait_until_idle()
        self.assertEqual([], self.outcomes(excluded))
        self._include(excluded['id'])
        self.wait_until_healed(excluded)

    def test_what_is_in_flight_is_not_cut_off(self):
        server = self.boot_many(('compute1',))[0]
        held = self.hold()
        self.cinder.site = 'secondary'
        self.start_engine()
        self.wait_for(self.under_way, 'a server in flight')
        self._exclude(server['id'])
        held.release()
        self.wait_until_healed(server)

    def test_hosts_of_aggregates_and_zones(self):
        racks = self._aggregate('racks', 'compute1')
        # Nova moves no servers from one zone to another.
        self._aggregate('of-az1', 'compute2', zone='az1')
        first, second, third = self.boot_many(
            ('compute1', 'compute2', 'compute3'))
        self.start_engine()
        self._exclude(racks, Kind.AGGREGATE)
        found = self._exclude('az1', Kind.ZONE)
        self.assertEqual([['compute1'], ['compute2']],
                         [one['hosts'] for one in found])
        self.cinder.site = 'secondary'
        self.ask()
        self.wait_until_healed(third)
        self._wait_until_excluded(2)
        self._include('az1', Kind.ZONE)
        self.wait_until_healed(second)
        self._include(racks, Kind.AGGREGATE)
        self.wait_until_healed(first)

    def _command(self, *argv):
        stdout = self.useFixture(fixtures.StringStream('stdout')).stream
        self.useFixture(fixtures.MonkeyPatch('sys.stdout', stdout))
        app = main.FailoverApp()
        app.command_manager.add_command('exclude', exclude.Exclude)
        app.command_manager.add_command('include', exclude.Include)
        with (mock.patch.object(startup, 'choose_threads', autospec=True),
              mock.patch.object(startup, 'configure', autospec=True,
                                return_value=nova_rpc.CONF)):
            return app.run(list(argv))

    def test_by_the_commands(self):
        excluded, other = self.boot_many(('compute1', 'compute3'))
        name = self.api.get_server(excluded['id'])['name']
        self.start_engine()
        argv = ('exclude', '--server', name, '--reason', 'is migrated',
                '--until', '1d')
        self.assertEqual(0, self._command(*argv))
        # What an engine in the same process refuses arrives as it is raised.
        self.assertNotEqual(0, self._command(*argv))
        self.cinder.site = 'secondary'
        self.ask()
        self.wait_until_healed(other)
        self._wait_until_excluded()
        self.assertEqual([], self.outcomes(excluded))
        argv = ('include', '--server', excluded['id'])
        self.assertEqual(0, self._command(*argv))
        self.assertNotEqual(0, self._command(*argv))
        self.wait_until_healed(excluded)

    def test_a_project_and_a_host(self):
        server = self.boot_many(('compute1',))[0]
        self.start_engine()
        self._exclude(server['tenant_id'], Kind.PROJECT)
        self._exclude('compute1', Kind.HOST)
        self.cinder.site = 'secondary'
        self.ask()
        self._wait_until_excluded()
        # Each is ended by itself.
        self._include(server['tenant_id'], Kind.PROJECT)
        self._wait_until_excluded()
        self.assertEqual([], self.sent)
        self._include('compute1', Kind.HOST)
        self.wait_until_healed(server)

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


"""Hosts that are down, and servers on more than one backend."""

from nova_failover_ext.tests.functional.engine import base


class HostDown(base.EngineTestBase):
    """A compute host is down during the failover."""

    def test_it_is_left_alone_and_healed_on_return(self):
        down, up = self.boot_many(('compute3', 'compute1'))
        self.set_down('compute3', True)
        self.cinder.site = 'secondary'
        self.start_engine()
        self.wait_until_healed(up)
        self.wait_for(lambda: self.progress()['counts'].get('deferred'),
                      'deferral')
        self.assertIn('down', self.status()['servers'][down['id']]['reason'])
        self.assertEqual([], self.outcomes(down))
        self.set_down('compute3', False)
        self.wait_until_healed(down)
        self.assertEqual(['recovered'], self.outcomes(down))


class Several(base.EngineTestBase):
    """Two backends fail over at once."""

    def test_one_power_cycle_for_both(self):
        volumes = [self.cinder.volume(), self.cinder.volume(backend='second')]
        server = self.boot(self.root(volumes[0]), self.data(volumes[1]),
                           host='compute2')
        self.cinder.site = 'secondary'
        self.cinder.cinder.fail_over('secondary', base.SECOND)
        self.start_engine()
        self.wait_for(lambda: self.is_healed(server), 'recovery')
        # Each of them has the server asked about.
        for backend in (base.BACKEND, base.SECOND):
            self.wait_until_idle(backend)
        self.wait_until_healed(server)
        self.assertEqual(2, self.hypervisor.power_ons[server['id']])

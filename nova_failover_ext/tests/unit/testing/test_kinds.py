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

"""What Cinder says of where volumes are, by kind and site."""

import ddt
from oslotest import base

from nova_failover_ext.recovery import volume_places
from nova_failover_ext.testing import connections
from nova_failover_ext.testing import fake_cinder
from nova_failover_ext.testing import kinds


@ddt.ddt
class Connections(base.BaseTestCase):

    @ddt.data(*sorted(connections.TYPES))
    def test_every_site_is_another_place(self, name):
        kind = kinds.Kind(connection=name)
        infos = [kind.connection_info('v1', site, 'secret')
                 for site in ('primary', 'secondary', 'third')]
        for one in infos:
            self.assertEqual(name, one['driver_volume_type'])
            for other in infos:
                self.assertEqual(one is other,
                                 volume_places.same_place(one, other))

    @ddt.data(*sorted(connections.TYPES))
    def test_every_volume_is_another_place(self, name):
        kind = kinds.Kind(connection=name)
        one, other = (kind.connection_info(volume_id, 'primary', 's')
                      for volume_id in ('v1', 'v2'))
        self.assertFalse(volume_places.same_place(one, other))

    def test_encryption(self):
        kind = kinds.Kind(encryption=kinds.Encryption(kinds.PLAIN, 'key'))
        self.assertTrue(kind.connection_info('v', 'here', 's')['data'][
            'encrypted'])
        self.assertEqual(
            {'encryption_key_id': 'key', 'provider': 'plain',
             'cipher': 'aes-xts-plain64', 'key_size': 256,
             'control_location': 'front-end'}, kind.encryption_metadata())


@ddt.ddt
class Sites(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.cinder = fake_cinder.Cinder({}, 'home')
        self.cinder.add('moves', kinds.Kind())
        self.cinder.add('stays', kinds.Kind(replicated=False))
        self.cinder.add('apart', kinds.Kind(replicated=False,
                                            backend='plain'))

    def sites(self):
        return [self.cinder.site(volume_id) for volume_id in
                ('moves', 'stays', 'apart')]

    def test_a_volume_is_made_anew(self):
        self.cinder.fail_over('away')
        self.cinder.add('stays', kinds.Kind(replicated=False, size=2))
        self.assertEqual(2, self.cinder.kind('stays').size)
        self.assertEqual('available', self.cinder.records.status('stays'))
        self.cinder.records.reserve('stays', 's1')
        self.assertRaises(ValueError, self.cinder.add, 'stays',
                          kinds.Kind())

    def test_only_replicated_volumes_move(self):
        self.assertEqual(['home', 'home', 'plain'], self.sites())
        self.cinder.fail_over('away')
        self.assertEqual(['away', 'home', 'plain'], self.sites())
        self.cinder.fail_over('default')
        self.assertEqual(['home', 'home', 'plain'], self.sites())

    def test_only_volumes_of_the_backend_are_written(self):
        self.cinder.fail_over('away')
        self.assertEqual(
            [('available', 'failed-over'), ('error', 'not-capable'),
             ('available', 'disabled')],
            [(volume.status, volume.replication_status)
             for volume in self.cinder.records.rows()])

    @ddt.data('away', 'default')
    def test_to_where_it_is(self, target):
        self.cinder.fail_over('away')
        self.cinder.fail_over(target)
        before = dict(vars(self.cinder.backends.services[0]))
        self.cinder.fail_over(target)
        self.assertEqual(before, vars(self.cinder.backends.services[0]))
        self.assertEqual('error', self.cinder.records.status('stays'))

    def test_a_volume_that_is_new_after_the_failover(self):
        self.cinder.fail_over('away')
        self.cinder.add('stays', kinds.Kind(replicated=False))
        self.assertEqual(['failed-over', 'disabled'], [
            self.cinder.records.volume(volume_id).replication_status
            for volume_id in ('any', 'stays')])

    def test_a_member_that_is_down_does_not_say_the_site(self):
        first = self.cinder.backends.services[0]
        second = type(first)('other@repl', cluster='mine')
        first.cluster = 'mine'
        self.cinder.backends.services.append(second)
        first.state, second.active_backend_id = 'down', 'away'
        self.assertEqual('away', self.cinder.backends.site())

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

"""What counts as stale, by tables."""

import ddt
from oslotest import base

from nova_failover_ext.recovery import staleness

ISCSI = {'target_portals': ['a:3260', 'b:3260'],
         'target_iqns': ['iqn.a', 'iqn.b'], 'target_luns': [1, 2],
         'target_portal': 'a:3260', 'target_iqn': 'iqn.a', 'target_lun': 1}
RBD = {'name': 'volumes/v', 'hosts': ['m1', 'm2'], 'ports': ['1', '2'],
       'auth_username': 'cinder'}


def info(data, kind='iscsi', **top):
    return dict({'driver_volume_type': kind, 'data': data}, **top)


@ddt.ddt
class DifferingKeys(base.BaseTestCase):

    @ddt.data(
        ({'device_path': '/a'}, {'device_path': '/a'}, []),
        ({'device_path': '/a'}, {'device_path': '/b'}, ['device_path']),
        ({}, {'device_path': '/b'}, ['device_path']),
        # What only the host knows says nothing.
        ({'target_iqn': 'i', 'device_path': '/dev/sdx', 'multipath_id': 'w'},
         {'target_iqn': 'i'}, []),
        # How, not where.
        ({'target_iqn': 'i', 'access_mode': 'rw', 'qos_specs': None},
         {'target_iqn': 'i', 'access_mode': 'ro', 'qos_specs': {'a': 1}},
         []),
        # Another order of the same paths.
        (ISCSI, {'target_portals': ['b:3260', 'a:3260'],
                 'target_iqns': ['iqn.b', 'iqn.a'], 'target_luns': [2, 1],
                 'target_portal': 'b:3260', 'target_iqn': 'iqn.b',
                 'target_lun': 2}, []),
        # The same items, paired otherwise, are other paths.
        (ISCSI, dict(ISCSI, target_luns=[2, 1]),
         ['target_iqns', 'target_luns', 'target_portals']),
        (ISCSI, dict(ISCSI, target_portals=['c:3260', 'd:3260'],
                     target_portal='c:3260'),
         ['target_iqns', 'target_luns', 'target_portal', 'target_portals']),
        (RBD, dict(RBD, hosts=['m2', 'm1'], ports=['2', '1']), []),
        (RBD, dict(RBD, hosts=['m3'], ports=['1']), ['hosts', 'ports']),
        (RBD, dict(RBD, name='other/v'), ['name']),
        # Some drivers make a new secret each time they are asked.
        ({'target_iqn': 'i', 'auth_password': 'a'},
         {'target_iqn': 'i', 'auth_password': 'b'}, []),
        # os-brick has rewritten the saved copy in place.
        ({'target_wwn': ['50a', '50b'], 'initiator_target_map': {'1': ['x']},
          'targets': [['50a', 1]]},
         {'target_wwn': ['50B', '50A'], 'initiator_target_map': {'1': 'X'}},
         []),
        ({'target_wwn': ['50a']}, {'target_wwn': '50A'}, []),
        ({'target_wwn': ['50a']}, {'target_wwn': '50C'}, ['target_wwn']),
    )
    @ddt.unpack
    def test_data(self, saved, fresh, expected):
        self.assertEqual(
            expected, staleness.differing_keys(info(saved), info(fresh)))

    def test_healthy_nvme_volume(self):
        saved = {'driver_volume_type': 'nvmeof', 'data': {
            'vol_uuid': None, 'target_nqn': 'nqn.1',
            'portals': [['10.0.0.1', 4420, 'tcp']]}}
        fresh = {'driver_volume_type': 'nvmeof', 'data': {
            'nqn': 'nqn.1', 'target_portal': '10.0.0.1',
            'target_port': 4420, 'transport_type': 'tcp'}}
        self.assertEqual([], staleness.differing_keys(saved, fresh))
        fresh['data']['target_portal'] = '10.0.0.2'
        self.assertEqual(['portals'], staleness.differing_keys(saved, fresh))

    def test_type(self):
        self.assertEqual(
            ['driver_volume_type'],
            staleness.differing_keys(info({}, 'iscsi'), info({}, 'rbd')))

    def test_top_level_stash_is_not_compared(self):
        self.assertEqual(
            [], staleness.differing_keys(info({}, serial='s',
                                              multiattach=True),
                                         info({})))

    def test_nothing_saved(self):
        self.assertEqual(['driver_volume_type', 'export'],
                         staleness.differing_keys({}, info({'export': 'e'})))


@ddt.ddt
class Stamp(base.BaseTestCase):

    @ddt.data((None, 'enabled', 'enabled', None, ''),
              ('b', 'failed-over', 'failed-over', None, 'b'),
              ('b', 'failed-over', 'failed-over', 'alpha', 'b'),
              # Its row is not written yet, or its driver writes none.
              ('b', 'failed-over', 'enabled', None, 'b'),
              ('', 'enabled', 'failed-over', 'alpha', 'group failed-over'),
              ('b', 'failed-over', 'enabled', 'alpha', 'group enabled'),
              ('', 'enabled', 'failing-over', 'alpha', ''))
    @ddt.unpack
    def test_stamp_for(self, active, backend, volume, group, expected):
        self.assertEqual(expected, staleness.stamp_for(
            active, backend, volume, group))

    @ddt.data(
        ({}, None, True), ({}, '', True), ({}, 'b', True),
        ({staleness.STAMP: ''}, None, False), ({staleness.STAMP: ''}, '',
                                               False),
        ({staleness.STAMP: ''}, 'b', True), ({staleness.STAMP: 'b'}, 'b',
                                             False),
        ({staleness.STAMP: 'b'}, '', True), ({staleness.STAMP: 'b'}, 'c',
                                             True),
    )
    @ddt.unpack
    def test_needs_question(self, saved, active, expected):
        self.assertEqual(expected, staleness.needs_question(saved, active))

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


"""Places by the shapes that drivers answer with, and what is none."""

import copy

import ddt
from oslotest import base

from nova_failover_ext.recovery import volume_places

ISCSI = {'target_portals': ['a:3260', 'b:3260'],
         'target_iqns': ['iqn.a', 'iqn.b'], 'target_luns': [1, 2],
         'target_portal': 'a:3260', 'target_iqn': 'iqn.a', 'target_lun': 1,
         'auth_method': 'CHAP', 'auth_username': 'u', 'auth_password': 'old'}
ONE_PORTAL = {'target_portal': 'a:3260', 'target_iqn': 'iqn.a',
              'target_lun': 1, 'target_discovered': False}
FC = {'target_wwn': ['50A', '50B'], 'target_lun': 3,
      'initiator_target_map': {'10': ['50a', '50b']}}
FC_LUNS = {'target_wwns': ['50a', '50b'], 'target_luns': [3, 4],
           'target_wwn': '50a', 'target_lun': 3}
RBD = {'name': 'volumes/v', 'hosts': ['m1', 'm2'], 'ports': ['1', '2'],
       'cluster_name': 'ceph', 'secret_uuid': 's1', 'auth_username': 'c'}
NFS = {'export': 'filer:/share', 'name': 'volume-1', 'options': '-o vers=4'}
NVME = {'target_nqn': 'nqn.1', 'vol_uuid': 'AB-CD',
        'portals': [['10.0.0.1', 4420, 'tcp'], ['10.0.0.2', 4420, 'tcp']]}
#: PowerFlex, PowerMax and PowerStore.
NGUID = {'target_nqn': 'nqn.1', 'volume_nguid': 'abcd',
         'portals': [['10.0.0.1', 4420, 'tcp']]}
OLD_NVME = {'nqn': 'nqn.1', 'target_portal': '10.0.0.1', 'target_port': 4420,
            'transport_type': 'tcp', 'ns_id': 10}
SCALEIO = {'scaleIO_volname': 'n', 'scaleIO_volume_id': 'i', 'hostIP': 'h'}


def info(data, kind, **top):
    return dict({'driver_volume_type': kind, 'data': data}, **top)


def both(saved, fresh, kind):
    return info(dict(saved), kind), info(dict(fresh), kind)


@ddt.ddt
class SamePlace(base.BaseTestCase):

    @ddt.data(
        (ISCSI, ISCSI, 'iscsi'),
        # In another order.
        (ISCSI, {'target_portals': ['b:3260', 'a:3260'],
                 'target_iqns': ['iqn.b', 'iqn.a'], 'target_luns': [2, 1],
                 'target_portal': 'b:3260', 'target_iqn': 'iqn.b',
                 'target_lun': 2}, 'iscsi'),
        # A path is left out while its controller or array is not there.
        (ISCSI, {'target_portals': ['b:3260'], 'target_iqns': ['iqn.b'],
                 'target_luns': [2]}, 'iscsi'),
        (ISCSI, ONE_PORTAL, 'iscsi'),
        (ONE_PORTAL, ISCSI, 'iscsi'),
        # A new secret at each question, and a key of a newer release.
        (ISCSI, dict(ISCSI, auth_password='new', new_key=1), 'iscsi'),
        (ONE_PORTAL, dict(ONE_PORTAL, target_lun='1'), 'iser'),
        # os-brick has rewritten the saved copy in place.
        (dict(FC, targets=[['50a', 3], ['50b', 3]]), FC, 'fibre_channel'),
        (FC, dict(FC, target_wwn='50a'), 'fibre_channel'),
        (FC, FC_LUNS, 'fibre_channel'),
        ({'target_wwn': ['50a']}, {'target_wwn': '50A'}, 'fibre_channel'),
        # The monitors of the day of attachment.
        (RBD, dict(RBD, hosts=['m3'], ports=['1']), 'rbd'),
        (RBD, dict(RBD, hosts=['m2'], ports=['2'], cluster_name='renamed',
                   secret_uuid='s2'), 'rbd'),
        (RBD, dict(RBD, discard=True, keyring='k'), 'rbd'),
        (NFS, dict(NFS, options='-o vers=4.2', format='raw'), 'nfs'),
        (NVME, dict(NVME, portals=[['10.0.0.2', '4420', 'tcp']]), 'nvmeof'),
        (NVME, dict(NVME, vol_uuid='abcd'), 'nvmeof'),
        (NGUID, NGUID, 'nvmeof'),
        ({'target_nqn': 'nqn.1', 'vol_uuid': None,
          'portals': [['10.0.0.1', 4420, 'tcp']]}, OLD_NVME, 'nvmeof'),
        (SCALEIO, dict(SCALEIO, hostIP='other'), 'scaleio'),
        ({'device_path': '/a', 'multipath_id': 'w'}, {'device_path': '/a'},
         'local'),
        # Of a protocol that is not known, what the host has added.
        ({'volume': 'v', 'device_path': '/dev/x'}, {'volume': 'v'},
         'storpool'),
        ({'volume': 'v', 'access_mode': 'rw', 'qos_specs': None},
         {'volume': 'v', 'access_mode': 'ro', 'qos_specs': {'a': 1}},
         'storpool'))
    @ddt.unpack
    def test_same(self, saved, fresh, kind):
        self.assertTrue(volume_places.same_place(*both(saved, fresh, kind)))

    @ddt.data(
        # The same items, paired otherwise, are other paths.
        (ISCSI, dict(ISCSI, target_luns=[2, 1]), 'iscsi'),
        (ISCSI, dict(ISCSI, target_portals=['c:3260', 'd:3260']), 'iscsi'),
        (ONE_PORTAL, dict(ONE_PORTAL, target_iqn='iqn.z'), 'iscsi'),
        (ONE_PORTAL, dict(ONE_PORTAL, target_lun=2), 'iscsi'),
        ({}, ONE_PORTAL, 'iscsi'),
        (FC, dict(FC, target_wwn=['60a', '60b']), 'fibre_channel'),
        (FC, dict(FC, target_lun=4), 'fibre_channel'),
        (FC_LUNS, dict(FC_LUNS, target_luns=[4, 3]), 'fibre_channel'),
        # A replica: another name, another secret, other monitors.
        (RBD, dict(RBD, hosts=['m3'], ports=['1'], cluster_name='replica',
                   secret_uuid='s2'), 'rbd'),
        (RBD, dict(RBD, hosts=['m3'], ports=['1'], secret_uuid='s2'), 'rbd'),
        (RBD, dict(RBD, hosts=['m3'], ports=['1'], cluster_name='replica'),
         'rbd'),
        (RBD, dict(RBD, name='other/v'), 'rbd'),
        (NFS, dict(NFS, export='other:/share'), 'nfs'),
        (NFS, dict(NFS, name='volume-2'), 'nfs'),
        (NVME, dict(NVME, target_nqn='nqn.2'), 'nvmeof'),
        (NVME, dict(NVME, vol_uuid='ab-ce'), 'nvmeof'),
        (NVME, dict(NVME, portals=[['10.0.1.1', 4420, 'tcp']]), 'nvmeof'),
        (NGUID, dict(NGUID, volume_nguid='abce'), 'nvmeof'),
        (OLD_NVME, dict(OLD_NVME, ns_id=11), 'nvmeof'),
        (SCALEIO, dict(SCALEIO, scaleIO_volume_id='j'), 'scaleio'),
        ({'device_path': '/a'}, {'device_path': '/b'}, 'gpfs'),
        ({}, {'device_path': '/b'}, 'local'),
        ({'volume': 'v'}, {'volume': 'w'}, 'storpool'))
    @ddt.unpack
    def test_other(self, saved, fresh, kind):
        self.assertFalse(volume_places.same_place(*both(saved, fresh, kind)))

    def test_other_protocol(self):
        self.assertFalse(volume_places.same_place(info(ISCSI, 'iscsi'),
                                           info(RBD, 'rbd')))

    def test_nothing_saved(self):
        self.assertFalse(volume_places.same_place({}, info(NFS, 'nfs')))

    def test_top_level_stash_says_nothing(self):
        self.assertTrue(volume_places.same_place(
            info(NFS, 'nfs', serial='s', multiattach=True), info(NFS, 'nfs')))


class WithNewestSecrets(base.BaseTestCase):

    def test_secret_and_nothing_else(self):
        saved = info(dict(ISCSI, device_path='/dev/dm-1'), 'iscsi', serial='s')
        before = copy.deepcopy(saved)
        new = info({'target_portals': ['b:3260'], 'auth_password': 'new',
                    'discovery_auth_password': 'new'}, 'iscsi')
        before['data'].update(auth_password='new',
                              discovery_auth_password='new')
        self.assertEqual(before, volume_places.with_newest_secrets(saved, new))
        self.assertEqual('old', saved['data']['auth_password'])

    def test_monitors_of_a_cluster(self):
        new = dict(RBD, hosts=['m3'], ports=['1'])
        self.assertEqual(info(new, 'rbd'), volume_places.with_newest_secrets(
            info(dict(RBD), 'rbd'), info(new, 'rbd')))


@ddt.ddt
class Describe(base.BaseTestCase):

    @ddt.data(
        (ISCSI, 'iscsi'), (FC, 'fibre_channel'), (RBD, 'rbd'), (NFS, 'nfs'))
    @ddt.unpack
    def test_no_secret_and_no_python(self, data, kind):
        text = volume_places.describe(info(
            dict(data, auth_password='canary', keyring='canary'), kind))
        self.assertTrue(text.startswith(kind + ' '), text)
        self.assertNotRegex(text, r"canary|[\[{(']|None")

    def test_several_paths(self):
        text = volume_places.describe(info(
            {'target_portals': ['a:1', 'b:1'], 'target_iqns': ['iqn'] * 2,
             'target_luns': [3, 3]}, 'iscsi'))
        self.assertEqual('iscsi a:1 iqn 3, b:1 iqn 3', text)

    def test_many_paths(self):
        text = volume_places.describe(info(
            {'target_wwns': list('abcdef'), 'target_lun': 1},
            'fibre_channel'))
        self.assertEqual('fibre_channel a 1, b 1, c 1, d 1 and 2 more', text)

    def test_image_of_a_cluster(self):
        self.assertEqual('rbd pool/volume at m1 6789', volume_places.describe(
            info({'name': 'pool/volume', 'hosts': ['m1'], 'ports': ['6789']},
                 'rbd')))

    def test_namespace(self):
        self.assertEqual('nvmeof nqn a 4420', volume_places.describe(info(
            {'target_nqn': 'nqn', 'portals': [['a', 4420, 'tcp']]},
            'nvmeof')))

    def test_protocol_that_is_not_known(self):
        self.assertEqual('odd', volume_places.describe(
            info({'password': 'canary'}, 'odd')))

    def test_nothing_saved(self):
        self.assertEqual('an unknown place', volume_places.describe({}))

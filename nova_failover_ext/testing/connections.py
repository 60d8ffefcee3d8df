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

"""What a storage driver says of where a volume is, by connection type.

The keys are those of Cinder's drivers (read in Cinder 29: LVM with several
portals and CHAP, ``cinder.volume.drivers.rbd``); every value that tells one
site from another differs between sites.
"""

from collections.abc import Callable
from typing import Any
import uuid

#: The secret that no log, report or notification may ever show.
CANARY = 'canary-in-connection-info'
#: Networks of the sites (RFC 5737); any other site is in the last one.
_NETWORKS = {'primary': '192.0.2', 'secondary': '198.51.100'}
_ELSEWHERE = '203.0.113'
_NAMESPACE = uuid.UUID('5c0f1d6e-6a0b-4b7e-9a53-5f1b5a3c9e0d')

#: Makes a connection_info of a volume id, a site and a secret.
Maker = Callable[[str, str, str], dict[str, Any]]


def device_path(volume_id: str, site: str) -> str:
    """Return the path of a volume's device at a site.

    :param volume_id: the volume
    :param site: such as primary
    """
    return f'/dev/{site}/{volume_id}'


def local(volume_id: str, site: str, secret: str) -> dict[str, Any]:
    """Return the connection_info of a block device of the host.

    :param volume_id: the volume
    :param site: where it is
    :param secret: handed out as ``auth_password``
    """
    return {'driver_volume_type': 'local', 'data': {
        'device_path': device_path(volume_id, site),
        'auth_password': secret}}


def iscsi(volume_id: str, site: str, secret: str) -> dict[str, Any]:
    """Return the connection_info of an iSCSI target with two portals.

    :param volume_id: the volume
    :param site: where it is
    :param secret: of CHAP
    """
    network = _NETWORKS.get(site, _ELSEWHERE)
    iqn = f'iqn.2010-10.example.{site}:volume-{volume_id}'
    portals = [f'{network}.{host}:3260' for host in (10, 11)]
    lun = 1 + list(_NETWORKS).index(site) if site in _NETWORKS else 0
    return {'driver_volume_type': 'iscsi', 'data': {
        'target_discovered': False, 'volume_id': volume_id,
        'target_portal': portals[0], 'target_iqn': iqn, 'target_lun': lun,
        'target_portals': portals, 'target_iqns': [iqn, iqn],
        'target_luns': [lun, lun], 'auth_method': 'CHAP',
        'auth_username': 'cinder', 'auth_password': secret}}


def rbd(volume_id: str, site: str, secret: str) -> dict[str, Any]:
    """Return the connection_info of a Ceph block device.

    :param volume_id: the volume
    :param site: where it is
    :param secret: not handed out, libvirt has Ceph's
    """
    network = _NETWORKS.get(site, _ELSEWHERE)
    return {'driver_volume_type': 'rbd', 'data': {
        'name': f'volumes/volume-{volume_id}', 'volume_id': volume_id,
        'hosts': [f'{network}.{host}' for host in (20, 21, 22)],
        'ports': ['6789', '6789', '6789'], 'cluster_name': site,
        'auth_enabled': True, 'auth_username': 'cinder',
        'secret_type': 'ceph',
        'secret_uuid': str(uuid.uuid5(_NAMESPACE, site)),
        'discard': True}}


#: The connection types that a volume may have, by name.
TYPES: dict[str, Maker] = {'local': local, 'iscsi': iscsi, 'rbd': rbd}

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

"""Tries whether storage answers on this host before a guest is touched."""

from collections.abc import Iterable, Mapping
import dataclasses
import socket
from typing import Any

from nova import utils
from os_brick import exception as brick_exception
from os_brick import initiator
from os_brick.initiator import connector

from nova_failover_ext.compute import bounded
from nova_failover_ext import exception

_NFS_PORT = 2049
_ISCSI_PORT = 3260
_NVME_PORT = 4420
_CEPH_PORT = 6789


@dataclasses.dataclass(frozen=True)
class Targets:
    """Where a volume can be tried from this host.

    :ivar portals: (address, port) pairs, any of which is enough
    :ivar paths: device paths that exist without connecting first
    """

    portals: tuple[tuple[str, int], ...] = ()
    paths: tuple[str, ...] = ()


def targets(connection_info: Mapping[str, Any]) -> Targets:
    """Find out where a volume can be tried; a pure function.

    :param connection_info: fresh from Cinder
    :returns: empty targets for types that cannot be tried without
        connecting (Fibre Channel): those are found out by connecting
    """
    data: Mapping[str, Any] = connection_info.get('data') or {}
    kind = connection_info.get('driver_volume_type')
    if kind in ('local', 'gpfs'):
        return Targets(paths=(str(data['device_path']),))
    if kind == 'iscsi':
        portals = data.get('target_portals') or [data.get('target_portal')]
        return Targets(portals=tuple(
            _address(portal, _ISCSI_PORT) for portal in portals if portal))
    if kind == 'rbd':
        return Targets(portals=tuple(_monitors(data)))
    if kind in ('nfs', 'netapp_nfs') and data.get('export'):
        server = str(data['export']).rsplit(':', 1)[0]
        return Targets(portals=((server.strip('[]'), _NFS_PORT),))
    if kind == 'nvmeof':
        return Targets(portals=tuple(_nvme_portals(data)))
    return Targets()


def _address(portal: str, default_port: int) -> tuple[str, int]:
    if portal.endswith(']') or ':' not in portal:
        return portal.strip('[]'), default_port
    address, port = portal.rsplit(':', 1)
    return address.strip('[]'), int(port)


def _monitors(data: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    hosts = data.get('hosts') or ()
    ports = data.get('ports') or [_CEPH_PORT] * len(hosts)
    for host, port in zip(hosts, ports, strict=False):
        yield str(host).strip('[]'), int(port)


def _nvme_portals(data: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    for portal in data.get('portals') or ():
        yield str(portal[0]), int(portal[1])
    if data.get('target_portal'):
        yield (str(data['target_portal']),
               int(data.get('target_port') or _NVME_PORT))


def probe(volume_id: str, connection_info: Mapping[str, Any],
          timeout: float) -> None:
    """Try that a volume's storage answers on this host.

    :param volume_id: Cinder's volume id, for the message
    :param connection_info: fresh from Cinder
    :param timeout: seconds
    :raises StorageUnreachable: if it does not; nothing was changed
    """
    where = targets(connection_info)
    try:
        if where.portals:
            _any_portal(where.portals, timeout)
        for path in where.paths:
            bounded.call(_read, timeout, path)
    except (OSError, brick_exception.BrickException,
            bounded.TimedOut) as error:
        raise exception.StorageUnreachable(
            volume_id=volume_id, reason=error) from error


def _any_portal(portals: tuple[tuple[str, int], ...],
                timeout: float) -> None:
    errors = []
    for address, port in portals:
        try:
            socket.create_connection(
                (address, port), timeout / len(portals)).close()
            return
        except OSError as error:
            errors.append(f'{address}:{port}: {error}')
    raise OSError('; '.join(errors))


def _read(path: str) -> None:
    # os-brick reads the first sector as root, whatever user nova-compute
    # runs as.
    device = connector.InitiatorConnector.factory(
        initiator.LOCAL, utils.get_root_helper())
    if not device.check_valid_device(path):
        raise OSError(f'{path} cannot be read')

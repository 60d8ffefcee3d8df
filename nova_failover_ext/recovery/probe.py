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
import re
import socket
from typing import Any

from nova import utils
from os_brick import exception as brick_exception
from os_brick import initiator
from os_brick.initiator import connector

from nova_failover_ext import exception
from nova_failover_ext.recovery import bounded

_NFS_PORT = 2049
_ISCSI_PORT = 3260
_NVME_PORT = 4420
_CEPH_PORT = 6789
# Nobody has to listen on TCP for these; the first is Cinder's word for it.
_RDMA = ('rocev2', 'rdma')
_NFS_PORT_OPTION = re.compile(r'(?:^|[\s,])port=(\d+)')
# Seconds for a thread to say which portals did not answer in time.
_GRACE = 1


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
        connecting (Fibre Channel, RDMA and the arrays' own protocols):
        those are found out by connecting
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
    if kind == 'nfs':
        return Targets(portals=(_nfs_server(data),))
    if kind == 'nvmeof':
        return Targets(portals=tuple(_nvme_portals(data)))
    return Targets()


def _address(portal: str, default_port: int) -> tuple[str, int]:
    # iscsiadm takes the tag of a portal group after a comma.
    portal = portal.split(',')[0]
    if portal.endswith(']') or ':' not in portal:
        return portal.strip('[]'), default_port
    address, port = portal.rsplit(':', 1)
    return address.strip('[]'), int(port)


def _monitors(data: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    hosts = data.get('hosts') or ()
    ports = data.get('ports') or [_CEPH_PORT] * len(hosts)
    for host, port in zip(hosts, ports, strict=False):
        yield str(host).strip('[]'), int(port)


def _nfs_server(data: Mapping[str, Any]) -> tuple[str, int]:
    server = str(data['export']).split(':/', 1)[0]
    option = _NFS_PORT_OPTION.search(str(data.get('options') or ''))
    return server.strip('[]'), int(option[1]) if option else _NFS_PORT


def _nvme_portals(data: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    # The formats that os_brick.initiator.connectors.nvmeof knows: a target,
    # several replicas of one, or (the original one) a single portal.
    for target in data.get('volume_replicas') or [data]:
        for address, port, transport in target.get('portals') or ():
            if str(transport).lower() not in _RDMA:
                yield str(address).strip('[]'), int(port)
    transport = str(data.get('transport_type')).lower()
    if data.get('target_portal') and transport not in _RDMA:
        yield (str(data['target_portal']).strip('[]'),
               int(data.get('target_port') or _NVME_PORT))


def probe(volume_id: str, connection_info: Mapping[str, Any],
          timeout: float) -> None:
    """Try that a volume's storage answers on this host.

    :param volume_id: Cinder's volume id, for the message
    :param connection_info: fresh from Cinder
    :param timeout: seconds for the portals together, and for each path
    :raises StorageUnreachable: if it does not; nothing was changed
    """
    where = _readable(volume_id, connection_info)
    if where.portals:
        _try(volume_id, 'connecting to ' + ', '.join(
            map(_text, where.portals)), timeout + _GRACE, _any_portal,
            volume_id, where.portals, timeout)
    for path in where.paths:
        _try(volume_id, f'reading {path}', timeout, _read, path)


def _readable(volume_id: str,
              connection_info: Mapping[str, Any]) -> Targets:
    try:
        return targets(connection_info)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # Without the error's text, which may quote whatever stands there.
        raise exception.StorageUnreachable(
            volume_id=volume_id, reason='its connection_info of type '
            f'{connection_info.get("driver_volume_type")} cannot be read '
            f'({type(error).__name__})') from error


def _try(volume_id: str, target: str, timeout: float, function: Any,
         *args: Any) -> None:
    # All of it in bounded time: a name server may not answer, either.
    try:
        bounded.call(function, timeout, *args)
    except (OSError, brick_exception.BrickException,
            bounded.TimedOut) as error:
        raise exception.StorageUnreachable(
            volume_id=volume_id, reason=f'{target}: {error}') from error


def _any_portal(volume_id: str, portals: tuple[tuple[str, int], ...],
                timeout: float) -> None:
    errors = []
    for portal in portals:
        try:
            socket.create_connection(portal, timeout / len(portals)).close()
            return
        # The second: no name server was ever asked for such a name.
        except (OSError, UnicodeError) as error:
            errors.append(f'{_text(portal)}: {error}')
    raise exception.StorageUnreachable(
        volume_id=volume_id, reason='; '.join(errors))


def _text(portal: tuple[str, int]) -> str:
    address, port = portal
    return f'[{address}]:{port}' if ':' in address else f'{address}:{port}'


def _read(path: str) -> None:
    # os-brick reads the first sector as root, whatever user nova-compute
    # runs as.
    device = connector.InitiatorConnector.factory(
        initiator.LOCAL, utils.get_root_helper())
    if not device.check_valid_device(path):
        raise OSError('it cannot be read')

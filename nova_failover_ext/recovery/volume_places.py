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


"""Where a volume is, by what its connection_info says; pure decisions.

A place is named by a few keys of each protocol. Whatever else a driver
answers may change on a healthy connection: a secret that is made anew at each
question, a path that an array leaves out while a controller restarts, the
monitors of a Ceph cluster, a key that a newer release adds.

The keys are those of Cinder's drivers and targets, read in Cinder 29.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

Data = Mapping[str, Any]
Paths = frozenset[Hashable]

#: Who comes to the storage, and with which secret. The newest counts: an
#: array may have made it when it was asked.
SECRETS = frozenset((
    'auth_method', 'auth_password', 'auth_username',
    'discovery_auth_method', 'discovery_auth_password',
    'discovery_auth_username'))
#: How librbd finds and enters the cluster; the host keeps no connection.
_RBD_ACCESS = frozenset((
    'hosts', 'ports', 'cluster_name', 'auth_enabled', 'secret_type',
    'secret_uuid', 'keyring'))
# How a volume is used, not where it is. It may differ from the saved copy on a
# healthy attachment (a retype, a second attachment).
_USE = frozenset((
    'access_mode', 'attachment_id', 'cacheable', 'discard', 'encrypted',
    'enforce_multipath', 'initiator_target_map', 'qos_specs'))

_MOST_PATHS = 4
_BY_NUMBER = ('iscsi', 'iser', 'fibre_channel')


def same_place(saved: Mapping[str, Any], fresh: Mapping[str, Any]) -> bool:
    """Return whether two connection_info lead to the same volume.

    Those that share a path do. Where the protocol is not known, or its keys
    are not there, every key that Cinder returned has to be equal.

    :param saved: a block device mapping's connection_info, with what os-brick
        and Nova have added to it
    :param fresh: Cinder's answer
    """
    if _protocol(saved) != _protocol(fresh):
        return False
    old, new = saved.get('data') or {}, fresh.get('data') or {}
    if _protocol(fresh) == 'rbd':
        return _same_image(old, new)
    if _protocol(fresh) == 'nvmeof' and _subsystem(old) and _subsystem(new):
        return _same_namespace(old, new)
    known = _PROTOCOLS.get(_protocol(fresh))
    if known and known(old) and known(new):
        return bool(known(old) & known(new))
    return all(old.get(key) == new[key]
               for key in new.keys() - _USE - SECRETS)


def with_newest_secrets(saved: Mapping[str, Any],
                        fresh: Mapping[str, Any]) -> dict[str, Any]:
    """Return connection_info of the same place with what has changed since.

    What the host needs to remove the connection, such as its portals, stays.

    :param saved: a block device mapping's connection_info
    :param fresh: Cinder's answer, of the same place
    """
    keys = SECRETS | (_RBD_ACCESS if _protocol(fresh) == 'rbd' else set())
    new = fresh.get('data') or {}
    return {**saved, 'data': {
        **(saved.get('data') or {}),
        **{key: new[key] for key in keys if key in new}}}


def describe(connection_info: Mapping[str, Any]) -> str:
    """Return a place in a few words, for the log.

    Of what Cinder returned only what names the place is in it, so that no
    secret is. Of a protocol that is not known, that is its name alone.

    :param connection_info: of a block device mapping, or Cinder's answer
    """
    if not connection_info:
        return 'an unknown place'
    protocol = _protocol(connection_info)
    data = connection_info.get('data') or {}
    if protocol == 'rbd':
        return 'rbd %s at %s' % (data.get('name'), _listed(_monitors(data)))
    known = (_subsystem if protocol == 'nvmeof'
             else _PROTOCOLS.get(protocol, lambda data: frozenset()))
    return ' '.join(filter(None, (protocol, _listed(known(data)))))


def numbers(connection_info: Mapping[str, Any]) -> Paths:
    """Return by which numbers a host finds a volume's devices.

    A storage system gives them to another volume once they are free.

    :param connection_info: of a block device mapping
    :returns: (portal, IQN, LUN), or (WWN, LUN); none for a protocol that
        names a volume otherwise
    """
    protocol = _protocol(connection_info)
    data = connection_info.get('data') or {}
    return (_PROTOCOLS[protocol](data) if protocol in _BY_NUMBER
            else frozenset())


def _listed(paths: Paths) -> str:
    # All paths lead to the same volume.
    texts = sorted(' '.join(path) if isinstance(path, tuple) else str(path)
                   for path in paths)
    return ', '.join(texts[:_MOST_PATHS]) + (
        ' and %d more' % (len(texts) - _MOST_PATHS)
        if len(texts) > _MOST_PATHS else '')


def _protocol(connection_info: Mapping[str, Any]) -> str:
    return str(connection_info.get('driver_volume_type')).lower()


def _same_image(old: Data, new: Data) -> bool:
    # The monitors of the day of attachment may all be gone; those of another
    # cluster are known by another name (the backend_id of a replica) and
    # another secret.
    if old.get('name') != new.get('name'):
        return False
    same_cluster = all(old.get(key) == new.get(key)
                       for key in ('cluster_name', 'secret_uuid'))
    return same_cluster or bool(_monitors(old) & _monitors(new))


def _monitors(data: Data) -> Paths:
    return frozenset(zip(map(str, data.get('hosts') or ()),
                         map(str, data.get('ports') or ()), strict=False))


def _iscsi(data: Data) -> Paths:
    several = [data.get(key) for key in (
        'target_portals', 'target_iqns', 'target_luns')]
    if not all(several):
        several = [[data.get(key)] for key in (
            'target_portal', 'target_iqn', 'target_lun')]
    return _complete(zip(*several, strict=False))


def _fibre_channel(data: Data) -> Paths:
    wwns = _names(data.get('target_wwns') or data.get('target_wwn'))
    luns = data.get('target_luns')
    if not isinstance(luns, (list, tuple)) or len(luns) != len(wwns):
        luns = [data.get('target_lun')] * len(wwns)
    return frozenset(zip(wwns, map(str, luns), strict=True))


def _same_namespace(old: Data, new: Data) -> bool:
    # os-brick's connector rewrites Cinder's original format in place, and an
    # identifier that one of the two formats lacks says nothing.
    return bool(_subsystem(old) & _subsystem(new)) and all(
        _identifier(old[key]) == _identifier(new[key])
        for key in ('volume_nguid', 'vol_uuid', 'ns_id')
        if old.get(key) and new.get(key))


def _subsystem(data: Data) -> Paths:
    portals = data.get('portals') or [
        [data.get('target_portal'), data.get('target_port')]]
    nqn = data.get('target_nqn') or data.get('nqn')
    return _complete((nqn, *portal[:2]) for portal in portals)


def _identifier(value: Any) -> str:
    return str(value).replace('-', '').lower()


def _values_of(*keys: str) -> Callable[[Data], Paths]:
    def paths(data: Data) -> Paths:
        return _complete([tuple(data.get(key) for key in keys)])
    return paths


def _complete(paths: Iterable[tuple[Any, ...]]) -> Paths:
    return frozenset(tuple(map(str, path)) for path in paths
                     if None not in path)


def _names(value: Any) -> list[str]:
    names = value if isinstance(value, (list, tuple)) else [value]
    return [str(name).lower() for name in names if name]


_PROTOCOLS: Mapping[str, Callable[[Data], Paths]] = {
    **dict.fromkeys(('iscsi', 'iser'), _iscsi),
    'fibre_channel': _fibre_channel,
    **dict.fromkeys(('nfs', 'glusterfs', 'quobyte', 'vzstorage', 'smbfs'),
                    _values_of('export', 'name')),
    **dict.fromkeys(('local', 'gpfs'), _values_of('device_path')),
    'scaleio': _values_of('scaleIO_volname', 'scaleIO_volume_id'),
}

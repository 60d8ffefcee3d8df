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

"""What is stale: the stamp and the comparison, as pure decisions.

The stamp is the ``active_backend_id`` under which a block device mapping was
last brought in sync with Cinder, or what stands for that of a replication
group
(:func:`stamp_for`). It is kept inside the mapping's connection_info, next to
what Nova itself keeps there (``serial``, ``multiattach``).
"""

from collections.abc import Mapping
from typing import Any

from cinder_failover_hooks import statuses

#: Key of the stamp in a block device mapping's connection_info.
STAMP = 'failover_active_backend_id'

#: Key of the mark of a recovery that has begun and not ended; it takes the
#: place of the stamp meanwhile. Its value is {'place': where the disk sits}.
IN_PROGRESS_MARKER = 'failover_recovery'

#: Key of old connections that are still to be removed from the host: a list
#: of connection_info, newest last.
STALE_CONNECTIONS = 'failover_stale_connections'

#: Task state of a server whose volumes are being recovered. The API refuses
#: competing actions with 409 as for any other task state. One that
#: was left behind by a crash says that there is something to finish.
TASK_STATE = 'recovering_volumes'

# Drivers may list paths in another order each time, and may name another one
# first; each tuple of lists belongs together, item by item.
_PATHS = (('target_portals', 'target_iqns', 'target_luns'),
          ('hosts', 'ports'))
_FIRST = {'target_portal': 'target_portals', 'target_iqn': 'target_iqns',
          'target_lun': 'target_luns'}

#: What Cinder says of *how* a volume is used. It may differ from the saved
#: copy on a healthy attachment (a retype, a second attachment), so it says
#: nothing of *where* the volume is.
NOT_A_PLACE = frozenset((
    'access_mode', 'cacheable', 'discard', 'encrypted', 'enforce_multipath',
    'qos_specs',
    # Who comes to an array and with which secret: some drivers make new ones
    # each time they are asked, and a volume that has moved has other targets.
    'auth_method', 'auth_password', 'auth_username',
    'discovery_auth_method', 'discovery_auth_password',
    'discovery_auth_username', 'initiator_target_map'))
# os-brick rewrites these in place: one to a list, upper to lower case.
_WWNS = ('target_wwn', 'target_wwns')


def stamp_value(active_backend_id: str | None) -> str:
    """Return the stamp for a backend's active_backend_id ('' = primary)."""
    return active_backend_id or ''


def stamp_for(active_backend_id: str | None, backend_status: str | None,
              volume_status: str | None, group_id: str | None) -> str:
    """Return the stamp for a volume that is where Cinder's records say.

    A replication group fails over without its backend. Cinder does not record
    where to, only that its volumes have: by a replication status that is not
    the backend's.

    :param active_backend_id: of the backend
    :param backend_status: replication status of the backend
    :param volume_status: replication status of the volume
    :param group_id: the volume's group, None if it is in none
    """
    if (group_id and volume_status in statuses.SETTLED and
            volume_status != backend_status):
        return 'group %s' % volume_status
    return stamp_value(active_backend_id)


def needs_question(connection_info: Mapping[str, Any],
                   stamp: str | None) -> bool:
    """Return whether Cinder has to be asked about this mapping at all.

    :param connection_info: the block device mapping's copy
    :param stamp: the one it would get now, see :func:`stamp_for`
    :returns: False only if the mapping was brought in sync with Cinder under
        it
    """
    return connection_info.get(STAMP) != stamp_value(stamp)


def differing_keys(saved: Mapping[str, Any],
                   fresh: Mapping[str, Any]) -> list[str]:
    """Name what Cinder's fresh connection_info says differently.

    Only keys that Cinder returned are compared: what os-brick or Nova added
    to the saved copy on the host says nothing of staleness.

    :param saved: the block device mapping's connection_info
    :param fresh: Cinder's answer
    :returns: sorted names of differing keys, never their values, because
        those may be secrets; empty if the mapping is in sync with Cinder
    """
    old = _place(saved)
    new = _place(fresh)
    names = {key for key in new.keys() - NOT_A_PLACE
             if not _same(key, old, new)}
    if saved.get('driver_volume_type') != fresh.get('driver_volume_type'):
        names.add('driver_volume_type')
    return sorted(names)


def _place(connection_info: Mapping[str, Any]) -> Mapping[str, Any]:
    data: Mapping[str, Any] = connection_info.get('data') or {}
    if (connection_info.get('driver_volume_type') != 'nvmeof' or
            'nqn' not in data or 'target_nqn' in data):
        return data
    # os-brick's connector rewrites Cinder's original format in place.
    return {
        'vol_uuid': None, 'target_nqn': data['nqn'],
        'portals': [[data.get('target_portal'), data.get('target_port'),
                     data.get('transport_type')]],
        **{key: value for key, value in data.items() if key not in (
            'nqn', 'target_portal', 'target_port', 'transport_type')}}


def _same(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if key in _FIRST and new.get(_FIRST[key]):
        return bool(new[key] in (old.get(_FIRST[key]) or ()))
    if key in _WWNS:
        return _wwns(old.get(key)) == _wwns(new[key])
    for keys in _PATHS:
        if key in keys:
            return _paths(old, keys) == _paths(new, keys)
    return _comparable(old.get(key)) == _comparable(new[key])


def _paths(data: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    columns = [data[key] for key in keys if data.get(key)]
    return sorted(map(repr, zip(*columns, strict=False)))


def _wwns(value: Any) -> list[str]:
    names = value if isinstance(value, (list, tuple)) else [value]
    return sorted(str(name).lower() for name in names)


def _comparable(value: Any) -> Any:
    # The order of a plain list means nothing, nor does list against tuple.
    if isinstance(value, (list, tuple)):
        return sorted(map(repr, value))
    return value

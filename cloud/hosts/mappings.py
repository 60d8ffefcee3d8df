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
"""What a compute host should have of the storage, and what it has."""

import json
import typing

from cloud import database
from cloud.hosts import look
from cloud import settings

Mapping = dict[str, typing.Any]


def places(data: Mapping) -> set[str]:
    """Name what a connection leads to, its site first.

    :param data: of a connection_info
    :returns: a place for each LUN or exported file, or the path of a file
    """
    if 'target_iqn' in data:
        pairs = {(data['target_iqn'], data['target_lun'])}
        pairs |= set(zip(data.get('target_iqns', ()),
                         data.get('target_luns', ()), strict=False))
        return {look.place(iqn, lun) for iqn, lun in pairs}
    if 'export' in data:
        return {look.exported(data['export'], data['name'])}
    return {data['device_path']} if data.get('device_path') else set()


def of_host(conf: settings.Settings, host: str) -> dict[str, set[str]]:
    """What the block device mappings of a host say.

    :param conf: the settings
    :param host: name of the host
    :returns: the places of the volumes of each server, by its UUID
    """
    rows = database.Database(conf).execute(
        'SELECT i.uuid, b.connection_info FROM instances i '
        'LEFT JOIN block_device_mapping b ON b.instance_uuid = i.uuid '
        "AND b.deleted = 0 AND b.destination_type = 'volume' "
        'WHERE i.deleted = 0 AND i.host = %s', 'nova', (host,))
    found: dict[str, set[str]] = {}
    for row in rows:
        mine = found.setdefault(row['uuid'], set())
        info = json.loads(row['connection_info'] or '{}') or {}
        mine |= places(info.get('data', {}))
    return found


def leftovers(seen: Mapping, mapped: dict[str, set[str]],
              host: str) -> list[str]:
    """What a host has that belongs to no mapping.

    :param seen: what :func:`cloud.hosts.look.everything` found
    :param mapped: the places of the volumes of each server
    :param host: name of the host
    :returns: a line for each
    """
    wanted = {place for each in mapped.values() for place in each}
    iqns = {place.split('/')[2] for place in wanted if place.count('/') > 2}
    found = [f'session {name} to {iqn}' for name, iqn
             in seen['sessions'].items() if iqn not in iqns]
    found += [f'disk {name} of {disk["place"]}, {disk["state"]}'
              for name, disk in seen['disks'].items()
              if disk['place'] not in wanted]
    found += [f'mount of {export}' for export in seen['mounts'].values()
              if not any(f'/{export}/' in place for place in wanted)]
    found += [f'map {each["map"]} without paths'
              for each in seen['maps'].values() if not each['over']]
    found += [f'process {line} in state D' for line in seen['stuck']]
    found += [f'QEMU {guest["pid"]} of no server here, with '
              f'{", ".join(guest["open"])}'
              for uuid, guest in seen['guests'].items() if uuid not in mapped]
    return [f'{host}: {line}' for line in sorted(found)]

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
"""What a compute host has of Ceph that belongs to no mapping."""

import collections
import json
import time

import psutil

from cloud import database
from cloud import hypervisor
from cloud import settings
from cloud.storage.ceph import places
from cloud.storage.ceph import secrets
from cloud.storage.ceph import site as sites

#: Programs that ask a cluster and end; seconds after which they hang.
CLIENTS = ('ceph', 'rbd', 'qemu-img', 'rados')
HANGS = 60


def find(conf: settings.Settings, both: list[sites.Site]) -> list[str]:
    """All leftovers.

    :param conf: the settings
    :param both: the sites
    :returns: a line for each
    """
    machine = hypervisor.Hypervisor(conf)
    return [*_guests(conf, machine, both), *_clients(conf),
            *_secrets(machine, both)]


def mapped(conf: settings.Settings) -> dict[str, set[str]]:
    """Where the volumes of each server are, by Nova's mappings.

    :param conf: the settings
    :returns: ``/<site>/<pool>/<image>`` of its volumes, by a server's id
    """
    rows = database.Database(conf).execute(
        'SELECT instance_uuid, connection_info FROM block_device_mapping '
        "WHERE deleted = 0 AND destination_type = 'volume'", 'nova')
    found = collections.defaultdict(set)
    for row in rows:
        data = json.loads(row['connection_info'] or '{}').get('data', {})
        found[row['instance_uuid']].add(
            places.behind(places.of_connection(data), conf))
    return found


def _guests(conf: settings.Settings, machine: hypervisor.Hypervisor,
            both: list[sites.Site]) -> list[str]:
    """QEMU processes of no server, or with an image of no mapping."""
    rows = database.Database(conf).execute(
        'SELECT uuid FROM instances WHERE deleted = 0 AND '
        "(task_state IS NOT NULL OR vm_state NOT IN "
        "('stopped', 'shelved', 'shelved_offloaded'))", 'nova')
    running = {row['uuid'] for row in rows}
    wanted = mapped(conf)
    seen: set[str] = set()
    found = []
    for process in machine.guests():
        server = _server(process)
        if server not in running or server in seen:
            found.append(f'QEMU {process.pid} of {server}: '
                         + ('a second one' if server in seen
                            else 'the server does not run'))
        seen.add(server)
        if process.status() == psutil.STATUS_DISK_SLEEP:
            found.append(f'QEMU {process.pid} of {server} is in state D')
        found += [f'QEMU {process.pid} of {server} has {image}'
                  for image in _images(machine, server, both)
                  if image not in wanted[server]]
    return found


def _server(process: psutil.Process) -> str:
    """The server whose guest a QEMU process runs."""
    words = process.cmdline()
    return words[words.index('-uuid') + 1] if '-uuid' in words else ''


def _images(machine: hypervisor.Hypervisor, server: str,
            both: list[sites.Site]) -> list[str]:
    """The images that a QEMU has open, as it says itself."""
    text = machine.virsh('qemu-monitor-command', server,
                         '{"execute": "query-named-block-nodes"}')
    if text is None:
        return ['a monitor that does not answer']
    by_address = {site.address: site.name for site in both}
    found = []
    for node in json.loads(text).get('return', []):
        name = node.get('image', {}).get('filename', '')
        if node.get('drv') != 'rbd' or not name.startswith('json:'):
            continue
        image = json.loads(name.removeprefix('json:'))
        address = image.get('server.0.host', '')
        found.append(f'/{by_address.get(address, address)}/'
                     f'{image.get("pool")}/{image.get("image")}')
    return sorted(set(found))


def _clients(conf: settings.Settings) -> list[str]:
    """Commands that asked a cluster of ours, and never ended."""
    mine = f'{conf.root}/'
    found = []
    for process in psutil.process_iter(['name', 'cmdline', 'create_time']):
        words = process.info['cmdline'] or []
        if (process.info['name'] in CLIENTS
                and time.time() - process.info['create_time'] > HANGS
                and any(mine in word for word in words)):
            found.append(f'{process.info["name"]} {process.pid} hangs')
    return found


def _secrets(machine: hypervisor.Hypervisor,
             both: list[sites.Site]) -> list[str]:
    """Secrets that are missing, and those of nobody."""
    wanted, there = {site.secret for site in both}, secrets.known(machine)
    return ([f'secret {each} is missing' for each in sorted(wanted - there)]
            + [f'secret {each}' for each in sorted(there - wanted)])

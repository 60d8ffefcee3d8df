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

"""What Cinder, Nova and the host hold of all attached volumes at once."""

import dataclasses
import json
import os
import pathlib

from openstack import exceptions

from cloud import database
from cloud import processes
from cloud.scenario import facts
from cloud.scenario import world as worlds


@dataclasses.dataclass(frozen=True, order=True)
class Attachment:
    """An attachment, as Cinder and Nova both know it.

    :ivar server: id of the server
    :ivar volume: id of the volume
    :ivar identity: id of the attachment
    """

    server: str
    volume: str
    identity: str


def in_cinder(world: worlds.World) -> dict[Attachment, str]:
    """All attachments of Cinder.

    :param world: the cloud
    :returns: the status of each
    """
    answer = world.admin.block_storage.get(
        '/attachments/detail?all_tenants=1', microversion='3.27')
    exceptions.raise_from_response(answer)
    return {Attachment(each['instance'], each['volume_id'], each['id']):
            each['status'] for each in answer.json()['attachments']}


def in_nova(world: worlds.World) -> list[Attachment]:
    """All attachments of Nova's block device mappings.

    :param world: the cloud
    :returns: the attachments, sorted; a doubled one is there twice
    """
    rows = database.Database(world.conf).execute(
        'SELECT instance_uuid, volume_id, attachment_id '
        'FROM block_device_mapping '
        "WHERE deleted = 0 AND destination_type = 'volume'", 'nova')
    return sorted(Attachment(row['instance_uuid'], row['volume_id'],
                             row['attachment_id'] or '') for row in rows)


def elsewhere(world: worlds.World, site: str) -> int:
    """How many block device mappings name another site.

    :param world: the cloud
    :param site: the site
    :returns: the number of volumes
    """
    rows = database.Database(world.conf).execute(
        'SELECT connection_info FROM block_device_mapping '
        "WHERE deleted = 0 AND destination_type = 'volume'", 'nova')
    paths = [facts.path(json.loads(row['connection_info'] or '{}')
                        .get('data', {})) for row in rows]
    return sum(f'/{site}/' not in facts.behind(path, world.conf)
               for path in paths)


def wrong(world: worlds.World, site: str) -> list[str]:
    """What is not as it has to be when everything has converged.

    :param world: the cloud
    :param site: the site that must not be used any more
    :returns: a line for each
    """
    cinder, nova = in_cinder(world), in_nova(world)
    found = [f'{attachment} is {status}' for attachment, status
             in cinder.items() if status != 'attached']
    if sorted(cinder) != nova:
        found.append(f'Cinder has {sorted(cinder)}, Nova {nova}')
    return [*found, *connections(world, site)]


def connections(world: worlds.World, site: str) -> list[str]:
    """Connections that this host still has to a site.

    :param world: the cloud
    :param site: the site
    :returns: a line for each file that QEMU has open, and each loop device
    """
    folder = str(world.sites.folders.site(site))
    found = [f'QEMU {process.pid} has {file}'
             for process in world.hypervisor.guests()
             for file in (facts.behind(path, world.conf)
                          for path in _files(process.pid))
             if file.startswith(folder)]
    loops = processes.run(['losetup', '--list', '--noheadings', '--output',
                           'BACK-FILE']).splitlines()
    return found + [f'loop device over {line.strip()}' for line in loops
                    if line.strip().startswith(folder)]


def _files(pid: int) -> list[str]:
    """The files that a process has open."""
    found = []
    for link in pathlib.Path(f'/proc/{pid}/fd').glob('*'):
        try:
            found.append(os.readlink(link))
        except OSError:
            continue
    return found


def starts(world: worlds.World, server: str) -> int:
    """How often QEMU was started for a server.

    :param world: the cloud
    :param server: id of the server
    :returns: the number of starts in libvirt's log of its domain
    """
    name = world.admin.compute.get_server(server).instance_name
    log = world.hypervisor.folder / 'log' / 'qemu' / f'{name}.log'
    return log.read_text(errors='replace').count(': starting up libvirt')

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
"""All that is known about one attached volume, gathered from everywhere."""

import dataclasses
import json
import pathlib
import xml.etree.ElementTree as ElementTree

from openstack import exceptions

from cloud import database
from cloud.guest import console
from cloud.hosts import mappings
from cloud.scenario import world as worlds
from cloud import settings
from cloud.storage.ceph import kind as ceph
from cloud.storage.ceph import places


@dataclasses.dataclass(frozen=True)
class Case:
    """A server with one of its volumes.

    :ivar key: the letter that the scenario gives the server
    :ivar project: the tenant that owns it
    :ivar server: id of the server
    :ivar volume: id of the volume
    :ivar root: whether the server boots from it
    :ivar replicated: whether it can fail over
    """

    key: str
    project: str
    server: str
    volume: str
    root: bool
    replicated: bool = True

    @property
    def role(self) -> str:
        """``root`` or ``data``."""
        return 'root' if self.root else 'data'


@dataclasses.dataclass(frozen=True)
class Facts:
    """What Cinder, Nova, libvirt and the guest say at one moment.

    :ivar status: the server's status
    :ivar volume_status: the volume's status
    :ivar attachment: the attachment's id
    :ivar attach_status: the attachment's status
    :ivar device: the device name on Nova's record
    :ivar cinder_path: the path in the attachment's connection_info
    :ivar bdm_path: the path in the BDM's connection_info
    :ivar xml_path: the source of the disk in the domain
    :ivar files: the files behind these three paths, in this order
    :ivar xml_address: its address in the domain
    :ivar boot: boot id of the guest
    :ivar pci: the disk's address in the guest
    :ivar guest_name: the disk's name in the guest
    :ivar site: what the guest reads: the site, or the error
    :ivar writable: whether the guest's last write came back
    :ivar seq: changes when the disk is plugged again
    :ivar prev: what was on the disk when it was plugged
    :ivar mount: the guest's own file system, if it has one and it answers
    """

    status: str = ''
    volume_status: str = ''
    attachment: str = ''
    attach_status: str = ''
    device: str = ''
    cinder_path: str = ''
    bdm_path: str = ''
    xml_path: str = ''
    files: tuple[str, ...] = ()
    xml_address: str = ''
    boot: str = ''
    pci: str = ''
    guest_name: str = ''
    site: str = ''
    writable: bool = False
    seq: int = 0
    prev: str = ''
    mount: console.Mount | None = None


def gather(world: worlds.World, case: Case) -> Facts:
    """Ask everybody.

    :param world: the cloud
    :param case: what to ask about
    :returns: the facts
    """
    server = world.admin.compute.get_server(case.server)
    volume = world.admin.block_storage.get_volume(case.volume)
    found = Facts(status=server.status, volume_status=volume.status,
                  **_from_cinder(world, case, volume),
                  **_from_nova(world, case),
                  **_from_libvirt(world, case),
                  **_from_guest(world, case, server.status == 'ACTIVE'))
    return dataclasses.replace(found, files=tuple(
        behind(each, world.conf) for each in
        (found.cinder_path, found.bdm_path, found.xml_path)))


def behind(name: str, conf: settings.Settings) -> str:
    """The file behind a path that may be a loop device, or on Ceph.

    The kernel is asked, which does not open the file: its site may be lost.

    :param name: a file, a device, or a place on Ceph
    :param conf: the settings
    :returns: the file, with its site as a folder; nothing if the device is
        over none
    """
    if name.startswith('rbd:'):
        return places.behind(name, conf)
    if not name.startswith('/dev/'):
        return name
    loop = pathlib.Path('/sys/block') / pathlib.Path(name).name / 'loop'
    try:
        text = (loop / 'backing_file').read_text()
    except OSError:
        return ''
    return text.rstrip('\n')


def _from_cinder(world: worlds.World, case: Case, volume) -> dict:
    """The attachment record; a volume may have several servers."""
    mine = [each['attachment_id'] for each in volume.attachments
            if each['server_id'] == case.server]
    if not mine:
        return {}
    identity = mine[0]
    answer = world.admin.block_storage.get(f'/attachments/{identity}',
                                           microversion='3.27')
    if answer.status_code == 404:
        return {}
    exceptions.raise_from_response(answer)
    record = answer.json()['attachment']
    info = record.get('connection_info') or {}
    return {'attachment': identity, 'attach_status': record['status'],
            'cinder_path': path(info)}


def path(data: dict) -> str:
    """Where a connection_info leads to.

    :param data: its ``data``
    :returns: a path, or places on iSCSI or Ceph
    """
    return (' '.join(sorted(mappings.places(data)))
            or places.of_connection(data))


def _from_nova(world: worlds.World, case: Case) -> dict:
    """The block device mapping."""
    rows = database.Database(world.conf).execute(
        'SELECT device_name, connection_info FROM block_device_mapping '
        'WHERE deleted = 0 AND instance_uuid = %s AND volume_id = %s',
        'nova', (case.server, case.volume))
    if not rows:
        return {}
    info = json.loads(rows[0]['connection_info'] or '{}')
    return {'device': rows[0]['device_name'] or '',
            'bdm_path': path(info.get('data', {}))}


def _from_libvirt(world: worlds.World, case: Case) -> dict:
    """The disk in the domain's definition."""
    host = world.host_of(case.server)
    text = host.domain_xml(case.server)
    if not text:
        return {}
    for disk in ElementTree.fromstring(text).iterfind('devices/disk'):
        if disk.findtext('serial') == case.volume:
            source, address = disk.find('source'), disk.find('address')
            attributes = dict(source.attrib) if source is not None else {}
            where = dict(address.attrib) if address is not None else {}
            source_path = attributes.get('file') or attributes.get('dev', '')
            return {'xml_path': world.place_of(host, source_path)
                    or places.of_disk(disk),
                    'xml_address': ':'.join(
                        value for _key, value in sorted(where.items()))}
    return {}


def _from_guest(world: worlds.World, case: Case, running: bool) -> dict:
    """The disk as the guest sees it."""
    report = world.console(case.server)
    if not report:
        return {}
    if not running:
        return {'boot': report.boot}
    mount = report.mount
    found = {'boot': report.boot, 'mount':
             mount if mount and report.fresh(mount) else None}
    disk = report.serial(case.volume)
    if not disk or not report.fresh(disk):
        return {**found, 'site': 'gone' if not disk else 'hang'}
    site = _site(world, case, report, disk)
    return {**found, 'pci': disk.pci, 'guest_name': disk.disk,
            'site': site, 'writable': disk.write == 'ok', 'seq': disk.seq,
            'prev': disk.prev}


def _site(world: worlds.World, case: Case, report: console.Report,
          disk: console.Disk) -> str:
    """The site that a guest uses, or the error that it reads."""
    if disk.read != 'ok':
        return disk.read
    if isinstance(world.kind, ceph.Ceph):
        return world.kind.guest_site(case.volume, case.server, report.boot,
                                     disk.n if disk.write == 'ok' else 0)
    return disk.site

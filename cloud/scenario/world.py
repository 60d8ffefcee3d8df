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
"""Servers and volumes of two tenants, and hands to do things to them."""

import logging
import typing

from openstack import connection
from openstack import exceptions

from cloud import accounts
from cloud.guest import console
from cloud.hosts import compute_host
from cloud.hosts import fleet
from cloud.hosts import look
from cloud import hypervisor
from cloud import settings
from cloud.storage import sites
from cloud.storage import storage_kinds
from cloud import waiting

LOG = logging.getLogger(__name__)

PREFIX = 'try-'
#: Where guests are.
Host = hypervisor.Hypervisor | compute_host.Compute


class World:
    """A running cloud, seen by its administrator and its tenants.

    :ivar kind: the kind of storage that is tried
    :ivar backend_host: what Cinder calls its replicated backend
    """

    def __init__(self, conf: settings.Settings) -> None:
        """Log in.

        :param conf: the settings
        """
        self.conf = conf
        self.kind = storage_kinds.chosen(conf)[0]
        self.backend_host = f'{conf.host}@{self.kind.backends()[0]["name"]}'
        self.admin = accounts.connect(conf, 'admin')
        self.tenants: dict[str, connection.Connection] = {
            name: accounts.connect(conf, name)
            for name in settings.PROJECTS}
        self.hypervisor = hypervisor.Hypervisor(conf)
        self.sites = sites.Sites(conf)
        self.fleet = fleet.Fleet(conf)
        self.images = {image.name: image.id
                       for image in self.admin.image.images()}
        self.flavors = {flavor.name: flavor.id
                        for flavor in self.admin.compute.flavors()}

    # Making things

    def volume(self, project: str, name: str, kind: str = '',
               image: str = '', group: str = '') -> str:
        """Make a volume as a tenant, and wait for it.

        :param project: the tenant
        :param name: name of the volume
        :param kind: the volume type, that of what is replicated by default
        :param image: fill it from this image: ``guest-boot`` to boot from
            it, ``tenant-data`` for a file system
        :param group: id of the group that it belongs to
        :returns: the volume's id
        """
        storage = self.tenants[project].block_storage
        more = {'group_id': group} if group else {}
        volume = storage.create_volume(
            name=PREFIX + name, size=1,
            volume_type=kind or self.kind.volume_type,
            image_id=self.images[image] if image else None, **more)

        def look() -> bool:
            answer = storage.get(f'/volumes/{volume.id}', microversion='3.48')
            exceptions.raise_from_response(answer)
            now = answer.json()['volume']
            if now['status'] == 'error':
                raise AssertionError(f'volume {name} in error')
            # It is available before this is saved, and a server that is
            # made in that moment ends in ERROR.
            return now['status'] == 'available' and bool(now['service_uuid'])

        waiting.wait_for(f'volume {name}', look, timeout=180, interval=0.5)
        return volume.id

    def server(self, project: str, name: str, root: str = '',
               data: str = '', image: str = 'guest',
               metadata: dict[str, str] | None = None) -> str:
        """Make a server as a tenant, and wait until it is ACTIVE.

        :param project: the tenant
        :param name: name of the server
        :param root: a volume to boot from, instead of the image
        :param data: a volume to have from the start
        :param image: what it boots from without a root volume
        :param metadata: the server's metadata
        :returns: the server's id
        """
        compute = self.tenants[project].compute
        mappings = [_mapping(volume, index)
                    for index, volume in ((0, root), (-1, data)) if volume]
        what: dict[str, typing.Any] = {}
        if not root:
            what['image_id'] = self.images[image]
            # An image that comes with mappings has to be among them.
            if mappings:
                mappings.insert(0, {
                    'boot_index': 0, 'uuid': self.images[image],
                    'source_type': 'image', 'destination_type': 'local',
                    'delete_on_termination': True})
        if mappings:
            what['block_device_mapping'] = mappings
        server = compute.create_server(
            name=PREFIX + name, flavor_id=self.flavors['little'],
            networks='none', metadata=metadata or {}, **what)
        self.wait_status(server.id, 'ACTIVE')
        return server.id

    def attach(self, project: str, server: str, volume: str) -> None:
        """Attach a volume as a tenant, and wait for it.

        :param project: the tenant
        :param server: id of the server
        :param volume: id of the volume
        """
        tenant = self.tenants[project]
        tenant.compute.create_volume_attachment(server, volume_id=volume)
        waiting.wait_for(
            f'volume {volume} to be attached',
            lambda: tenant.block_storage.get_volume(volume).status
            == 'in-use', timeout=180, interval=0.5)

    def wait_status(self, server: str, status: str,
                    timeout: float = 300) -> None:
        """Wait for a server's status.

        :param server: id of the server
        :param status: for example ``ACTIVE``
        :param timeout: the bound in seconds
        """
        def look() -> bool:
            now = self.admin.compute.get_server(server)
            if now.status == 'ERROR' != status:
                raise AssertionError(f'{now.name} in ERROR: {now.fault}')
            return now.status == status and not now.task_state

        waiting.wait_for(f'server {server} to be {status}', look, timeout,
                         interval=0.5)

    def hard_reboot(self, project: str, server: str) -> None:
        """Reboot a server as its owner, and wait for it.

        :param project: the tenant
        :param server: id of the server
        """
        self.tenants[project].compute.reboot_server(server, 'HARD')
        self.wait_settled(server)
        self.wait_status(server, 'ACTIVE')

    def wait_settled(self, server: str, timeout: float = 300) -> None:
        """Wait until nothing is done to a server any more.

        :param server: id of the server
        :param timeout: the bound in seconds
        """
        waiting.wait_for(
            f'server {server} to be left alone',
            lambda: not self.admin.compute.get_server(server).task_state,
            timeout)

    # Looking

    def console(self, server: str) -> console.Report | None:
        """What a server's guest says on its serial console.

        :param server: id of the server
        :returns: the report, None if it has not spoken
        """
        logs = [folder / server / 'console.log' for folder in (
            self.conf.instances,
            *(host.instances for host in self.fleet.computes.values()))]
        there = [log for log in logs if log.exists()]
        # A server that has moved to another host leaves its own behind.
        return console.read(max(
            there, key=lambda log: log.stat().st_mtime)) if there else None

    def host_of(self, server: str) -> Host:
        """The compute host that a server is on.

        :param server: id of the server
        :returns: the libvirtd of a host, or of the machine
        """
        name = self.admin.compute.get_server(server).compute_host
        return self.fleet.computes.get(name) or self.hypervisor

    def place_of(self, host: Host, path: str) -> str:
        """What is behind the source of a disk.

        :param host: the compute host
        :param path: the source in a domain
        :returns: the path, or the places that its paths lead to
        """
        if not isinstance(host, compute_host.Compute):
            return path
        seen = host.look()
        folder, _slash, device = path.rpartition('/')
        if export := seen['mounts'].get(folder):
            return look.exported(export, device)
        over = seen['maps'].get(device, {}).get('over', [device])
        return ' '.join(sorted({seen['disks'][each]['place']
                                for each in over if each in seen['disks']}))

    def actions(self, project: str, server: str) -> list:
        """The instance actions of a server, as somebody sees them.

        :param project: the tenant, or ``admin``, who alone is shown the
            details of the events
        :param server: id of the server
        :returns: the actions with their events
        """
        compute = (self.admin if project == 'admin'
                   else self.tenants[project]).compute
        return [compute.get_server_action(action.request_id, server)
                for action in compute.server_actions(server)]

    def recoveries(self, project: str, server: str) -> list:
        """The instance actions of a server's recoveries.

        :param project: as for :meth:`actions`
        :param server: id of the server
        :returns: the actions with their events
        """
        name = ('recover_volumes' if self.conf.patched
                else 'failover_recover')
        return [action for action in self.actions(project, server)
                if action.action == name]

    def backends(self) -> dict[str, dict]:
        """Cinder's records of all backends.

        :returns: the services by their ``host@backend``, as the API shows
            them to the administrator
        """
        answer = self.admin.block_storage.get(
            '/os-services?binary=cinder-volume', microversion='3.7')
        exceptions.raise_from_response(answer)
        return {service['host']: service
                for service in answer.json()['services']}

    def backend(self) -> dict:
        """Cinder's record of the replicated backend.

        :returns: the service
        """
        return self.backends()[self.backend_host]

    # Failing over

    def failover(self, target: str) -> str:
        """Fail the replicated backend over, and wait for Cinder's part.

        :param target: ``secondary``, or ``default`` to fail back
        :returns: the request id, which is the failover's id
        """
        identity = self.request_failover(target)
        self.wait_backend(target)
        return identity

    def request_failover(self, target: str, backend: str = '') -> str:
        """Ask Cinder to fail a backend over.

        :param target: ``secondary``, or ``default`` to fail back
        :param backend: the replicated one, or a member of a cluster
        :returns: the request id, which is the failover's id
        """
        backend = backend or self.backend_host
        LOG.info('cinder failover-host %s --backend_id %s', backend, target)
        answer = self.admin.block_storage.put(
            '/os-services/failover_host',
            json={'host': backend, 'backend_id': target})
        exceptions.raise_from_response(answer)
        return answer.headers['x-openstack-request-id']

    def wait_backend(self, target: str, timeout: float = 180) -> None:
        """Wait until the backend's record shows the outcome.

        :param target: ``secondary`` or ``default``
        :param timeout: the bound in seconds
        """
        wanted = '' if target == 'default' else target

        def look() -> bool:
            now = self.backend()
            if now['replication_status'] == 'error':
                raise AssertionError(f'failover failed: {now}')
            return ((now['active_backend_id'] or '') == wanted
                    and now['replication_status'] in
                    ('enabled', 'failed-over'))

        waiting.wait_for(f'{self.backend_host} to be at {target}', look,
                         timeout, 0.25)

    # Cleaning up

    def clean(self) -> None:
        """Remove what earlier runs left, and bring the backend home."""
        for site in settings.SITES:
            self.kind.bring_back(site)
        for server in self._servers():
            LOG.debug('removing server %s', server.name)
            self.admin.compute.delete_server(server, force=False)
        waiting.wait_for('servers to go', lambda: not self._servers(), 180,
                         0.5)
        if self.backend()['active_backend_id']:
            self.failover('default')
        for group in self._groups():
            LOG.debug('removing group %s', group.name)
            self.admin.block_storage.delete_group(group, delete_volumes=True)
        waiting.wait_for('groups to go', lambda: not self._groups(), 180, 0.5)
        for volume in self._volumes():
            LOG.debug('removing volume %s', volume.name)
            self._remove(volume)
        waiting.wait_for('volumes to go', lambda: not self._volumes(), 180,
                         0.5)

    def _remove(self, volume) -> None:
        """Remove a volume, whatever state it was left in."""
        storage = self.admin.block_storage
        if volume.status not in ('available', 'error'):
            storage.reset_volume_status(volume, status='available',
                                        attach_status='detached')
        storage.delete_volume(volume, force=True)

    def _servers(self) -> list:
        """The servers that earlier runs made."""
        return [server for server in
                self.admin.compute.servers(all_projects=True)
                if server.name.startswith(PREFIX)]

    def _groups(self) -> list:
        """The groups that earlier runs made."""
        return [group for group in
                self.admin.block_storage.groups(all_projects=True)
                if group.name.startswith(PREFIX)]

    def _volumes(self) -> list:
        """The volumes that earlier runs made."""
        return [volume for volume in
                self.admin.block_storage.volumes(all_projects=True)
                if (volume.name or '').startswith(PREFIX)]


def _mapping(volume: str, index: int) -> dict[str, typing.Any]:
    """A volume among the devices of a server to be."""
    return {'boot_index': index, 'uuid': volume, 'source_type': 'volume',
            'destination_type': 'volume'}

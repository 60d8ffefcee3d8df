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
"""Ceph as a kind of storage: two small clusters with RBD mirroring."""

import concurrent.futures
import functools
import logging
import typing

from cloud import hypervisor
from cloud import processes
from cloud import settings
from cloud.storage.ceph import leftovers
from cloud.storage.ceph import mirroring
from cloud.storage.ceph import packages
from cloud.storage.ceph import secrets
from cloud.storage.ceph import site as sites
from cloud.storage.ceph import witness

LOG = logging.getLogger(__name__)

DRIVER = 'cinder.volume.drivers.rbd.RBDDriver'
#: The defaults have a failover wait for minutes at a site that is lost. Yet a
#: promotion is repeated no more often than a connection is tried.
_SHORT = {'rados_connect_timeout': 5, 'replication_connect_timeout': 5,
          'rados_connection_retries': 4, 'rados_connection_interval': 2}


class Ceph:
    """Volumes as RBD images; see ``cloud.storage.storage_kinds.StorageKind``.

    What does not fail over is an image of the secondary cluster that is not
    mirrored: the backend ``ceph-plain`` knows no other cluster.
    """

    name = 'ceph'
    volume_type = 'ceph'
    plain_type = 'ceph-plain'
    compute_hosts: tuple[str, ...] = ()

    def __init__(self, conf: settings.Settings) -> None:
        """Only names it.

        :param conf: the settings
        """
        self.conf = conf
        self.hypervisor = hypervisor.Hypervisor(conf)
        self.sites = {name: sites.Site(conf, name)
                      for name in sites.ADDRESSES}
        self.pair = mirroring.Pair(*self.sites.values())

    @functools.cached_property
    def _witnesses(self) -> dict[str, witness.Witness]:
        """A reader of the images of each site."""
        return {name: witness.Witness(site)
                for name, site in self.sites.items()}

    def install(self) -> None:
        """Install the packages."""
        packages.ensure()
        packages.link_modules(self.conf.venv('tool'))

    def link(self) -> None:
        """Let cinder-volume import what PyPI does not have."""
        packages.link_modules(self.conf.venv('cinder'))

    def start(self) -> None:
        """Start both clusters, then what mirrors; libvirt gets the keys."""
        with concurrent.futures.ThreadPoolExecutor(len(self.sites)) as pool:
            list(pool.map(sites.Site.start, self.sites.values()))
        self.pair.start()
        self.hypervisor.start()
        for site in self.sites.values():
            secrets.define(self.hypervisor, site)

    def stop(self) -> None:
        """Stop all daemons; nothing else of Ceph is outside of the root."""
        with concurrent.futures.ThreadPoolExecutor(len(self.sites)) as pool:
            list(pool.map(sites.Site.stop, self.sites.values()))

    def daemons(self) -> list[processes.Daemon]:
        """All daemons of both sites."""
        return [site.daemon(kind) for site in self.sites.values()
                for kind in sites.DAEMONS]

    def backends(self) -> list[dict[str, typing.Any]]:
        """The replicated backend, and the plain one."""
        primary, secondary = self.sites.values()
        replicated = self._backend('ceph', primary)
        replicated['options']['replication_device'] = (
            f'backend_id:{secondary.name},conf:{secondary.file},'
            f'user:{sites.USER},secret_uuid:{secondary.secret}')
        replicated['types'] = {
            self.volume_type: {'replication_enabled': '<is> True'}}
        plain = self._backend(self.plain_type, secondary)
        plain['types'] = {self.plain_type: {}}
        return [replicated, plain]

    @staticmethod
    def _backend(name: str, site: sites.Site) -> dict[str, typing.Any]:
        """A backend at a site."""
        return {'name': name, 'options': {
            'volume_driver': DRIVER,
            'rbd_cluster_name': site.name,
            'rbd_ceph_conf': site.file,
            'rbd_user': sites.USER,
            'rbd_pool': sites.POOL,
            'rbd_secret_uuid': site.secret,
            **_SHORT}}

    # Losing a site

    def lose(self, site: str, how: str) -> None:
        """Lose a site, once the other one has received all of its images.

        The other site's rbd-mirror is restarted, as its operator would do:
        see :meth:`cloud.storage.ceph.mirroring.Pair.renew`.

        :param site: the site
        :param how: ``kill`` or ``freeze``
        :raises ValueError: for another way
        """
        if how not in ('kill', 'freeze'):
            raise ValueError(f'a site of Ceph cannot be lost by {how}: it '
                             'shares the network of the machine')
        lost = self.sites[site]
        if lost.state() == 'up':
            self.pair.wait_copied(lost)
        LOG.info('site %s: %s', site, how)
        if how == 'kill':
            lost.kill(*sites.DAEMONS)
        else:
            for process in lost.processes():
                process.suspend()
        self.pair.renew(self.pair.other(site))

    def bring_back(self, site: str) -> None:
        """Bring a site back, and have it receive what it missed.

        :param site: the site; nothing happens to one that is there
        """
        returned = self.sites[site]
        if returned.state() == 'up' and returned.daemon('mirror').process():
            return
        LOG.info('site %s: back', site)
        self.wake(site)
        returned.spawn('mirror')
        self.pair.give_back(returned)

    def wake(self, site: str) -> None:
        """Only bring a site back, with the data that it had.

        :param site: the site
        """
        returned = self.sites[site]
        for process in returned.processes():
            process.resume()
        returned.spawn(*sites.CLUSTER)
        returned.wait_healthy()

    # Looking

    def record(self, site: str, volume: str,
               server: str) -> witness.Record | None:
        """What a guest wrote last to a volume, as one site has it.

        :param site: the site
        :param volume: id of the volume
        :param server: id of the server
        :returns: the record; None where the site does not answer
        """
        if self.sites[site].state() != 'up':
            return None
        return self._witnesses[site].read(volume, server)

    def guest_site(self, volume: str, server: str, boot: str, n: int) -> str:
        """Which site a guest writes to.

        Mirroring copies a guest's record, too, so that only the image which
        takes writes tells; and only if it has the guest's last write.

        :param volume: id of the volume
        :param server: id of the server
        :param boot: boot id of the guest's kernel
        :param n: the counter of a write that came back
        :returns: the site; ``both`` or nothing where it cannot be told
        """
        found = []
        for name in self.sites:
            record = self.record(name, volume, server)
            if (record and record.primary and record.boot == boot
                    and record.n >= n):
                found.append(name)
        return 'both' if len(found) > 1 else ''.join(found)

    def leftovers(self) -> list[str]:
        """QEMU processes of no server, clients of a wrong site, secrets."""
        return leftovers.find(self.conf, list(self.sites.values()))

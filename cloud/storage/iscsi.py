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
"""Volumes as LUNs of targets at sites that are hosts of their own kernel."""

import typing

from cloud.hosts import fleet
from cloud.hosts import host_plan
from cloud.hosts import mappings
from cloud import settings
from cloud.storage import files
from cloud.storage import storage_kinds

DRIVER = 'cinder_failover_hooks.testing.iscsi_driver.ReplicatedIscsiDriver'


class Iscsi:
    """iSCSI with two paths to each site; see ``StorageKind``."""

    name = 'iscsi'
    volume_type = 'iscsi'
    plain_type = 'iscsi-plain'
    compute_hosts = tuple(host.name for host in host_plan.COMPUTES)
    driver = DRIVER
    #: How the agent of a site is asked to serve its volumes.
    serving = 'serve'

    def __init__(self, conf: settings.Settings) -> None:
        """Only names it.

        :param conf: the settings
        """
        self.conf = conf
        self.fleet = fleet.Fleet(conf)

    def install(self) -> None:
        """Get the kernel of the hosts, and their packages."""
        self.fleet.install()

    def start(self) -> None:
        """Boot the hosts, and open the targets of the sites."""
        self.fleet.start()
        for site in self.fleet.sites.values():
            site.call(self.serving)

    def stop(self) -> None:
        """End the hosts."""
        self.fleet.stop()

    def backends(self) -> list[dict[str, typing.Any]]:
        """The replicated backend, and one that is not."""
        repl = self._backend(self.name, 'primary')
        repl['options'] |= {
            'file_replication_path': self.conf.storage / 'replication',
            'file_missed_path': self.conf.storage / 'missed',
            'replication_device':
                'backend_id:secondary,'
                f'path:{self.conf.storage}/sites/secondary,'
                + ','.join(f'{key}:{value}' for key, value
                           in self.reached('secondary').items())}
        repl['types'] = {self.volume_type: files.REPLICATED,
                         f'{self.volume_type}-shared': {
                             'multiattach': '<is> True', **files.REPLICATED}}
        plain = self._backend(self.plain_type, 'plain')
        plain['types'] = {self.plain_type: {}}
        return [repl, plain]

    def _backend(self, name: str, site: str) -> dict[str, typing.Any]:
        """The options of any backend at a site."""
        return {'name': name, 'options': {
            'volume_driver': self.driver,
            'file_auth_password': self.conf.canary,
            'file_control_path': self.conf.storage / 'control',
            'file_pool_path': self.conf.storage / 'sites' / site,
            'file_site_name': site,
            **{f'file_{key}': value for key, value
               in self.reached(site).items()},
            'report_discard_supported': 'false'}}

    def reached(self, site: str) -> dict[str, str]:
        """How the driver reaches a site.

        :param site: the site
        :returns: a key of its ``replication_device``, which with ``file_``
            before it is an option as well
        """
        return {'management': str(
            self.fleet.network.agent(host_plan.HOSTS[site]))}

    def lose(self, site: str, how: str) -> None:
        """Lose a site with its target."""
        assert how in storage_kinds.WAYS, how
        self.fleet.lose(site, how)

    def bring_back(self, site: str) -> None:
        """Bring a site back; a new kernel exports what the old one did."""
        self.fleet.bring_back(site)
        self.fleet.sites[site].call(self.serving)

    def leftovers(self) -> list[str]:
        """Sessions, disks, maps and guests that belong to no mapping.

        A host whose kernel does not run has none.
        """
        return [line for name, host in self.fleet.computes.items()
                if host.daemon.process() for line in mappings.leftovers(
                    host.look(), mappings.of_host(self.conf, name), name)]

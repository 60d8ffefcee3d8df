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
"""All hosts of a cloud."""

import concurrent.futures
import logging
import shutil
import typing

from cloud.hosts import compute_host
from cloud.hosts import host_plan
from cloud.hosts import kernel
from cloud.hosts import machine
from cloud.hosts import network
from cloud import settings
from cloud.storage import sites

LOG = logging.getLogger(__name__)


class Fleet:
    """The sites and the compute hosts.

    :ivar sites: the sites by name
    :ivar computes: the compute hosts by name
    """

    def __init__(self, conf: settings.Settings) -> None:
        """Only names them.

        :param conf: the settings
        """
        self.conf = conf
        self.network = network.Network(conf)
        self.pools = sites.Sites(conf)
        self.sites = {host.name: machine.Site(conf, host)
                      for host in host_plan.SITES}
        self.computes = {host.name: compute_host.Compute(conf, host)
                         for host in host_plan.COMPUTES}

    def machines(self) -> list[machine.Machine]:
        """All of them."""
        return [*self.sites.values(), *self.computes.values()]

    def install(self) -> None:
        """Get what they boot from."""
        kernel.Kernel(self.conf).install()

    def start(self) -> None:
        """Mount the pools of the sites, and boot every host."""
        self.pools.start()
        self.network.start()
        LOG.info('booting %s', ', '.join(
            each.host.name for each in self.machines()))
        for_each(self.machines(), lambda each: each.boot())

    def start_nova(self) -> None:
        """Start nova-compute on every compute host."""
        for_each(list(self.computes.values()), lambda each: each.start_nova())

    def lose(self, site: str, how: str) -> None:
        """Lose a site: its host, and its files for the replication.

        :param site: the site
        :param how: one of ``cloud.storage.storage_kinds.WAYS``
        """
        host = self.sites[site]
        LOG.info('site %s: %s', site, how)
        {'kill': host.kill, 'freeze': host.freeze,
         'cut': lambda: self.network.cut(host.host)}[how]()
        self.pools.switch(site, 'lost')

    def bring_back(self, site: str) -> None:
        """Bring a site back, whichever way it was lost.

        :param site: the site
        """
        host = self.sites[site]
        if self.pools.folders.state(site) != 'up':
            self.pools.switch(site, 'up')
        if host.is_frozen():
            host.thaw()
        self.network.mend(host.host)
        host.boot()

    def stop(self) -> None:
        """End all of it."""
        for_each(self.machines(), lambda each: each.stop())
        self.network.stop()
        self.pools.stop()
        shutil.rmtree(self.conf.root / 'hosts', ignore_errors=True)


def for_each(machines: list, step: typing.Callable) -> None:
    """Do something with hosts at the same time.

    :param machines: the hosts
    :param step: called with each
    :raises Exception: the first of theirs
    """
    with concurrent.futures.ThreadPoolExecutor(len(machines)) as pool:
        list(pool.map(step, machines))

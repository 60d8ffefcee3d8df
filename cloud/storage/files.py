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
"""Volumes as files at sites that are FUSE file systems."""

import typing

from cloud import database
from cloud import processes
from cloud import settings
from cloud.storage import sites
from cloud.storage import storage_kinds

#: The driver of the sites, and what its backends have in common.
DRIVER = 'cinder_failover_hooks.testing.driver.ReplicatedFileDriver'
REPLICATED = {'replication_enabled': '<is> True'}
_STATES = {'kill': 'lost', 'freeze': 'hang', 'cut': 'lost'}


class Files:
    """The kind that needs nothing but FUSE; see ``StorageKind``."""

    name = 'files'
    volume_type = 'replicated'
    plain_type = 'plain'
    compute_hosts: tuple[str, ...] = ()

    def __init__(self, conf: settings.Settings) -> None:
        """Only names it.

        :param conf: the settings
        """
        self.conf = conf
        self.sites = sites.Sites(conf)

    def install(self) -> None:
        """Nothing more than the machine has."""

    def start(self) -> None:
        """Mount the sites."""
        self.sites.start()

    def stop(self) -> None:
        """Unmount the sites, after what is over their files is gone."""
        for device, _file in self._loops():
            processes.run(['losetup', '--detach', device])
        self.sites.stop()

    def backends(self) -> list[dict[str, typing.Any]]:
        """The replicated backend, the plain one, and that of a cluster."""
        repl, cluster = (self._backend(name, 'primary')
                         for name in ('repl', self.conf.cluster))
        for each in (repl, cluster):
            each['options'] |= {
                'file_replication_path': self.conf.storage / 'replication',
                'file_missed_path': self.conf.storage / 'missed',
                'replication_device':
                    'backend_id:secondary,path:'
                    f'{self.conf.storage}/sites/secondary'}
        repl['types'] = {'replicated': REPLICATED, 'shared': {
            'multiattach': '<is> True', **REPLICATED}}
        cluster['types'] = {'clustered': REPLICATED}
        plain = self._backend('plain', 'plain')
        plain['types'] = {'plain': {}}
        return [repl, plain, cluster]

    def _backend(self, name: str, site: str) -> dict[str, typing.Any]:
        """The options of any backend with files at a site."""
        return {'name': name, 'options': {
            'volume_driver': DRIVER,
            'file_connection_type': self.conf.connection_type,
            'file_auth_password': self.conf.canary,
            'file_control_path': self.conf.storage / 'control',
            'file_pool_path': self.conf.storage / 'sites' / site,
            'file_site_name': site,
            'report_discard_supported': 'false'}}

    def lose(self, site: str, how: str) -> None:
        """Let a site answer with I/O errors, or not at all (``freeze``)."""
        assert how in storage_kinds.WAYS, how
        self.sites.switch(site, _STATES[how])

    def bring_back(self, site: str) -> None:
        """Let a site answer again."""
        if self.sites.folders.state(site) != 'up':
            self.sites.switch(site, 'up')

    def leftovers(self) -> list[str]:
        """Loop devices over files of no mapping."""
        rows = database.Database(self.conf).execute(
            'SELECT volume_id FROM block_device_mapping WHERE deleted = 0 '
            "AND destination_type = 'volume'", 'nova')
        mapped = {f'volume-{row["volume_id"]}' for row in rows}
        return [f'{device} over {file}' for device, file in self._loops()
                if file.rpartition('/')[-1] not in mapped]

    def _loops(self) -> list[tuple[str, str]]:
        """The loop devices over files of the sites."""
        found = []
        for line in processes.run(
                ['losetup', '--list', '--noheadings', '--output',
                 'NAME,BACK-FILE']).splitlines():
            device, _space, file = line.partition(' ')
            if file.strip().startswith(str(self.conf.storage)):
                found.append((device, file.strip()))
        return found

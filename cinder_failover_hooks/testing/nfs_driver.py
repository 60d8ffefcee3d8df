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

"""A Cinder driver whose volumes are files of an NFS export, one a site."""

from typing import Any

from cinder import interface

from cinder_failover_hooks.testing import driver
from cinder_failover_hooks.testing import replication


@interface.volumedriver
class ReplicatedNfsDriver(driver.ReplicatedFileDriver):
    """Volumes as files of the export of the site that is active."""

    def _exports(self) -> dict[str, str]:
        """The export of each site, by the site's name."""
        conf = self.configuration
        found = {conf.file_site_name: conf.file_export}
        for device in conf.safe_get('replication_device') or []:
            found[device.get('site', device['backend_id'])] = device['export']
        return found

    @replication.scripted
    def initialize_connection(self, volume: Any,
                              connector: Any) -> dict[str, Any]:
        """Name the export of the active site; may be asked often.

        :param volume: the volume
        :param connector: of the host that wants to connect
        :returns: connection_info, as Cinder's own NFS driver returns it
            (cinder/volume/drivers/nfs.py)
        """
        data = {'export': self._exports()[self._site_of(volume).name],
                'name': volume.name, 'options': '-o vers=4.2',
                'format': 'raw', 'access_mode': 'rw'}
        if self.configuration.file_auth_password:
            # Nothing asks for it; tests look for leaks of it.
            data['canary_password'] = self.configuration.file_auth_password
        return {'driver_volume_type': 'nfs', 'data': data}

    def _update_volume_stats(self) -> None:
        """Tell the scheduler about the backend."""
        super()._update_volume_stats()
        self._stats['storage_protocol'] = 'nfs'

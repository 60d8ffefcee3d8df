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
"""The replicated backend with iSCSI targets, in the place of plain files.

The volumes are files at sites as before. Each site has a management interface,
as an array has: a Unix socket that takes a line of JSON, and gives one back.
It exports a file as a LUN of the site's target.
"""

import dataclasses
import hashlib
import json
import pathlib
import socket
from typing import Any

from cinder import exception
from cinder import interface
from oslo_log import log as logging

from cinder_failover_hooks.testing import driver
from cinder_failover_hooks.testing import replication

LOG = logging.getLogger(__name__)

#: Seconds in which a site has to answer.
TIMEOUT = 10.0


@dataclasses.dataclass(frozen=True)
class Habits:
    """What arrays do differently.

    :ivar chap: ask for a secret, which changes at each question
    :ivar one_portal: leave one portal out of the answer
    :ivar same_wwn: a volume has the same WWN at each site
    :ivar lowest_lun: give the lowest free LUN number, which another volume
        may have had before
    """

    chap: bool = False
    one_portal: bool = False
    same_wwn: bool = False
    lowest_lun: bool = False


@interface.volumedriver
class ReplicatedIscsiDriver(driver.ReplicatedFileDriver):
    """Volumes as LUNs of the site that is active."""

    def _sockets(self) -> dict[str, str]:
        """The management interface of each site, by the site's name."""
        conf = self.configuration
        found = {conf.file_site_name: conf.file_management}
        for device in conf.safe_get('replication_device') or []:
            found[device.get('site', device['backend_id'])] = device[
                'management']
        return found

    def _ask(self, site: str, call: str, **arguments: Any) -> Any:
        """Ask a site's management interface.

        :param site: name of the site
        :param call: what to do
        :param arguments: of the call
        :returns: the result
        :raises exception.VolumeBackendAPIException: when the site does not
            answer, or cannot do it
        """
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(TIMEOUT)
                link.connect(self._sockets()[site])
                request = {'call': call, **arguments}
                link.sendall(json.dumps(request).encode() + b'\n')
                with link.makefile('rb') as file:
                    answer = json.loads(file.readline())
        except (OSError, ValueError) as exc:
            raise exception.VolumeBackendAPIException(
                data=f'{site} does not answer: {exc}') from exc
        if 'error' in answer:
            raise exception.VolumeBackendAPIException(
                data=f'{site}: {answer["error"]}')
        return answer['result']

    def _habits(self) -> Habits:
        """What a test wants, else what most arrays do."""
        path = self.configuration.file_control_path
        file = pathlib.Path(path or '') / 'habits'
        if path and file.exists():
            return Habits(**json.loads(file.read_text()))
        return Habits()

    @replication.scripted
    def initialize_connection(self, volume: Any,
                              connector: Any) -> dict[str, Any]:
        """Export a volume at the active site; may be asked often.

        :param volume: the volume
        :param connector: of the host that wants to connect
        :returns: connection_info
        :raises exception.VolumeBackendAPIException: when the site is lost
        """
        site, habits = self._site_of(volume).name, self._habits()
        # The host has not been told what Cinder wrote.
        self._ask(site, 'refresh')
        where = self._ask(
            site, 'export', volume=volume.name, host=connector['host'],
            serial=self._serial(volume, '' if habits.same_wwn else site),
            chap=habits.chap, lowest=habits.lowest_lun)
        return {'driver_volume_type': 'iscsi',
                'data': self._connection(volume, where, habits)}

    @staticmethod
    def _serial(volume: Any, site: str) -> str:
        """What the WWN of a volume is made of."""
        return hashlib.sha256(f'{site}{volume.id}'.encode()).hexdigest()[:32]

    def _connection(self, volume: Any, where: dict[str, Any],
                    habits: Habits) -> dict[str, Any]:
        """Say how a LUN is reached."""
        portals = where['portals'][:1 if habits.one_portal else None]
        data = {
            'target_discovered': False, 'volume_id': volume.id,
            'target_iqn': where['iqn'], 'target_portal': portals[0],
            'target_lun': where['lun'],
            'target_iqns': [where['iqn']] * len(portals),
            'target_portals': portals,
            'target_luns': [where['lun']] * len(portals),
            'access_mode': 'rw', 'discard': False}
        if where['secret']:
            data.update(auth_method='CHAP', auth_username=where['user'],
                        auth_password=where['secret'])
        elif self.configuration.file_auth_password:
            # Nothing asks for it; tests look for leaks of it.
            data['canary_password'] = self.configuration.file_auth_password
        return data

    @replication.scripted
    def terminate_connection(self, volume: Any, connector: Any,
                             **kwargs: Any) -> None:
        """Take a volume from a host, at each site that answers.

        :param volume: the volume
        :param connector: of the host that was connected, None for all hosts
        """
        self._unexport(volume, connector['host'] if connector else '')

    @replication.scripted
    def remove_export(self, context: Any, volume: Any) -> None:
        """Do nothing, as most arrays do.

        Cinder calls it for each attachment that ends, also when another host
        has just been connected by a live migration.
        """

    def _unexport(self, volume: Any, host: str) -> None:
        for each in self._pools_of(volume):
            try:
                self._ask(each.name, 'unexport', volume=volume.name,
                          host=host)
            except exception.VolumeBackendAPIException as exc:
                LOG.warning('Volume %s stays exported: %s', volume.name, exc)

    def delete_volume(self, volume: Any) -> None:
        """Remove a volume from each site that can be reached.

        :param volume: the volume
        """
        self._unexport(volume, '')
        super().delete_volume(volume)

    def _update_volume_stats(self) -> None:
        """Tell the scheduler about the backend."""
        super()._update_volume_stats()
        self._stats['storage_protocol'] = 'iSCSI'

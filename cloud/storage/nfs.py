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
"""Volumes as files of NFS exports of sites with a kernel of their own."""

from cloud.hosts import host_plan
from cloud.storage import iscsi


class Nfs(iscsi.Iscsi):
    """NFS with an export at each site; see ``StorageKind``.

    All volumes of a site are in one export, which a compute host mounts once
    for all of its servers.
    """

    name = 'nfs'
    volume_type = 'nfs'
    plain_type = 'nfs-plain'
    driver = 'cinder_failover_hooks.testing.nfs_driver.ReplicatedNfsDriver'
    serving = 'share'

    def reached(self, site: str) -> dict[str, str]:
        """The export of a site."""
        return {'export': f'{host_plan.HOSTS[site].address(1)}:/{site}'}

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

"""A replication group of volumes, which fails over by itself."""

import logging

from openstack import exceptions

from cloud.scenario import world as worlds
from cloud import waiting

LOG = logging.getLogger(__name__)

TYPE = 'together'
SPECS = {'consistent_group_replication_enabled': '<is> True'}
MICROVERSION = '3.38'


class Group:
    """A group of a tenant's replicated volumes.

    :ivar id: its id, once it is made
    """

    def __init__(self, world: worlds.World, project: str) -> None:
        """Only remembers; see :meth:`make`.

        :param world: the cloud
        :param project: the tenant
        """
        self._world = world
        self._admin = world.admin.block_storage
        self._tenant = world.tenants[project].block_storage
        self.id = ''

    def make(self) -> None:
        """Make the group as the tenant, and its type as the administrator."""
        kinds = {kind.name: kind.id for kind in self._admin.group_types()}
        if TYPE not in kinds:
            made = self._admin.create_group_type(name=TYPE)
            self._admin.create_group_type_group_specs(made, SPECS)
            kinds[TYPE] = made.id
        volumes = [kind.id for kind in self._admin.types()
                   if kind.name == 'replicated']
        self.id = self._tenant.create_group(
            name=worlds.PREFIX + TYPE, group_type=kinds[TYPE],
            volume_types=volumes).id
        waiting.wait_for('the group', lambda: self._tenant.get_group(
            self.id).status == 'available', 180)

    def replicate(self) -> None:
        """Have the group replicated, with the volumes that it has by now."""
        self._act({'enable_replication': {}})
        self.wait('enabled')

    def request_failover(self, target: str) -> str:
        """Ask Cinder to fail the group over, with its attached volumes.

        :param target: ``secondary``, or ``default`` to fail back
        :returns: the request id, which is the failover's id
        """
        return self._act({'failover_replication': {
            'allow_attached_volume': True, 'secondary_backend_id': target}})

    def wait(self, status: str) -> None:
        """Wait for the replication status of the group.

        :param status: for example ``failed-over``
        """
        waiting.wait_for(
            f'the group to be {status}', lambda: self._admin.get_group(
                self.id).replication_status == status, 180)

    def _act(self, body: dict) -> str:
        """Do something to the group; the SDK cannot fail one over.

        :param body: what to do
        :returns: the request id
        """
        LOG.info('group %s: %s', self.id, body)
        answer = self._admin.post(f'/groups/{self.id}/action', json=body,
                                  microversion=MICROVERSION)
        exceptions.raise_from_response(answer)
        return answer.headers['x-openstack-request-id']

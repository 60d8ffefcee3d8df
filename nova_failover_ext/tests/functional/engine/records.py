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

"""Records of servers and volumes in Nova's own schema, in two cells."""

import json

import nova.context
from nova import objects
from nova import test
from oslo_utils import timeutils
from oslo_utils import uuidutils

from nova_failover_ext import nova_cells
from nova_failover_ext.recovery import staleness

CANARY = 'CANARY-9c1f'


class RecordsTestCase(test.TestCase):
    """What the tests of readers fill the databases with."""

    NUMBER_OF_CELLS = 2

    def setUp(self):
        super().setUp()
        self.admin = nova.context.get_admin_context()
        self.cells = nova_cells.all_cells()

    def _server(self, cell=0, **values):
        with nova.context.target_cell(
                self.admin, self.cells[cell]) as context:
            instance = objects.Instance(
                context, **{'uuid': uuidutils.generate_uuid(),
                            'host': 'compute%d' % cell,
                            'vm_state': 'active', 'display_name': 'web',
                            'project_id': 'p', **values})
            instance.create()
            return instance.uuid

    def _volume(self, server_id, cell=0, stamp=None, **values):
        info = {'data': {'auth_password': CANARY}}
        if stamp is not None:
            info[staleness.STAMP] = stamp
        volume_id = uuidutils.generate_uuid()
        with nova.context.target_cell(
                self.admin, self.cells[cell]) as context:
            objects.BlockDeviceMapping(context, **{
                'instance_uuid': server_id, 'volume_id': volume_id,
                'attachment_id': uuidutils.generate_uuid(),
                'source_type': 'volume', 'destination_type': 'volume',
                'device_name': '/dev/vdb', 'boot_index': None,
                'connection_info': json.dumps(info), **values}).create()
        return volume_id

    def _service(self, host, cell=0, **values):
        with nova.context.target_cell(
                self.admin, self.cells[cell]) as context:
            service = objects.Service(
                context, host=host, binary='nova-compute', topic='compute',
                **values)
            service.create()
            service.last_seen_up = timeutils.utcnow()
            service.save()

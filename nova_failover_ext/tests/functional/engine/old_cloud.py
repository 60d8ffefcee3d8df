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


"""An old cloud: servers attached long ago, and records that are not in order.

What Cinder would say of a volume today is not what it said when the volume
was attached: the monitors of Ceph and the portals of arrays are others, and so
is the number under which an array shows a LUN to a host. All guests are well.
"""

import copy
from unittest import mock

from nova import objects
from oslo_serialization import jsonutils
import sqlalchemy as sa

from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery import volume_places
from nova_failover_ext.testing import connections
from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.engine import base

Call = faults.Call
#: What changes anything in Cinder.
CHANGING = (Call.ATTACHMENT_UPDATE, Call.ATTACHMENT_COMPLETE,
            Call.ATTACHMENT_CREATE, Call.ATTACHMENT_DELETE,
            Call.INITIALIZE_CONNECTION)
NUMBER = 50
_ROWS = ('select * from block_device_mapping order by id',
         'select uuid, vm_state, task_state, deleted from instances')


def _portals_of_today(volume_id, site, secret):
    info = connections.iscsi(volume_id, site, secret)
    data = info['data']
    data['target_portals'] = [f'203.0.113.{number}:3260' for number in (5, 6)]
    data['target_portal'] = data['target_portals'][0]
    data['target_lun'] += 100
    data['target_luns'] = [data['target_lun']] * 2
    return info


def _monitors_of_today(volume_id, site, secret):
    info = connections.rbd(volume_id, site, secret)
    info['data']['hosts'] = [
        host.rpartition('.')[0] + f'.{number}'
        for number, host in enumerate(info['data']['hosts'], 70)]
    return info


class OldCloudBase(base.EngineTestBase):
    """Fifty servers on three hosts, in two cells and on two backends.

    :ivar servers: those whose records are in order, as the API shows them
    :ivar dirty: those with one row, or record of Cinder, that is not, by its
        kind; see :meth:`_kinds`
    :ivar bad: volume id of what is not in order, by the same kinds
    """

    def setUp(self):
        super().setUp()
        self.flags(reclaim_instance_interval=3600)
        self.second = {}
        self.servers = self._boot_all()
        patched = mock.patch.dict(connections.TYPES, {
            'iscsi': _portals_of_today, 'rbd': _monitors_of_today})
        patched.start()
        self.addCleanup(patched.stop)
        self.dirty, self.bad = {}, {}
        for kind, make in self._kinds().items():
            server = self.dirty[kind] = self.servers.pop()
            self.bad[kind] = make(server)

    def _boot_all(self):
        hosts = (*self.HOSTS, *self.CELL2)
        types = ('local', 'iscsi', 'rbd')
        servers = []
        for number in range(NUMBER):
            volumes = [self.cinder.volume(
                backend=backend, connection=types[number // 3 % len(types)])
                for backend in (('repl', 'second') if number % 2
                                else ('second', 'repl'))]
            bdms = [self.data(volume) for volume in volumes[:1 + number % 3]]
            bdms[0]['boot_index'] = -1 if number % 4 else 0
            servers.append(self.create(*bdms, host=hosts[number % 3]))
        return self.wait_for_all(servers, 'ACTIVE')

    # What is not in order

    def _kinds(self):
        return {
            'no connection_info': lambda server: self._ignored(server, None),
            'empty connection_info': lambda server: self._ignored(
                server, '{}'),
            'no JSON': self._no_json,
            'volume of another server': lambda server: self._foreign(
                server, connection_info=None),
            'connected volume of another server': self._foreign,
            'second row': self._second_row,
            'blank attachment': self._blank,
            'attachment gone': self._gone,
            'soft-deleted': self._soft_deleted,
            'deleted server': self._deleted,
            'deleted row': self._deleted_row}

    def own(self, server):
        """Return the one volume that every server was booted with."""
        return min(self.bdms(server).values(), key=lambda bdm: bdm.id)

    def _row(self, server, volume_id, **values):
        with self._cell_of(server) as context:
            row = objects.BlockDeviceMapping(context, **{
                'instance_uuid': server['id'], 'volume_id': volume_id,
                'source_type': 'volume', 'destination_type': 'volume',
                'device_name': '/dev/vdx', 'boot_index': -1, **values})
            row.create()
            return row

    def _ignored(self, server, text):
        volume_id = self.cinder.volume()
        self.cinder.status(volume_id)
        self._row(server, volume_id, connection_info=text)
        return volume_id

    def _no_json(self, server):
        bdm = self.own(server)
        bdm.connection_info = '{"driver_volume_type": "rbd", "da'
        bdm.save()
        return bdm.volume_id

    def _foreign(self, server, **values):
        other = self.own(next(
            each for each in self.servers
            if self.host_of(each) == self.host_of(server)))
        self._row(server, other.volume_id, **{
            'attachment_id': other.attachment_id,
            'connection_info': other.connection_info, **values})
        return other.volume_id

    def _second_row(self, server):
        own = self.own(server)
        self._row(server, own.volume_id, attachment_id=own.attachment_id,
                  connection_info=own.connection_info)
        return own.volume_id

    def _blank(self, server):
        volume_id = self.own(server).volume_id
        self.cinder.cinder.records.reserve(volume_id, server['id'])
        return volume_id

    def _gone(self, server):
        own = self.own(server)
        del self.cinder.volume_to_attachment[own.volume_id][own.attachment_id]
        return own.volume_id

    def _soft_deleted(self, server):
        self.api.delete_server(server['id'])
        self._wait_for_state_change(server, 'SOFT_DELETED')
        return self.own(server).volume_id

    def _deleted(self, server):
        own = self.own(server)
        self.api.post_server_action(server['id'], {'forceDelete': None})
        self._wait_until_deleted(server)
        self.execute('update block_device_mapping set deleted = 0 where '
                     'id = :id and instance_uuid = :server',
                     id=own.id, server=server['id'])
        return own.volume_id

    def _deleted_row(self, server):
        other = self.own(self.servers[0])
        self._row(server, other.volume_id,
                  attachment_id=other.attachment_id,
                  connection_info=other.connection_info).destroy()
        return other.volume_id

    # What there is

    def execute(self, statement, **values):
        """Have a statement executed in each cell; return all rows."""
        found = []
        for cell in objects.CellMappingList.get_all(self.context):
            if cell.is_cell0():
                continue
            with (base.nova_context.target_cell(
                      self.context, cell) as context,
                  context.db_connection.writer.using(context)):
                result = context.session.execute(sa.text(statement), values)
                if result.returns_rows:
                    found += map(tuple, result)
        return found

    def photograph(self):
        """Return all that a recovery might touch."""
        return {
            'records': [self.execute(statement) for statement in _ROWS],
            'domains': self.domains(),
            'attachments': copy.deepcopy(self.cinder.records),
            'power ons': dict(self.hypervisor.power_ons),
            'touches': list(self.hypervisor.touches),
            'requests': {call.name: len(self.cinder.faults.made(call))
                         for call in CHANGING}}

    def domains(self):
        """Return the guests' XML by server id."""
        return {
            domain.UUIDString(): domain.XMLDesc(0)
            for compute in self.computes.values()
            for domain in compute.driver._host.get_connection()._vms.values()}

    def wait_until_scanned(self):
        """Wait until the engine has read both backends once."""
        for backend in (base.BACKEND, base.SECOND):
            self.wait_for(lambda backend=backend: self.progress(
                backend)['last_checked'], f'a scan of {backend}')

    def assert_untouched(self, before):
        """See that all is as it was.

        :param before: of :meth:`photograph`
        """
        after = self.photograph()
        for name, was in before.items():
            self.assertEqual(was, after[name], name)

    def rows(self):
        """Return what stands in the rows of each server, by their ids."""
        found = {}
        for row_id, server_id, volume_id, info in self.execute(
                'select id, instance_uuid, volume_id, connection_info '
                'from block_device_mapping'):
            found.setdefault(server_id, {})[row_id, volume_id] = info
        return found

    def on(self, backend):
        """Return the ids of the servers that have a volume on a backend."""
        return {server_id for server_id, rows in self.rows().items()
                for _row, volume_id in rows if volume_id and
                self.cinder.cinder.kind(volume_id).backend == backend}

    def is_healed(self, server):
        """Return whether a server's moved volumes are at their new places."""
        infos = [(volume_id, jsonutils.loads(bdm.connection_info))
                 for volume_id, bdm in self.bdms(server).items()
                 if self.cinder.cinder.kind(volume_id).backend == 'repl']
        return all(info.get(staleness.STAMP) == 'secondary' and
                   volume_places.same_place(
                       info, self.cinder.cinder.connection_info(volume_id))
                   for volume_id, info in infos)

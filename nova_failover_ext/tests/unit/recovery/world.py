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

"""A server with its volumes, Cinder and the host, as plain fakes.

Every call that a recovery makes is noted in order in ``calls``; each can be
made to fail by its name in ``errors``, once or for good.
"""

import contextlib
from unittest import mock

from nova.objects import block_device
from nova.objects import instance as instance_object
from nova_failover_ext.recovery import cinder_api
from nova_failover_ext.recovery import components
from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import upstream
from nova_failover_ext.recovery.virt import interface
from oslo_config import cfg
from oslo_serialization import jsonutils

from nova_failover_ext.conf import compute as compute_conf
from nova_failover_ext.conf import policies as policy_conf
from nova_failover_ext.recovery import staleness

SERVER = '5d3a2b6e-9c7f-4d39-b6b6-6a6b8d0f0a01'
OLD = '/primary/%s'
NEW = '/secondary/%s'


def asked(*names):
    """Return the calls by which Cinder is asked where volumes are."""
    return [call for name in names for call in (
        f'save {name}', f'attachment_update attachment-{name} /dev/vd{name}',
        f'attachment_complete attachment-{name}')]


class Volume:
    """A volume in Cinder, with one attachment."""

    def __init__(self, name, boot_index=None):
        self.name = name
        self.boot_index = boot_index
        self.status = 'in-use'
        self.replication_status = 'failed-over'
        self.attachment_status = 'attached'
        self.attachment_path = OLD % name
        self.path = NEW % name
        self.device = '/dev/vda' if boot_index == 0 else '/dev/vd' + name
        self.in_guest = OLD % name
        self.on_host = {OLD % name}
        #: Of the attachment.
        self.server = SERVER
        #: What the array says at the next question.
        self.secret = 'canary'


class World:
    """Everything around one recovery."""

    def __init__(self, *volumes, vm_state='active', guest_runs=True):
        self.calls = []
        self.errors = {}
        #: Why a volume, or the server, could not be connected or started.
        self.obstacles = {}
        #: Ids of a volume's attachments to the server, where not just one.
        self.attachments = {}
        self.mounted = set()
        self.volumes = {volume.name: volume for volume in volumes}
        self.guest_runs = guest_runs
        #: What the kernel has of the guest once it is off.
        self.left = ''
        self.instance = mock.create_autospec(
            instance_object.Instance, instance=True, uuid=SERVER,
            vm_state=vm_state, task_state=None, host='here',
            metadata={})
        self.bdms = [self._bdm(volume) for volume in volumes]
        self.conf = cfg.ConfigOpts()
        compute_conf.register_opts(self.conf)
        policy_conf.register_opts(self.conf)
        self.host = self._host()
        self.virt = self._virt()
        self.cinder = self._cinder()
        self.components = components.Components(
            self.conf, self.host, self.virt, self.cinder)

    def note(self, name, *details):
        """Note a call; raise what was ordered for it."""
        self.calls.append(' '.join((name, *details)))
        error = self.errors.get(name) or self.errors.get(self.calls[-1])
        if error:
            raise error

    def stamps(self):
        """Return each volume's stamp, None where there is none."""
        return {bdm.volume_id: jsonutils.loads(bdm.connection_info).get(
            'failover_active_backend_id') for bdm in self.bdms}

    def paths(self):
        """Return each volume's path in its block device mapping."""
        found = {bdm.volume_id: mapping.Mapping(bdm).connection_info
                 for bdm in self.bdms}
        return {name: info['data']['device_path']
                for name, info in found.items() if info}

    def secrets(self):
        """Return each volume's secret in its block device mapping."""
        return {bdm.volume_id: jsonutils.loads(
            bdm.connection_info)['data']['auth_password']
            for bdm in self.bdms}

    def show(self, context, name):
        """Return a volume as Cinder knows it."""
        volume = self.volumes[name]
        complete = {'attachment-' + name: volume.server} if (
            volume.attachment_status == 'attached') else {}
        return cinder_api.Volume(volume.status, volume.replication_status,
                                 attachments=complete)

    def _bdm(self, volume):
        bdm = mock.create_autospec(
            block_device.BlockDeviceMapping, instance=True, is_volume=True,
            volume_id=volume.name, instance_uuid=SERVER, id=volume.name,
            attachment_id='attachment-' + volume.name,
            boot_index=volume.boot_index, device_name=volume.device,
            connection_info=jsonutils.dumps({
                'driver_volume_type': 'local', 'serial': volume.name,
                'data': {'device_path': OLD % volume.name,
                         'auth_password': 'canary'}}))
        bdm.save.side_effect = lambda: self.note('save', volume.name)
        bdm.destroy.side_effect = lambda: self._destroy(bdm)
        return bdm

    def _destroy(self, bdm):
        self.note('destroy', bdm.volume_id)
        self.bdms = [other for other in self.bdms if other is not bdm]

    def _host(self):
        host = mock.create_autospec(upstream.Host, instance=True)
        host.name = 'here'
        host.locked.side_effect = (
            lambda server_id, function, *args: function(*args))
        host.instance.return_value = self.instance
        host.mappings.side_effect = lambda *args: self.bdms
        host.all_mappings.side_effect = lambda context: self.bdms
        host.mapping.side_effect = lambda context, server_id, name: next(
            bdm for bdm in self.bdms if bdm.volume_id == name)
        host.power_off.side_effect = self._power_off
        host.power_on.side_effect = self._power_on
        return host

    def _power_off(self, context, instance):
        self.note('power_off')
        self.guest_runs = False

    def _power_on(self, context, instance):
        self.note('power_on')
        assert instance.task_state == staleness.TASK_STATE
        self.guest_runs = True
        for name, path in self.paths().items():
            self.volumes[name].in_guest = path

    def _virt(self):
        virt = mock.create_autospec(interface.VirtHost, instance=True)
        virt.obstacle.side_effect = (
            lambda context, instance, volume: self.obstacles.get(
                volume.volume_id, ''))
        virt.mounted.side_effect = lambda instance, volume: (
            volume.volume_id in self.mounted)
        virt.connector.return_value = {'host': 'here'}
        virt.connects_when_off = False
        virt.lacks.return_value = ''
        virt.server_obstacle.side_effect = (
            lambda context, instance: self.obstacles.get(SERVER, ''))
        virt.keeping_secrets.return_value = contextlib.nullcontext()
        virt.wwid.return_value = ''
        virt.stranger.return_value = ''
        virt.fence.side_effect = self._fence
        virt.fencing.side_effect = lambda connections: (
            contextlib.nullcontext())
        virt.watch.side_effect = lambda instance: lambda: self.left
        virt.guest_runs.side_effect = lambda instance: self.guest_runs
        virt.place.side_effect = lambda instance, volume: '<address/>'
        virt.shows.side_effect = lambda instance, volume: (
            self.volumes[volume.volume_id].in_guest == _path(volume))
        virt.release.side_effect = self._release
        virt.plug.side_effect = self._plug
        virt.disconnect.side_effect = self._disconnect
        virt.connect.side_effect = self._connect
        return virt

    def _fence(self, wwid, _timeout):
        self.note('fence', wwid)
        return ''

    @contextlib.contextmanager
    def fencing(self, connections):
        self.note('fencing-begins')
        yield
        self.note('fencing-ends')

    def _release(self, instance, volume, timeout):
        self.note('release', volume.volume_id)
        self.volumes[volume.volume_id].in_guest = None

    def _plug(self, context, instance, volume):
        self.note('plug', volume.volume_id, volume.place or '')
        self.volumes[volume.volume_id].in_guest = _path(volume)

    def _disconnect(self, context, instance, volume, connection_info):
        path = connection_info['data']['device_path']
        self.note('disconnect', volume.volume_id, path)
        self.volumes[volume.volume_id].on_host.discard(path)

    def _connect(self, context, instance, volume):
        self.note('connect', volume.volume_id, _path(volume))
        self.volumes[volume.volume_id].on_host.add(_path(volume))

    def _cinder(self):
        api = mock.create_autospec(cinder_api.CinderAPI, instance=True)
        api.volume.side_effect = self.show
        api.ask.side_effect = self._ask
        api.attachment.side_effect = self._attachment
        api.update.side_effect = self._update
        api.complete.side_effect = self._complete
        api.delete.side_effect = self._delete
        api.attachments.side_effect = (
            lambda context, name, server_id: self.attachments.get(
                name, [f'attachment-{name}']))
        return api

    def _ask(self, context, name, connector):
        self.note('ask', name)
        return _info(self.volumes[name].path, self.volumes[name].secret)

    def _attachment(self, context, attachment_id):
        name = attachment_id.removeprefix('attachment-')
        return cinder_api.Attachment(name, self.volumes[name].server)

    def _update(self, context, attachment_id, connector, device_name):
        self.note('attachment_update', attachment_id, device_name)
        volume = self.volumes[attachment_id.removeprefix('attachment-')]
        volume.attachment_path = volume.path
        volume.attachment_status = volume.status = 'attaching'
        return _info(volume.path, volume.secret)

    def _complete(self, context, attachment_id):
        self.note('attachment_complete', attachment_id)
        volume = self.volumes[attachment_id.removeprefix('attachment-')]
        volume.attachment_status, volume.status = 'attached', 'in-use'

    def _delete(self, context, attachment_id):
        self.note('attachment_delete', attachment_id)
        self.volumes[attachment_id.removeprefix(
            'attachment-')].status = 'available'


def _info(path, secret='canary'):
    return {'driver_volume_type': 'local',
            'data': {'device_path': path, 'auth_password': secret}}


def _path(volume):
    return volume.connection_info['data']['device_path']

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

"""The single steps of a recovery; each can be repeated after a crash.

What follows upon what is decided in ``commit``. Here it is made sure that
each step is bounded in time and named when it fails, and that no old
connection is forgotten on the host.
"""

from collections.abc import Callable, Iterator
import contextlib
from typing import Any

from cinder_failover_hooks import statuses
from oslo_log import log as logging

from nova_failover_ext import exception
from nova_failover_ext.recovery import bounded
from nova_failover_ext.recovery import components
from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import masking
from nova_failover_ext.recovery import prepare
from nova_failover_ext.recovery import step_context
from nova_failover_ext.recovery.virt import interface
from nova_failover_ext.recovery import volume_places

LOG = logging.getLogger(__name__)


class Steps:
    """The steps for the volumes of one server.

    :ivar left: why an old connection is still on the host, by volume id
    """

    def __init__(self, host_components: components.Components,
                 context: Any, instance: Any) -> None:
        """Remember the server.

        :param host_components: what to work with
        :param context: an admin's nova RequestContext
        :param instance: the server, under its lock
        """
        self._components = host_components
        self._conf = host_components.conf.failover_compute
        self._context = context
        self._instance = instance
        self.left: dict[str, str] = {}
        self._old_connections: list[dict[str, Any]] = []

    def exchange(self, item: prepare.Prepared) -> None:
        """Remove the old connection from the host, and save the new one.

        Once the guest has let go, an old connection that cannot be removed
        does not keep it from the new one: it stays recorded, to be removed
        by a later pass.

        :raises RecoveryFailed: if the mapping cannot be saved
        """
        volume = item.volume
        if not item.record_stale:
            volume.renew(item.fresh)
            return
        with self._alone(volume):
            problem = self._disconnect(volume, volume.old_connection)
            if problem:
                LOG.warning(
                    'The old connection of volume %(volume)s cannot be '
                    'removed from this host now: %(problem)s',
                    {'volume': volume.volume_id, 'problem': problem},
                    instance=self._instance)
                self.left[volume.volume_id] = problem
            with step_context.step('save'):
                volume.replace(item.fresh, connected=bool(problem))

    def clean(self, item: prepare.Prepared) -> None:
        """Remove what earlier passes had to leave on the host.

        :raises RecoveryFailed: if the mapping cannot be saved
        """
        volume = item.volume
        kept = []
        for info in volume.stale_connections:
            # It is in use again after a failback.
            if volume_places.same_place(info, volume.connection_info):
                continue
            problem = (self.left.get(volume.volume_id) or
                       self._disconnect(volume, info))
            if problem:
                self.left[volume.volume_id] = problem
                kept.append(info)
        with step_context.step('save'):
            volume.keep_leftovers(kept)

    def remove(self, item: prepare.Prepared) -> None:
        """Take a volume that the guest does not use from the server.

        :raises RecoveryFailed: with the step that failed
        """
        volume = item.volume
        with self._alone(volume):
            for info in (*volume.stale_connections, volume.old_connection):
                problem = self._disconnect(volume, info)
                if problem:
                    raise exception.RecoveryFailed(
                        step='disconnect', reason=problem)
            self._components.cinder.delete(
                self._context, volume.bdm.attachment_id)
            with step_context.step('destroy'):
                self._components.virt.forget(volume)
                volume.bdm.destroy()

    def release(self, volume: mapping.Mapping) -> None:
        """Have the running guest let go of a volume's disk.

        Whatever the hypervisor raises is for the caller to name.

        :raises GuestHoldsDevice: if it does not, or not in time
        """
        timeout = self._conf.release_timeout
        if self._components.virt.connects_when_off:
            # Such a driver disconnects the volume from the host as well.
            timeout += self._conf.disconnect_timeout
        try:
            with self._components.virt.fencing(self._old_connections):
                self._components.calls.call(
                    ('release', self._instance.uuid, volume.volume_id),
                    self._components.virt.release, timeout,
                    self._instance, volume, timeout)
        except bounded.TimedOut as error:
            raise interface.GuestHoldsDevice(
                device=volume.device_name, reason=error) from error

    def fence(self, item: prepare.Prepared) -> None:
        """Have what waits for the old connection fail, instead of hang.

        Where that cannot be done, the next steps tell whether it matters. A
        connection that the guest does not use any more, or that another
        server of the host uses, too, is left alone.
        """
        volume = item.volume
        if item.record_stale:
            self._old_connections.append(volume.old_connection)
        if not volume.wwid or not item.record_stale:
            return
        try:
            with self._alone(volume):
                if self._shared(volume, volume.old_connection):
                    return
                problem = self._components.calls.call(
                    ('fence', self._instance.uuid, volume.volume_id),
                    self._components.virt.fence, self._conf.release_timeout,
                    volume.wwid, self._conf.release_timeout)
        # The host's commands fail as they like, and nothing is lost by it.
        except Exception as error:  # noqa: BLE001
            problem = masking.scrub(f'{type(error).__name__}: {error}',
                                    volume.connection_info)
        if problem:
            LOG.warning('What waits for the old connection of volume '
                        '%(volume)s may hang: %(problem)s',
                        {'volume': volume.volume_id, 'problem': problem},
                        instance=self._instance)

    def power_off(self) -> None:
        """Power the guest off, and see that nothing of it is left.

        :raises RecoveryFailed: if something is
        """
        with step_context.step('power_off'):
            virt = self._components.virt
            # A command line is read through the memory of its process, which
            # one that hangs may have locked.
            alive = self._components.calls.call(
                ('watch', self._instance.uuid), virt.watch,
                self._conf.release_timeout, self._instance)
            with virt.fencing(self._old_connections):
                self._end_guest(alive)

    def _end_guest(self, alive: Callable[[], str]) -> None:
        virt = self._components.virt
        if virt.guest_runs(self._instance):
            self._components.host.power_off(self._context, self._instance)
        if virt.guest_runs(self._instance):
            raise exception.RecoveryFailed(
                step='power_off', reason='the guest is still there')
        left = bounded.wait_until_empty(alive, self._conf.release_timeout)
        if left:
            # libvirt says it is off, and it has its disks open.
            raise exception.RecoveryFailed(
                step='power_off', reason=f'it is off, but not {left}')

    def connect(self, item: prepare.Prepared) -> None:
        """Connect the volume to the host.

        :raises RecoveryFailed: if that fails or takes too long
        """
        with step_context.step('connect'):
            self._components.calls.call(
                ('connect', self._instance.uuid, item.volume.volume_id),
                self._components.virt.connect, self._conf.connect_timeout,
                self._context, self._instance, item.volume)
            item.volume.save()

    def verify(self, volume: mapping.Mapping, has_to_run: bool) -> None:
        """See that the guest and Cinder have what they should have.

        :raises RecoveryFailed: if not, saying what
        """
        with step_context.step('verify'):
            problem = self._problem(volume, has_to_run)
            if problem:
                raise exception.RecoveryFailed(step='verify', reason=problem)

    def _problem(self, volume: mapping.Mapping, has_to_run: bool) -> str:
        if has_to_run and self._components.virt.shows(
                self._instance, volume) is False:
            return f'the guest does not have volume {volume.volume_id}'
        found = self._components.cinder.volume(self._context, volume.volume_id)
        attachment_id = volume.bdm.attachment_id
        if attachment_id and attachment_id not in found.attachments:
            return f'attachment {attachment_id} is not complete'
        # Another server's attachment may be at work.
        usable = ((statuses.VOLUME_IN_USE, statuses.VOLUME_ATTACHING)
                  if volume.multiattach else (statuses.VOLUME_IN_USE,))
        if found.status not in usable:
            return f'volume {volume.volume_id} is {found.status}'
        return ''

    def _disconnect(self, volume: mapping.Mapping,
                    info: dict[str, Any]) -> str:
        """Disconnect from the host; return why that could not be done."""
        if self._shared(volume, info):
            LOG.info('Another server of this host uses the old connection '
                     'of volume %s, it stays', volume.volume_id,
                     instance=self._instance)
            return ''
        try:
            with self._components.virt.fencing([info]):
                self._components.calls.call(
                    ('disconnect', self._instance.uuid, volume.volume_id),
                    self._remove, self._conf.disconnect_timeout, volume, info)
        # os-brick and the virt driver raise whatever their tools do.
        except Exception as error:  # noqa: BLE001
            return masking.scrub(
                f'disconnect: {type(error).__name__}: {error}', info)
        return ''

    def _remove(self, volume: mapping.Mapping, info: dict[str, Any]) -> None:
        virt = self._components.virt
        taken = self._taken(volume, info)
        if not taken:
            virt.disconnect(self._context, self._instance, volume, info)
            return
        problem = virt.remove_known(info)
        LOG.warning('The portal and LUN number of an old connection of volume '
                    '%(volume)s now belong to %(taken)s, which stays. Left of '
                    'the old one: %(left)s',
                    {'volume': volume.volume_id, 'taken': taken,
                     'left': problem or 'nothing'}, instance=self._instance)
        if problem:
            raise interface.ConnectionStays(
                reason='its portal and LUN number now belong to '
                f'{taken}: {problem}')

    def _taken(self, volume: mapping.Mapping, info: dict[str, Any]) -> str:
        """Say who has the numbers of an old connection now, if anybody."""
        # Where it keeps the disks of a guest that is off, the driver itself
        # knows whose they are.
        if not volume_places.numbers(info) or (
                self._components.virt.connects_when_off):
            return ''
        others = (mapping.Mapping(bdm) for bdm in
                  self._components.host.all_mappings(self._context)
                  if bdm.volume_id != volume.volume_id)
        return next(
            (f'volume {other.volume_id} of server {other.bdm.instance_uuid}'
             for other in others
             if volume_places.same_place(other.connection_info, info)),
            '') or self._components.virt.stranger(info)

    def _shared(self, volume: mapping.Mapping,
                info: dict[str, Any]) -> bool:
        # Where a guest that is off keeps its disks, it is to let go of this
        # one alone, and the driver knows who else uses the connection.
        if not volume.multiattach or self._components.virt.connects_when_off:
            return False
        others = [mapping.Mapping(bdm) for bdm in
                  self._components.host.mappings_of(
                      self._context, volume.volume_id)
                  if bdm.id != volume.bdm.id]
        # What cannot be read may be this connection, and the other guest
        # may be well.
        return any(
            not other.connection_info or
            volume_places.same_place(other.connection_info, info)
            for other in others)

    @contextlib.contextmanager
    def _alone(self, volume: mapping.Mapping) -> Iterator[None]:
        # Of two servers that let go of a shared connection at the same time
        # each would leave it to the other.
        if not volume.multiattach:
            yield
            return
        with self._components.host.volume_lock(volume.volume_id):
            yield

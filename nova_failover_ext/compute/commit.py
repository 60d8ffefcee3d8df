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

"""The forward-only half of a recovery: every step can be repeated.

The order is what makes a crash at any point harmless: the old connection
stays in the block device mapping until its host path is gone, the guest gets
the new one only after it has let go of the old one, and the stamp, which says
that all is well, comes last.
"""

from collections.abc import Iterator, Sequence
import contextlib
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from nova_failover_ext.compute import bounded
from nova_failover_ext.compute import cinder
from nova_failover_ext.compute import mapping
from nova_failover_ext.compute import prepare
from nova_failover_ext.compute import reach
from nova_failover_ext.compute import upstream
from nova_failover_ext.compute.virt import base
from nova_failover_ext import exception

LOG = logging.getLogger(__name__)


class Commit:
    """Brings the stale volumes of one server to the truth.

    :ivar powered_off: whether this pass powered the guest off and has not
        powered it on again
    :ivar power_cycled: whether this pass powered the guest on
    :ivar infos: connection_info that came up meanwhile, for masking
    """

    def __init__(self, conf: cfg.ConfigOpts, host: upstream.Host,
                 virt: base.VirtHost, api: cinder.CinderAPI,
                 context: Any, instance: Any) -> None:
        """Prepare for one server.

        :param conf: with the group ``[failover_compute]``
        :param host: this compute host
        :param virt: its hypervisor and storage
        :param api: Cinder
        :param context: an admin's nova RequestContext
        :param instance: the server, under its lock
        """
        self._conf = conf.failover_compute
        self._host = host
        self._virt = virt
        self._cinder = api
        self._context = context
        self._instance = instance
        self.powered_off = False
        self.power_cycled = False
        self.infos: list[dict[str, Any]] = []
        self._others: Sequence[mapping.Mapping] = ()

    def run(self, stale: Sequence[prepare.Prepared],
            others: Sequence[mapping.Mapping], connector: dict[str, Any],
            guest_runs: bool, has_to_run: bool) -> None:
        """Do it.

        :param stale: the volumes that need it
        :param others: the server's other volumes, without which it cannot be
            powered on again
        :param connector: this host's connector
        :param guest_runs: whether there is a running guest
        :param has_to_run: whether it has to run afterwards
        :raises RecoveryFailed: with the step that failed; run it again
        :raises StorageUnreachable: if another volume would keep the guest
            from being powered on again; nothing was changed
        """
        self._others = others
        if guest_runs and _needs_power_cycle(stale):
            self._try_others()
        for item in stale:
            self._begin(item, guest_runs)
        if not has_to_run:
            self._swap_records(stale, connector)
        elif not guest_runs or _needs_power_cycle(stale):
            self._power_cycle(stale, connector)
        else:
            self._swap_disks(stale, connector)
        for item in stale:
            item.volume.reload(self._host.mapping(
                self._context, self._instance.uuid, item.volume.volume_id))
            self._verify(item, has_to_run)
            item.volume.stamp(item.active_backend_id)

    def _begin(self, item: prepare.Prepared, guest_runs: bool) -> None:
        with _step('begin'):
            place = (self._virt.place(self._instance, item.volume)
                     if guest_runs else None)
            item.volume.begin(place)

    def _swap_records(self, stale: Sequence[prepare.Prepared],
                      connector: dict[str, Any]) -> None:
        for item in stale:
            fresh = self._update(item, connector)
            self._disconnect(item)
            self._save(item, fresh)
            self._complete(item)

    def _swap_disks(self, stale: Sequence[prepare.Prepared],
                    connector: dict[str, Any]) -> None:
        for number, item in enumerate(stale):
            fresh = self._update(item, connector)
            try:
                if item.guest_stale:
                    self._swap_disk(item, fresh)
            except base.GuestHoldsDevice as error:
                LOG.warning('The guest does not let go of %s, a power cycle '
                            'is needed', item.volume.device_name,
                            instance=self._instance)
                self._try_others_or_fail(error)
                self._power_cycle(stale[number:], connector)
                return
            self._complete(item)

    def _swap_disk(self, item: prepare.Prepared,
                   fresh: dict[str, Any]) -> None:
        with _step('release'):
            self._virt.release(self._instance, item.volume)
        self._disconnect(item)
        self._save(item, fresh)
        self._connect(item)
        with _step('plug'):
            self._virt.plug(self._context, self._instance, item.volume)

    def _try_others(self) -> None:
        for volume in self._others:
            reach.probe(volume.volume_id, volume.connection_info,
                        self._conf.reach_timeout)

    def _try_others_or_fail(self, held: Exception) -> None:
        try:
            self._try_others()
        except exception.StorageUnreachable as error:
            raise exception.RecoveryFailed(
                step='release', reason=f'{held} A power cycle would not bring '
                f'the guest back: {error}') from error

    def _power_cycle(self, stale: Sequence[prepare.Prepared],
                     connector: dict[str, Any]) -> None:
        fresh = [self._update(item, connector) for item in stale]
        self._power_off(stale)
        for item, info in zip(stale, fresh, strict=True):
            self._disconnect(item)
            self._save(item, info)
            self._connect(item)
        with _step('power_on'):
            self._host.power_on(self._context, self._instance)
        self.powered_off, self.power_cycled = False, True
        for item in stale:
            self._complete(item)

    def _power_off(self, stale: Sequence[prepare.Prepared]) -> None:
        # A guest that shuts down by itself writes to its root volume, and
        # the old site must see no more writes.
        clean = not any(item.volume.root for item in stale)
        self.powered_off = True
        with _step('power_off'):
            if self._virt.guest_runs(self._instance):
                self._host.power_off(self._context, self._instance, clean)
            if self._virt.guest_runs(self._instance):
                raise exception.RecoveryFailed(
                    step='power_off', reason='the guest is still there')

    def _update(self, item: prepare.Prepared,
                connector: dict[str, Any]) -> dict[str, Any]:
        if not item.attachment_stale:
            return item.attachment.connection_info
        LOG.info('Updating attachment %(attachment)s of volume %(volume)s',
                 {'attachment': item.volume.bdm.attachment_id,
                  'volume': item.volume.volume_id}, instance=self._instance)
        fresh = self._cinder.update(
            self._context, item.volume.bdm.attachment_id, connector,
            item.volume.device_name)
        self.infos.append(fresh)
        return fresh

    def _disconnect(self, item: prepare.Prepared) -> None:
        if not item.record_stale:
            return
        with _step('disconnect'):
            bounded.call(
                self._virt.disconnect, self._conf.disconnect_timeout,
                self._context, self._instance, item.volume)

    def _save(self, item: prepare.Prepared, fresh: dict[str, Any]) -> None:
        if not item.record_stale:
            return
        with _step('save'):
            item.volume.replace(fresh)

    def _connect(self, item: prepare.Prepared) -> None:
        with _step('connect'):
            bounded.call(
                self._virt.connect, self._conf.connect_timeout,
                self._context, self._instance, item.volume)
            item.volume.save()

    def _complete(self, item: prepare.Prepared) -> None:
        self._cinder.complete(self._context, item.volume.bdm.attachment_id)

    def _verify(self, item: prepare.Prepared, has_to_run: bool) -> None:
        with _step('verify'):
            problem = self._problem(item.volume, has_to_run)
            if problem:
                raise exception.RecoveryFailed(step='verify', reason=problem)

    def _problem(self, volume: mapping.Mapping, has_to_run: bool) -> str:
        if has_to_run and not self._virt.shows(self._instance, volume):
            return f'the guest does not have volume {volume.volume_id}'
        attachment = self._cinder.attachment(
            self._context, volume.bdm.attachment_id)
        if not attachment.completed:
            return (f'attachment {volume.bdm.attachment_id} is '
                    f'{attachment.status}')
        found = self._cinder.volume(self._context, volume.volume_id)
        if found.status != 'in-use':
            return f'volume {volume.volume_id} is {found.status}'
        return ''


def _needs_power_cycle(stale: Sequence[prepare.Prepared]) -> bool:
    return any(item.volume.root and item.guest_stale for item in stale)


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except exception.FailoverException:
        raise
    # Whatever libvirt, os-brick, conductor or the virt driver raise has to
    # be named with its step and recorded, none may escape unseen.
    except Exception as error:
        raise exception.RecoveryFailed(
            step=name, reason=f'{type(error).__name__}: {error}') from error

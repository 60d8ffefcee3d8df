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

from collections.abc import Sequence
from typing import Any

from nova import exception as nova_exception
from oslo_log import log as logging
from oslo_utils import timeutils

from nova_failover_ext import exception
from nova_failover_ext.recovery import components
from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import masking
from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.recovery import prepare
from nova_failover_ext.recovery import start_check
from nova_failover_ext.recovery import states
from nova_failover_ext.recovery import step_context
from nova_failover_ext.recovery import steps
from nova_failover_ext.recovery.virt import interface

LOG = logging.getLogger(__name__)
Action = states.Action
Items = Sequence[prepare.Prepared]

#: Why a volume is not healed yet under the policy refresh.
AT_POWER_CYCLE = ('its guest keeps the old connection until its next power '
                  'cycle, as the policy refresh asks')
_MARKED = {Action.DETACH: policies.Policy.DETACH,
           Action.WAIT: policies.Policy.REFRESH}


class Commit:
    """Brings the stale volumes of one server in sync with Cinder.

    :ivar powered_off: whether this pass powered the guest off and has not
        powered it on again
    :ivar power_cycled: whether this pass powered the guest on
    :ivar pending: what is still open for a volume, by its id
    :ivar detached: ids of the volumes that were taken from the server
    """

    def __init__(self, host_components: components.Components, context: Any,
                 instance: Any,
                 others: Sequence[mapping.Mapping]) -> None:
        """Prepare for one server.

        :param host_components: what to work with
        :param context: an admin's nova RequestContext
        :param instance: the server, under its lock
        :param others: the server's other volumes, without which it cannot be
            powered on again
        """
        self._components = host_components
        self._context = context
        self._instance = instance
        self._others = others
        self._steps = steps.Steps(host_components, context, instance)
        self._check = start_check.StartCheck(
            host_components, context, instance)
        self.powered_off = False
        self.power_cycled = False
        self.pending: dict[str, str] = {}
        self.detached: set[str] = set()

    def run(self, stale: Items, actions: Sequence[Action], guest_runs: bool,
            has_to_run: bool) -> None:
        """Do it.

        :param stale: the volumes that need it
        :param actions: how, for each of them
        :param guest_runs: whether there is a running guest
        :param has_to_run: whether it has to run afterwards
        :raises RecoveryFailed: with the step that failed; run it again
        :raises RecoveryDeferred: if another volume would keep the guest
            from being powered on again; nothing was changed
        """
        by_way = {action: [item for item,
                           its in zip(stale, actions, strict=True)
                           if its is action] for action in Action}
        # A guest that is off in the midst of a recovery has to run again
        # also if no volume of it is stale any more.
        cycle = bool(by_way[Action.POWER_CYCLE]) or (
            has_to_run and not guest_runs)
        if cycle:
            self._check.run(self._others, guest_runs)
        for item, action in zip(stale, actions, strict=True):
            self._begin(item, guest_runs, _MARKED.get(action))
            if action is not Action.WAIT:
                self._steps.fence(item)
        for item in by_way[Action.FINISH]:
            self._steps.exchange(item)
        for item in by_way[Action.WAIT]:
            item.volume.renew(item.fresh)
            self.pending[item.volume.volume_id] = AT_POWER_CYCLE
        self._exchange(by_way[Action.EXCHANGE])
        if cycle:
            self._power_cycle(by_way[Action.POWER_CYCLE],
                              by_way[Action.DETACH])
        else:
            self._hot(by_way[Action.REPLUG], by_way[Action.DETACH], guest_runs)
        self._settle([item for item, action in zip(stale, actions, strict=True)
                      if action not in (Action.WAIT,
                                        Action.DETACH)], has_to_run)

    def catch_up(self, stale: Items) -> None:
        """Exchange the records before Nova itself powers the guest on.

        :param stale: the volumes that need it
        :raises RecoveryFailed: with the step that failed
        """
        for item in stale:
            self._steps.fence(item)
        self._power_off()
        self._exchange(stale)
        self._settle(stale, has_to_run=False)

    def _begin(self, item: prepare.Prepared, guest_runs: bool,
               policy: policies.Policy | None) -> None:
        with step_context.step('begin'):
            place = (self._components.virt.place(self._instance, item.volume)
                     if guest_runs else None)
            wwid = (self._components.virt.wwid(self._instance, item.volume)
                    if guest_runs and item.record_stale else '')
            item.volume.begin(place, policy, wwid)

    def _exchange(self, items: Items) -> None:
        for item in items:
            self._steps.exchange(item)
            if self._components.virt.connects_when_off:
                self._steps.connect(item)

    def _hot(self, replug: Items, detach: Items, guest_runs: bool) -> None:
        for number, item in enumerate(detach):
            try:
                # A guest that is off has the disk in its definition, and
                # would take no other at that name.
                self._detach(item, guest_runs or (
                    not self._components.virt.connects_when_off))
            except interface.GuestHoldsDevice as error:
                self._held(error, replug, detach[number:])
                return
        for number, item in enumerate(replug):
            try:
                self._replug(item)
            except interface.GuestHoldsDevice as error:
                self._held(error, replug[number:], ())
                return

    def _held(self, error: Exception, replug: Items, detach: Items) -> None:
        reason = masking.scrub(str(error), *(
            item.volume.connection_info for item in (*replug, *detach)))
        LOG.warning('%s A power cycle is needed', reason,
                    instance=self._instance)
        self._check_or_fail(error)
        self._power_cycle(replug, detach)

    def _replug(self, item: prepare.Prepared) -> None:
        with step_context.step('release'):
            self._steps.release(item.volume)
        self._steps.exchange(item)
        self._steps.connect(item)
        with step_context.step('plug'):
            self._components.virt.plug(self._context, self._instance,
                                       item.volume)

    def _detach(self, item: prepare.Prepared, release: bool) -> None:
        if release:
            with step_context.step('release'):
                self._release(item)
        self._steps.remove(item)
        self.detached.add(item.volume.volume_id)

    def _release(self, item: prepare.Prepared) -> None:
        try:
            self._steps.release(item.volume)
        except nova_exception.InstanceNotFound:
            LOG.debug('The hypervisor has nothing of the guest',
                      instance=self._instance)

    def _check_or_fail(self, held: Exception) -> None:
        try:
            self._check.run(self._others, guest_runs=True)
        except exception.RecoveryDeferred as error:
            raise exception.RecoveryFailed(
                step='release', reason=f'{held} {error}') from error

    def _power_cycle(self, items: Items, detach: Items) -> None:
        watch = timeutils.StopWatch()
        watch.start()
        self._power_off()
        for item in detach:
            self._detach(item, release=False)
        for item in items:
            self._steps.exchange(item)
            self._steps.connect(item)
        with step_context.step('power_on'):
            self._power_on([item.volume.volume_id for item in items] + [
                volume.volume_id for volume in self._others])
        self.powered_off, self.power_cycled = False, True
        LOG.info('The power cycle took %.1f s', watch.elapsed(),
                 instance=self._instance)

    def _power_on(self, volume_ids: Sequence[str]) -> None:
        # Nova connects all volumes once more, and may hang as any connect.
        self._components.calls.call(
            ('power_on', self._instance.uuid), self._start,
            self._components.conf.failover_compute.connect_timeout * max(
                len(volume_ids), 1), volume_ids)

    def _start(self, volume_ids: Sequence[str]) -> None:
        with self._components.virt.keeping_secrets(self._instance, volume_ids):
            self._components.host.power_on(self._context, self._instance)

    def _power_off(self) -> None:
        self.powered_off = True
        self._steps.power_off()

    def _settle(self, items: Items, has_to_run: bool) -> None:
        for item in items:
            volume = item.volume
            volume.reload(self._components.host.mapping(
                self._context, self._instance.uuid, volume.volume_id))
            self._steps.clean(item)
            self._steps.verify(volume, has_to_run)
            problem = self._steps.left.get(volume.volume_id)
            if problem:
                self.pending[volume.volume_id] = (
                    'it is healed, but its old connection is still on the '
                    f'host, to be removed later ({problem})')
            else:
                with step_context.step('stamp'):
                    volume.stamp(item.stamp)

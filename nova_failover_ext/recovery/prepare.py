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

"""The reversible half of a recovery: ask, compare, try to reach.

Nothing here changes the guest or the host. Of a block device mapping, only the
stamp changes. Cinder's attachment changes: updating it is the question, and
the one round with the array that a recovery needs. It says the truth
afterwards, whatever becomes of the server.
"""

import dataclasses
import functools
from typing import Any

from cinder_failover_hooks import statuses
from oslo_log import log as logging

from nova_failover_ext import exception
from nova_failover_ext.recovery import bounded
from nova_failover_ext.recovery import cinder_api
from nova_failover_ext.recovery import components
from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import masking
from nova_failover_ext.recovery import ownership
from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.recovery import probe
from nova_failover_ext.recovery import start_check
from nova_failover_ext.recovery import states
from nova_failover_ext.recovery import step_context
from nova_failover_ext.recovery import volume_places

LOG = logging.getLogger(__name__)

# Anything else means that Cinder would refuse attachment_update (409), or
# that the volume is no longer the server's.
_USABLE = (statuses.VOLUME_IN_USE, statuses.VOLUME_ATTACHING)
_LOST = statuses.FAILED | {statuses.NOT_CAPABLE}


@dataclasses.dataclass(frozen=True)
class Prepared:
    """One volume, with what was found out about it.

    :ivar volume: its block device mapping
    :ivar stamp: for its mapping, once that is in sync with Cinder
    :ivar fresh: Cinder's answer to the question where it is
    :ivar record_stale: the mapping says something else than Cinder
    :ivar guest_stale: the guest has to let go of what it has
    :ivar mounted: the guest's agent says that it is mounted
    :ivar stale_connections: an older connection is still on the host
    :ivar begun: an earlier pass has begun, and not ended
    """

    volume: mapping.Mapping
    stamp: str
    fresh: dict[str, Any] = dataclasses.field(repr=False)
    record_stale: bool
    guest_stale: bool
    mounted: bool = False
    stale_connections: bool = False
    begun: bool = False

    @property
    def stale(self) -> bool:
        """Whether anything has to be done for this volume."""
        return (self.record_stale or self.guest_stale or
                self.begun or self.stale_connections)

    @property
    def disk(self) -> states.Disk:
        """What the choice of a way needs to know."""
        return states.Disk(self.volume.root, self.guest_stale, self.mounted,
                           self.volume.leaving)


@dataclasses.dataclass(frozen=True)
class Unfit:
    """A volume for which nothing can be done now, and why."""

    volume: mapping.Mapping
    reason: str


@dataclasses.dataclass(frozen=True)
class Guest:
    """What is known of the server before its volumes are examined.

    :ivar runs: whether there is a running guest
    :ivar has_to_run: whether it has to run afterwards
    :ivar policy: what is to be done with its stale volumes
    """

    runs: bool
    has_to_run: bool
    policy: policies.Policy = policies.Policy.REATTACH

    def gets(self, volume: mapping.Mapping) -> bool:
        """Return whether the volume will be connected for the guest."""
        if volume.leaving or self.policy is policies.Policy.REFRESH:
            return False
        return self.has_to_run and (
            volume.root or self.policy is not policies.Policy.DETACH)


class Preparation:
    """Finds out what is stale on one server.

    :ivar infos: what Cinder has answered, for masking
    """

    def __init__(self, host_components: components.Components, context: Any,
                 instance: Any,
                 guest: Guest) -> None:
        """Remember whom to ask, and about which server.

        :param host_components: what to work with
        :param context: an admin's nova RequestContext
        :param instance: the server
        :param guest: what is known of it
        """
        self._components = host_components
        self._conf = host_components.conf.failover_compute
        self._context = context
        self._instance = instance
        self._guest = guest
        self._check = start_check.StartCheck(
            host_components, context, instance)
        self.infos: list[dict[str, Any]] = []

    @functools.cached_property
    def connector(self) -> dict[str, Any]:
        """This host's connector; os-brick runs commands to make one."""
        with step_context.step('connector'):
            made: dict[str, Any] = self._components.calls.call(
                ('connector', self._instance.uuid),
                self._components.virt.connector, self._conf.connect_timeout,
                self._instance)
        return made

    def ask(self, volume: mapping.Mapping,
            stamp: str) -> Prepared | Unfit:
        """Ask Cinder where a volume is, compare, and try to reach it.

        One of which that fails keeps no other from being recovered.

        :param volume: its block device mapping
        :param stamp: for its mapping, once that is in sync with Cinder
        """
        try:
            problem = self._problem(volume)
            if problem:
                return Unfit(volume, problem)
            prepared = self._asked(volume, stamp)
            if prepared.stale:
                self._reach(prepared)
            return prepared
        except exception.RecoveryDeferred as error:
            return Unfit(volume, masking.scrub(
                error.reason, volume.connection_info, *self.infos))

    def _problem(self, volume: mapping.Mapping) -> str:
        if volume.leaving:
            return ''
        found = self._components.cinder.volume(self._context, volume.volume_id)
        # A volume whose attachment is gone is not in use, either.
        problem = (lost_reason(found) or self._not_ours(volume, found) or
                   unfit_reason(found, volume, self._guest.policy))
        if not problem and self._guest.gets(volume):
            problem = self._check.obstacle(volume)
        return problem

    def _not_ours(self, volume: mapping.Mapping,
                  found: cinder_api.Volume) -> str:
        attachment_id = volume.bdm.attachment_id
        if not attachment_id:
            return ''
        attachment = self._attachment(volume, found)
        if attachment is None:
            return ownership.gone_reason(attachment_id)
        return ownership.foreign_reason(
            attachment_id, attachment, volume.volume_id,
            volume.bdm.instance_uuid)

    def _attachment(self, volume: mapping.Mapping, found: cinder_api.Volume
                    ) -> cinder_api.Attachment | None:
        attachment_id = volume.bdm.attachment_id
        if attachment_id in found.attachments:
            return cinder_api.Attachment(volume.volume_id,
                                         found.attachments[attachment_id])
        # With its volume Cinder shows it only once it is complete.
        return self._components.cinder.attachment(self._context, attachment_id)

    def _asked(self, volume: mapping.Mapping, stamp: str) -> Prepared:
        if volume.leaving:
            return Prepared(volume, stamp, fresh={}, record_stale=True,
                            guest_stale=self._guest.runs)
        fresh = self._fresh(volume)
        self.infos.append(fresh)
        if self._still_leaves(volume, fresh):
            raise exception.RecoveryDeferred(
                reason='its connection to the same place still hangs while '
                'it is removed')
        return self._compare(volume, stamp, fresh)

    def _fresh(self, volume: mapping.Mapping) -> dict[str, Any]:
        cinder, attachment_id = (self._components.cinder,
                                 volume.bdm.attachment_id)
        if not attachment_id:
            return cinder.ask(self._context, volume.volume_id, self.connector)
        connector = self.connector
        with step_context.step('ask'):
            volume.note_question()
        try:
            fresh = cinder.update(self._context, attachment_id, connector,
                                  volume.device_name)
        except exception.AttachmentConflict as error:
            raise self._conflict(volume, error) from error
        # Until then nobody can act on the volume.
        cinder.complete(self._context, attachment_id)
        return fresh

    def _conflict(self, volume: mapping.Mapping,
                  error: exception.RecoveryDeferred
                  ) -> exception.RecoveryDeferred:
        others = set(self._components.cinder.attachments(
            self._context, volume.volume_id, volume.bdm.instance_uuid))
        others.discard(volume.bdm.attachment_id)
        if not others:
            return error
        return exception.RecoveryDeferred(
            reason=ownership.leftover_reason(*sorted(others)))

    def _still_leaves(self, volume: mapping.Mapping,
                      fresh: dict[str, Any]) -> bool:
        return self._components.calls.hangs(
            ('disconnect', self._instance.uuid, volume.volume_id)) and any(
            volume_places.same_place(info, fresh)
            for info in volume.stale_connections)

    def _compare(self, volume: mapping.Mapping, stamp: str,
                 fresh: dict[str, Any]) -> Prepared:
        record_stale = not volume_places.same_place(
            volume.connection_info, fresh)
        # Only where a recovery is due or was cut off: how a healthy guest's
        # disk is written in its XML is not ours to judge.
        guest_stale = (
            self._guest.runs and (record_stale or volume.begun) and
            not self._shows(volume.at(fresh) if record_stale else volume))
        return Prepared(
            volume, stamp, fresh, record_stale, guest_stale,
            guest_stale and self._mounted(volume),
            bool(volume.stale_connections), volume.begun)

    def _shows(self, volume: mapping.Mapping) -> bool:
        with step_context.step('compare'):
            return bool(self._components.virt.shows(self._instance, volume))

    def _mounted(self, volume: mapping.Mapping) -> bool:
        if volume.root or self._guest.policy is not policies.Policy.REATTACH:
            return False
        try:
            return bool(self._components.calls.call(
                ('agent', self._instance.uuid), self._components.virt.mounted,
                self._conf.guest_agent_timeout, self._instance, volume))
        except bounded.TimedOut:
            LOG.info('The guest agent does not answer',
                     instance=self._instance)
            return False

    def _reach(self, prepared: Prepared) -> None:
        if prepared.fresh:
            problem = self._components.virt.lacks(prepared.fresh)
            if problem:
                raise exception.StorageUnreachable(
                    volume_id=prepared.volume.volume_id, reason=problem)
            probe.probe(prepared.volume.volume_id, prepared.fresh,
                        self._conf.reach_timeout)


def lost_reason(found: cinder_api.Volume) -> str:
    """Say why Cinder's volume is not at its new place; a pure decision.

    :param found: the volume as Cinder knows it
    :returns: an empty string if it is
    """
    if found.replication_status == statuses.FAILING_OVER:
        return 'Cinder is still failing it over'
    if found.replication_status in _LOST:
        return f'its replication_status is {found.replication_status}'
    return ''


def unfit_reason(found: cinder_api.Volume, volume: mapping.Mapping,
                 policy: policies.Policy = policies.Policy.REATTACH) -> str:
    """Say why a volume cannot be recovered now; a pure decision.

    :param found: the volume as Cinder knows it, and has not lost
    :param volume: the block device mapping
    :param policy: what is to be done with stale volumes
    :returns: an empty string if it can be
    """
    if found.status not in _USABLE:
        return f'its status in Cinder is {found.status}'
    if policy is policies.Policy.DETACH and not volume.bdm.attachment_id:
        return ('it has a legacy attachment without an attachment id, which '
                'only its owner can detach')
    return ''

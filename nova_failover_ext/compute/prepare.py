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

Nothing here changes the guest, the host or any record.
"""

import dataclasses
import functools
from typing import Any

from nova_failover_ext.compute import cinder
from nova_failover_ext.compute import mapping
from nova_failover_ext.compute import reach
from nova_failover_ext.compute.virt import base
from nova_failover_ext import truth

# Anything else means that Cinder would refuse attachment_update (409), or
# that the volume is no longer the server's.
_USABLE = ('in-use', 'attaching')
_UNSETTLED = ('failing-over',)
_LOST = ('error', 'failover-error', 'not-capable')


@dataclasses.dataclass(frozen=True)
class Prepared:
    """One volume, with what was found out about it.

    :ivar volume: its block device mapping
    :ivar active_backend_id: that of its backend ('' is the primary)
    :ivar fresh: Cinder's answer to the question where it is
    :ivar attachment: Cinder's attachment
    :ivar record_stale: the mapping says something else than Cinder
    :ivar attachment_stale: the attachment's record says something else
    :ivar guest_stale: the guest has to let go of what it has
    """

    volume: mapping.Mapping
    active_backend_id: str
    fresh: dict[str, Any] = dataclasses.field(repr=False)
    attachment: cinder.Attachment
    record_stale: bool
    attachment_stale: bool
    guest_stale: bool

    @property
    def stale(self) -> bool:
        """Whether anything has to be done for this volume."""
        return (self.record_stale or self.attachment_stale
                or self.guest_stale or not self.attachment.completed)


@dataclasses.dataclass(frozen=True)
class Unfit:
    """A volume for which nothing can be done now, and why."""

    volume: mapping.Mapping
    reason: str


class Preparation:
    """Finds out what is stale on one server."""

    def __init__(self, virt: base.VirtHost, api: cinder.CinderAPI,
                 context: Any, instance: Any) -> None:
        """Remember whom to ask, and about which server.

        :param virt: this host's hypervisor and storage
        :param api: Cinder
        :param context: an admin's nova RequestContext
        :param instance: the server
        """
        self._virt = virt
        self._cinder = api
        self._context = context
        self._instance = instance

    @functools.cached_property
    def connector(self) -> dict[str, Any]:
        """This host's connector; os-brick runs commands to make one."""
        return self._virt.connector(self._instance)

    def ask(self, volume: mapping.Mapping, active_backend_id: str,
            guest_runs: bool, has_to_run: bool) -> Prepared | Unfit:
        """Ask Cinder where a volume is, and compare.

        :param volume: its block device mapping
        :param active_backend_id: that of the volume's backend
        :param guest_runs: whether there is a running guest
        :param has_to_run: whether it has to run afterwards
        :raises RecoveryDeferred: if Cinder does not answer
        """
        problem = unfit_reason(self._cinder.volume(
            self._context, volume.volume_id), volume)
        if problem or (has_to_run and (
                problem := self._virt.obstacle(volume))):
            return Unfit(volume, problem)
        fresh = self._ask(volume)
        attachment = self._cinder.attachment(
            self._context, volume.bdm.attachment_id)
        record_stale = bool(truth.differing_keys(
            volume.connection_info, fresh))
        return Prepared(
            volume, active_backend_id, fresh, attachment, record_stale,
            bool(truth.differing_keys(attachment.connection_info, fresh)),
            # Only where a recovery is due or was cut off: how a healthy
            # guest's disk is written in its XML is not ours to judge.
            guest_runs and (record_stale or (
                volume.begun and not self._virt.shows(
                    self._instance, volume))))

    def _ask(self, volume: mapping.Mapping) -> dict[str, Any]:
        fresh = self._cinder.ask(
            self._context, volume.volume_id, self.connector)
        if not truth.differing_keys(volume.connection_info, fresh):
            return fresh
        # What a driver answers differently each time says nothing; such keys
        # must not cost a healthy server a power cycle.
        again = self._cinder.ask(
            self._context, volume.volume_id, self.connector)
        saved = volume.connection_info.get('data') or {}
        for key in truth.differing_keys(fresh, again):
            again.get('data', {})[key] = saved.get(key)
        return again

    def reach(self, prepared: Prepared, timeout: float) -> None:
        """Try that the volume's new place answers on this host.

        :param timeout: seconds
        :raises StorageUnreachable: if it does not
        """
        reach.probe(prepared.volume.volume_id, prepared.fresh, timeout)


def unfit_reason(found: cinder.Volume, volume: mapping.Mapping) -> str:
    """Say why a volume cannot be recovered now; a pure decision.

    :param found: the volume as Cinder knows it
    :param volume: the block device mapping
    :returns: an empty string if it can be
    """
    if found.replication_status in _UNSETTLED:
        return 'Cinder is still failing it over'
    if found.replication_status in _LOST:
        return f'its replication_status is {found.replication_status}'
    if found.status not in _USABLE:
        return f'its status in Cinder is {found.status}'
    if volume.connection_info.get('multiattach'):
        return 'it is a multiattach volume, which is not recovered yet'
    if not volume.bdm.attachment_id:
        return 'it has a legacy attachment without an attachment id'
    return ''

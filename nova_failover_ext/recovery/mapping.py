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

"""A block device mapping with its connection_info as a dictionary.

Besides what Cinder, os-brick and Nova keep in connection_info, a recovery
keeps keys of its own there (see ``staleness``): the stamp; while it is at
work, a
mark with the place of the disk in the guest, so that a pass after a crash
knows that there is something to finish, and where; and old connections that
could not be removed from the host yet.
"""

from typing import Any

from oslo_serialization import jsonutils

from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery import volume_places

# What Nova stashes at the top level and must survive a refresh
# (nova.virt.block_device.DriverVolumeBlockDevice._volume_attach). Not so
# data['multipath_id']: it names the old array's device, and connecting the
# new one over Fibre Channel writes the new name.
_STASHED = ('serial', 'multiattach')


class Mapping:
    """One attached volume of a server.

    :ivar bdm: the nova.objects.BlockDeviceMapping
    :ivar connection_info: its connection_info, changed only by the methods;
        empty if it cannot be read
    :ivar unreadable: whether it has a connection_info that cannot be read
    """

    def __init__(self, bdm: Any) -> None:
        """Parse the mapping's connection_info.

        :param bdm: a nova.objects.BlockDeviceMapping of a volume
        """
        self.reload(bdm)

    @property
    def volume_id(self) -> str:
        """Cinder's volume id."""
        return str(self.bdm.volume_id)

    @property
    def root(self) -> bool:
        """Whether the server boots from this volume."""
        return bool(self.bdm.boot_index == 0)

    @property
    def multiattach(self) -> bool:
        """Whether several servers may have the volume."""
        return bool(self.connection_info.get('multiattach'))

    def begin(self, place: str | None,
              policy: policies.Policy | None = None, wwid: str = '') -> None:
        """Save that a recovery is at work, before anything is changed.

        :param place: where the disk sits in the guest, in the virt driver's
            own words; what an earlier, cut off pass has saved is kept
        :param policy: DETACH or REFRESH, of which a later pass has to know
        :param wwid: of the multipath map that the disk is on; kept likewise
        """
        mark = dict(self._mark)
        mark.setdefault('place', place)
        if wwid:
            mark.setdefault(staleness.WWID, wwid)
        mark.pop('policy', None)
        if policy:
            mark['policy'] = policy.value
        if mark != self.connection_info.get(staleness.IN_PROGRESS_MARKER):
            info = {key: value for key, value in self.connection_info.items()
                    if key != staleness.STAMP}
            self._save(dict(info, **{staleness.IN_PROGRESS_MARKER: mark}))

    def note_question(self) -> None:
        """Save that Cinder is asked, before its attachment changes."""
        if not self.begun and (
                self.connection_info.get(staleness.STAMP) != staleness.ASKED):
            self._save(dict(self.connection_info,
                            **{staleness.STAMP: staleness.ASKED}))

    @property
    def begun(self) -> bool:
        """Whether a recovery of this mapping has begun and not ended."""
        return staleness.IN_PROGRESS_MARKER in self.connection_info

    @property
    def leaving(self) -> bool:
        """Whether it is being detached."""
        return self._mark.get('policy') == policies.Policy.DETACH

    @property
    def waiting(self) -> bool:
        """Whether it waits for the guest's next power cycle."""
        return self._mark.get('policy') == policies.Policy.REFRESH

    @property
    def place(self) -> str | None:
        """Where the disk sits in the guest, if that was remembered."""
        place = self._mark.get('place')
        return str(place) if place else None

    @property
    def wwid(self) -> str:
        """The WWID of the multipath map that the disk was on, if on one."""
        return str(self._mark.get(staleness.WWID, ''))

    @property
    def old_connection(self) -> dict[str, Any]:
        """The connection_info of what has to be removed from the host."""
        info = {key: value for key, value in self.connection_info.items()
                if key not in (staleness.IN_PROGRESS_MARKER,
                               staleness.STALE_CONNECTIONS)}
        return dict(info, **{staleness.WWID: self.wwid}) if self.wwid else info

    @property
    def _mark(self) -> dict[str, Any]:
        return self.connection_info.get(staleness.IN_PROGRESS_MARKER) or {}

    @property
    def stale_connections(self) -> list[dict[str, Any]]:
        """Old connection_info whose connections are still on the host."""
        return list(
            self.connection_info.get(staleness.STALE_CONNECTIONS) or ())

    @property
    def device_name(self) -> str:
        """The device name in the guest, such as /dev/vdb."""
        return str(self.bdm.device_name)

    def at(self, fresh: dict[str, Any]) -> 'Mapping':
        """Return it as it would be with other connection_info; save nothing.

        :param fresh: Cinder's connection_info in Nova's form
        """
        other = Mapping(self.bdm)
        other.connection_info = dict(fresh, serial=self.volume_id)
        return other

    def replace(self, fresh: dict[str, Any], connected: bool) -> None:
        """Save fresh connection_info, with what must survive.

        :param fresh: Cinder's connection_info in Nova's form
        :param connected: whether the old connection is still on the host
        """
        info = dict(fresh)
        info.setdefault('serial', self.volume_id)
        stale_connections = self.stale_connections
        if connected:
            stale_connections.append(self.old_connection)
        if stale_connections:
            info[staleness.STALE_CONNECTIONS] = stale_connections
        for key in (*_STASHED, staleness.IN_PROGRESS_MARKER):
            if key in self.connection_info:
                info[key] = self.connection_info[key]
        mark = info.get(staleness.IN_PROGRESS_MARKER)
        if mark:
            # The old connection has it, if that is still on the host.
            info[staleness.IN_PROGRESS_MARKER] = {
                key: value for key, value in mark.items()
                if key != staleness.WWID}
        self._save(info)

    def renew(self, fresh: dict[str, Any]) -> None:
        """Save what is newer in Cinder's answer of the same place.

        An array may have made a new secret when it was asked; the next
        connection needs it.

        :param fresh: Cinder's connection_info in Nova's form; that of another
            place is left alone
        """
        if volume_places.same_place(self.connection_info, fresh):
            info = volume_places.with_newest_secrets(
                self.connection_info, fresh)
            if info != self.connection_info:
                self._save(info)

    def save(self) -> None:
        """Save what os-brick added while it connected."""
        self._save(self.connection_info)

    def keep_leftovers(self, stale_connections: list[dict[str, Any]]) -> None:
        """Save which old connections are still on the host."""
        info = {key: value for key, value in self.connection_info.items()
                if key != staleness.STALE_CONNECTIONS}
        if stale_connections:
            info[staleness.STALE_CONNECTIONS] = stale_connections
        if info != self.connection_info:
            self._save(info)

    def stamp(self, stamp: str) -> None:
        """Save that the mapping is in sync with Cinder.

        :param stamp: see
            :func:`nova_failover_ext.recovery.staleness.stamp_for`
        """
        info = {key: value for key, value in self.connection_info.items()
                if key != staleness.IN_PROGRESS_MARKER}
        info[staleness.STAMP] = stamp
        if info != self.connection_info:
            self._save(info)

    def reload(self, bdm: Any) -> None:
        """Take what Nova itself saved meanwhile, at a power on.

        :param bdm: the same block device mapping, read again
        """
        self.bdm = bdm
        found = _parsed(bdm.connection_info)
        self.unreadable = not isinstance(found, dict)
        self.connection_info: dict[str, Any] = (
            {} if self.unreadable else found)

    def _save(self, info: dict[str, Any]) -> None:
        # Only this column: whatever else changed meanwhile stays.
        self.bdm.connection_info = jsonutils.dumps(info)
        self.bdm.save()
        self.connection_info = info


def _parsed(text: str | None) -> Any:
    try:
        # Nova, too, takes null and the like for nothing.
        return jsonutils.loads(text or '{}') or {}
    except ValueError:
        return None

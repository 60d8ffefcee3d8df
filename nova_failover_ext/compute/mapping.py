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
keeps two keys of its own there: the stamp (see ``truth``) and, while it is at
work, a mark with the place of the disk in the guest, so that a pass after a
crash knows that there is something to finish, and where.
"""

from typing import Any

from oslo_serialization import jsonutils

from nova_failover_ext import truth

# What Nova stashes at the top level and must survive a refresh
# (nova.virt.block_device.DriverVolumeBlockDevice._volume_attach).
_STASHED = ('serial', 'multiattach')


class Mapping:
    """One attached volume of a server.

    :ivar bdm: the nova.objects.BlockDeviceMapping
    :ivar connection_info: its connection_info, changed only by the methods
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

    def begin(self, place: str | None) -> None:
        """Save that a recovery is at work, before anything is changed.

        :param place: where the disk sits in the guest, in the virt driver's
            own words; what an earlier, cut off pass has saved is kept
        """
        if not self.begun:
            info = {key: value for key, value in self.connection_info.items()
                    if key != truth.STAMP}
            self._save(dict(info, **{truth.MARK: {'place': place}}))

    @property
    def begun(self) -> bool:
        """Whether a recovery of this mapping has begun and not ended."""
        return truth.MARK in self.connection_info

    @property
    def place(self) -> str | None:
        """Where the disk sits in the guest, if that was remembered."""
        place = (self.connection_info.get(truth.MARK) or {}).get('place')
        return str(place) if place else None

    @property
    def device_name(self) -> str:
        """The device name in the guest, such as /dev/vdb."""
        return str(self.bdm.device_name)

    def replace(self, fresh: dict[str, Any]) -> None:
        """Save fresh connection_info, with what must survive.

        :param fresh: Cinder's connection_info in Nova's form
        """
        info = dict(fresh)
        info.setdefault('serial', self.volume_id)
        for key in (*_STASHED, truth.MARK):
            if key in self.connection_info:
                info[key] = self.connection_info[key]
        multipath_id = self.connection_info.get('data', {}).get(
            'multipath_id')
        if multipath_id:
            info['data'] = dict(info['data'], multipath_id=multipath_id)
        self._save(info)

    def save(self) -> None:
        """Save what os-brick added while it connected."""
        self._save(self.connection_info)

    def stamp(self, active_backend_id: str) -> None:
        """Save that the mapping is the truth under this backend id."""
        info = {key: value for key, value in self.connection_info.items()
                if key != truth.MARK}
        info[truth.STAMP] = truth.stamp_value(active_backend_id)
        if info != self.connection_info:
            self._save(info)

    def reload(self, bdm: Any) -> None:
        """Take what Nova itself saved meanwhile, at a power on.

        :param bdm: the same block device mapping, read again
        """
        self.bdm = bdm
        self.connection_info: dict[str, Any] = (
            jsonutils.loads(bdm.connection_info)
            if bdm.connection_info else {})

    def _save(self, info: dict[str, Any]) -> None:
        # Only this column: whatever else changed meanwhile stays.
        self.bdm.connection_info = jsonutils.dumps(info)
        self.bdm.save()
        self.connection_info = info

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

"""What a compute host reports of one recovery, as plain data for the bus."""

import dataclasses
import enum
from typing import Any


class Outcome(str, enum.Enum):
    """How the recovery of a server or of one of its volumes ended."""

    #: The connection was stale and has been brought in sync with Cinder.
    RECOVERED = 'recovered'
    #: The connection was already in sync with Cinder; nothing was touched.
    UNCHANGED = 'unchanged'
    #: A volume was detached, as the policy asks, and left to the owner.
    DETACHED = 'detached'
    #: Nothing to do here (opted out, detached, deleted, moved away).
    SKIPPED = 'skipped'
    #: Not now; the guest is as it was. Try again later.
    DEFERRED = 'deferred'
    #: A step failed; the reason names it. Trying again is safe.
    FAILED = 'failed'


@dataclasses.dataclass(frozen=True)
class VolumeResult:
    """How one volume of a server fared.

    :ivar volume_id: Cinder's volume id
    :ivar outcome: see :class:`Outcome`
    :ivar reason: why, in one sentence without secrets
    :ivar attachment_id: the Cinder attachment id, which a recovery keeps
    :ivar device_name: the block device mapping's device, such as /dev/vda
    :ivar root: whether the server boots from it
    """

    volume_id: str
    outcome: Outcome
    reason: str = ''
    attachment_id: str | None = None
    device_name: str | None = None
    root: bool = False


@dataclasses.dataclass(frozen=True)
class ServerResult:
    """How one server fared, with all its volumes.

    :ivar server_id: the instance's uuid
    :ivar outcome: see :class:`Outcome`
    :ivar reason: why, in one sentence without secrets
    :ivar power_cycled: whether the guest was powered off and on
    :ivar seconds: how long the compute host worked on it
    :ivar volumes: a :class:`VolumeResult` for each volume examined
    """

    server_id: str
    outcome: Outcome
    reason: str = ''
    power_cycled: bool = False
    seconds: float = 0.0
    volumes: tuple[VolumeResult, ...] = ()

    @property
    def summary(self) -> str:
        """How it ended, in a few words for the log."""
        return '%s after %.1f s%s%s' % (
            self.outcome.value, self.seconds,
            ', with a power cycle' if self.power_cycled else '',
            ': ' + self.reason if self.reason else '')

    def to_primitive(self) -> dict[str, Any]:
        """Return plain dictionaries, lists and strings for the bus."""
        primitive = dataclasses.asdict(self)
        primitive['outcome'] = self.outcome.value
        primitive['volumes'] = [
            dict(dataclasses.asdict(volume), outcome=volume.outcome.value)
            for volume in self.volumes]
        return primitive

    @classmethod
    def from_primitive(cls, primitive: dict[str, Any]) -> 'ServerResult':
        """Rebuild a result; keys of a newer sender are left out.

        :param primitive: what :meth:`to_primitive` returned, maybe elsewhere
        :raises ValueError: if an outcome is not known here
        :raises KeyError: if the server id or the outcome is missing
        """
        volumes = tuple(
            VolumeResult(**_known(VolumeResult, volume))
            for volume in primitive.get('volumes', ()))
        return cls(**dict(_known(cls, primitive), volumes=volumes))


def _known(cls: type, primitive: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(cls)}
    known = {k: v for k, v in primitive.items() if k in names}
    return dict(known, outcome=Outcome(primitive['outcome']))

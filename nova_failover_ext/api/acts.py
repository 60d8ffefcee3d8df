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

"""What operators have done, as plain data for bus and database."""

from collections.abc import Mapping
import dataclasses
import datetime
import enum
from typing import Any

from oslo_utils import uuidutils

from nova_failover_ext.api import decisions

#: The longest USER@HOST, in characters.
MOST_WHO = 2 * decisions.MOST_NAME + 1
#: The longest subject, in characters.
MOST_SUBJECT = 512
#: The longest reason, in characters; what an operator asks for may name many
#: servers.
MOST_REASON = 4000
#: Acts that one answer has at most.
MOST_ACTS = 1000


class What(enum.StrEnum):
    """What was done."""

    PAUSE = 'pause'
    RESUME = 'resume'
    EXCLUDE = 'exclude'
    INCLUDE = 'include'
    RECOVER = 'recover'
    RELOAD = 'reload'


@dataclasses.dataclass(frozen=True, slots=True)
class Act:
    """Something that an operator has done.

    :ivar what: a value of :class:`What`, or of a newer engine
    :ivar subject: what it was done to, such as the name of a backend
    :ivar who: did it, as USER@HOST
    :ivar reason: why, or how exactly; '' if nothing was said
    :ivar since: when the engine was told, naive UTC in whole seconds
    :ivar key: tells it from all others
    """

    what: str
    subject: str
    who: str
    reason: str = ''
    since: datetime.datetime = dataclasses.field(
        default_factory=decisions.now)
    key: str = dataclasses.field(default_factory=uuidutils.generate_uuid)

    def __post_init__(self) -> None:
        """Bring each text into a form that any database takes."""
        for name, most in (('what', 32), ('subject', MOST_SUBJECT),
                           ('who', MOST_WHO), ('reason', MOST_REASON)):
            object.__setattr__(self, name, _fit(getattr(self, name), most))

    @property
    def when(self) -> str:
        """When it was done, an ISO time with its zone."""
        return decisions.iso(self.since)

    def to_primitive(self) -> dict[str, str]:
        """Return plain data for the bus."""
        return {'what': self.what, 'subject': self.subject, 'who': self.who,
                'reason': self.reason, 'key': self.key,
                'since': self.since.isoformat(timespec='seconds')}

    @classmethod
    def from_primitive(cls, primitive: Mapping[str, Any]) -> 'Act':
        """Rebuild it; keys of a newer sender are left out.

        :raises ValueError: if ``since`` is not a time
        :raises KeyError: if something is missing
        """
        texts = {name: str(primitive[name]) for name in (
            'what', 'subject', 'who', 'reason', 'key')}
        return cls(**texts, since=datetime.datetime.fromisoformat(
            primitive['since']))


def _fit(text: Any, most: int) -> str:
    # What a terminal sent may be no UTF-8.
    text = str(text).encode('utf-8', 'replace').decode('utf-8')
    text = ' '.join(text.replace('\0', ' ').split())
    return text if len(text) <= most else text[:most - 1] + '…'

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
"""What the decisions of operators have in common."""

import datetime

from oslo_utils import timeutils

#: The longest name of anything, in characters.
MOST_NAME = 255
#: The longest reason, in characters.
MOST_REASON = 1000


class Decision:
    """To be inherited by a dataclass that has these fields.

    :ivar reason: why, in one line
    :ivar user: who ran the command
    :ivar host: name of the host on which the command ran
    :ivar since: when the engine was told, naive UTC in whole seconds
    """

    __slots__ = ()

    reason: str
    user: str
    host: str
    since: datetime.datetime

    def __post_init__(self) -> None:
        """Bring the reason into one line."""
        object.__setattr__(self, 'reason', ' '.join(self.reason.split()))

    @property
    def who(self) -> str:
        """Who decided, as USER@HOST."""
        return '%s@%s' % (self.user, self.host)

    @property
    def when(self) -> str:
        """When it was decided, an ISO time with its zone."""
        return iso(self.since)

    def check_texts(self, subject: str, *names: str) -> None:
        """Refuse texts that are missing or too long.

        :param subject: what needs a reason, such as ``a pause``
        :param names: other names than those of user and host
        :raises ValueError: if a text is out of range, in one sentence
        """
        if not self.reason:
            raise ValueError('%s needs a reason' % subject)
        if len(self.reason) > MOST_REASON:
            raise ValueError('a reason has %d characters or fewer'
                             % MOST_REASON)
        if max(map(len, (self.user, self.host, *names))) > MOST_NAME:
            raise ValueError('a name has %d characters or fewer' % MOST_NAME)


def iso(when: datetime.datetime) -> str:
    """Return an ISO time with its zone.

    :param when: naive UTC
    """
    return when.isoformat(timespec='seconds') + '+00:00'


def now() -> datetime.datetime:
    """Return the present time, naive UTC in whole seconds."""
    return timeutils.utcnow().replace(microsecond=0)

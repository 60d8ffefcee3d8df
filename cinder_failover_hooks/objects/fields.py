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

"""The field types of the notification objects."""

from typing import Any

from oslo_versionedobjects import fields


class Cause(fields.Enum):
    """The reason for a notification."""

    FAILOVER = 'failover'
    FAILBACK = 'failback'
    GROUP = 'group'
    ANNOUNCEMENT = 'announcement'

    ALL = (FAILOVER, FAILBACK, GROUP, ANNOUNCEMENT)

    def __init__(self) -> None:
        super().__init__(valid_values=Cause.ALL)


class CauseField(fields.BaseEnumField):
    """A field with one of the values of :class:`Cause`."""

    AUTO_TYPE = Cause()


class BackendIdField(fields.StringField):
    """A replication target of a backend, None for the primary.

    Cinder records the primary as NULL before the first failover and as the
    empty string after a failback. This field turns both into None.
    """

    def __init__(self) -> None:
        super().__init__(nullable=True)

    def coerce(self, obj: Any, attr: str, value: Any) -> Any:
        """Return the id; return None for the empty string."""
        return super().coerce(obj, attr, value) or None

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

"""How Cinder and its array bore a recovery, as a compute host measured it.

It rides beside a :class:`nova_failover_ext.recovery.results.ServerResult` in
the answer to the engine, which paces the rest of a failover by it.
"""

import dataclasses
from typing import Any

#: Its key in the answer of ``recover_server``.
KEY = 'load'


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """The requests to Cinder that one recovery has made.

    :ivar calls: how many
    :ivar seconds: how long all of them took together
    :ivar slowest: how long the slowest took, in seconds
    :ivar refused: how many ended in a 5xx, a 429 or a time-out
    """

    calls: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    refused: int = 0

    def to_primitive(self) -> dict[str, Any]:
        """Return plain data for the bus."""
        return dataclasses.asdict(self)

    @classmethod
    def from_primitive(cls, primitive: dict[str, Any]) -> 'Load':
        """Rebuild it; keys of a newer sender are left out.

        :param primitive: what :meth:`to_primitive` returned, None from a
            sender that measures nothing
        """
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in primitive.items()
                      if key in names})

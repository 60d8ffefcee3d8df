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

"""What is to be done to a server, and how much at the same time.

:mod:`nova_failover_ext.engine.dispatcher.work_queue` says in what order.
"""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """What one backend wants of a server.

    :ivar failover_id: request id of the backend's failover
    :ivar target: active_backend_id of ``backend``
    :ivar volumes: volume id to the stamp for its mapping
    """

    backend: str
    failover_id: str
    target: str
    volumes: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """The recovery of one server, once for all its backends.

    :ivar cell: uuid of the server's cell
    :ivar parts: one for each backend, at least one
    :ivar policy: overrules metadata and configuration, None for neither
    :ivar barrier: whether it starts only after all that is more urgent has
        ended, see :mod:`.dispatcher.barriers`
    :ivar project_id: id of the server's project
    :ivar begun: whether a recovery of the server was cut off halfway
    """

    server_id: str
    host: str
    cell: str
    priority: int
    parts: tuple[Part, ...]
    policy: str | None = None
    barrier: bool = False
    project_id: str = ''
    begun: bool = False

    @property
    def volumes(self) -> dict[str, str]:
        """The stamps by volume id, of all parts."""
        return {volume: stamp for part in self.parts
                for volume, stamp in part.volumes}

    @property
    def failover_id(self) -> str:
        """The request id to record: the same, in whatever order parts are."""
        return min(part.failover_id for part in self.parts)

    @property
    def backends(self) -> frozenset[str]:
        """The names of all its backends."""
        return frozenset(part.backend for part in self.parts)

    def part(self, backend: str) -> Part | None:
        """Return what a backend wants, None if nothing."""
        return next((part for part in self.parts
                     if part.backend == backend), None)

    def without(self, backend: str) -> 'Work | None':
        """Return what is left without a backend, None if nothing."""
        parts = tuple(part for part in self.parts if part.backend != backend)
        return dataclasses.replace(self, parts=parts) if parts else None

    def joined(self, older: 'Work | None') -> 'Work':
        """Return this work with the parts of older work that it lacks."""
        kept = () if older is None else tuple(
            part for part in older.parts if part.backend not in self.backends)
        if older is None or not kept:
            return self
        return dataclasses.replace(self, parts=kept + self.parts,
                                   policy=self.policy or older.policy,
                                   begun=self.begun or older.begun)

    def covers(self, other: 'Work') -> bool:
        """Return whether all that other work wants is part of this one."""
        return set(other.volumes.items()) <= set(self.volumes.items())


@dataclasses.dataclass(frozen=True)
class Caps:
    """How many servers may be in flight."""

    total: int
    per_backend: int
    per_host: int

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

"""What the engine knows of backends, volumes and servers, as plain data.

Nothing here ever holds a connection_info: of that, only the stamp leaves the
module that reads the database.
"""

import dataclasses
import datetime
import enum

from nova_failover_ext.recovery import policy as policies


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One cinder-volume service, as Cinder's services API shows it.

    :ivar host: ``host@backend``
    :ivar up: whether it has reported lately
    :ivar replication_status: of the service, such as ``failed-over``
    :ivar active_backend_id: the replication target, None for the primary
    :ivar cluster: name of its cluster, if it is in one
    """

    host: str
    up: bool = True
    replication_status: str | None = None
    active_backend_id: str | None = None
    cluster: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Backend:
    """A volume backend: one service, or the services of a cluster.

    :ivar name: what an operator calls it, ``host@backend``
    :ivar members: the services that serve it, at least one
    """

    name: str
    members: tuple[Member, ...]

    @property
    def present(self) -> Member:
        """The member whose record counts: the first that is up."""
        return next((m for m in self.members if m.up), self.members[0])

    @property
    def active_backend_id(self) -> str:
        """The replication target, '' for the primary."""
        return self.present.active_backend_id or ''


@dataclasses.dataclass(frozen=True, slots=True)
class Volume:
    """A volume, as Cinder's volumes API shows it to an admin.

    :ivar group_id: the group that it is in, which may fail over by itself
    """

    id: str
    status: str
    replication_status: str | None = None
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None
    group_id: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """What the decisions need of an instance.

    :ivar cell: uuid of the cell that has it
    :ivar compute_up: whether the compute service of its host is up
    :ivar metadata: only the keys ``failover:...``
    :ivar policy: what is to be done with its stale volumes
    """

    id: str
    name: str = ''
    project_id: str = ''
    host: str | None = None
    cell: str = ''
    vm_state: str | None = None
    task_state: str | None = None
    deleted: bool = False
    compute_up: bool = True
    metadata: tuple[tuple[str, str], ...] = ()
    policy: policies.Policy = policies.Policy.REATTACH


@dataclasses.dataclass(frozen=True, slots=True)
class Attachment:
    """A block device mapping that names a Cinder volume.

    :ivar stamp: see :mod:`nova_failover_ext.recovery.staleness`; None if never
        stamped
    :ivar begun: whether a recovery of it has begun and not ended
    """

    server: Server
    volume_id: str
    attachment_id: str | None = None
    device_name: str | None = None
    root: bool = False
    stamp: str | None = None
    begun: bool = False


class InfoState(str, enum.Enum):
    """What a block device mapping has as its connection_info."""

    PRESENT = 'present'
    #: Nova leaves such a mapping out.
    EMPTY = 'empty'
    #: It is not JSON, or not an object; neither can Nova read it.
    UNREADABLE = 'unreadable'


@dataclasses.dataclass(frozen=True, slots=True)
class MappingRow:
    """A row of a volume in Nova's block device mappings, in order or not."""

    server: Server
    volume_id: str
    attachment_id: str | None
    info: InfoState


@dataclasses.dataclass(frozen=True, slots=True)
class CinderAttachment:
    """An attachment as Cinder's list of all attachments shows it."""

    id: str
    volume_id: str
    server_id: str


@dataclasses.dataclass(frozen=True)
class Hint:
    """What somebody says of a backend; only a reason to scan it.

    :ivar failover_id: of the failover they tell of, None if they do not tell
        of one that has ended
    :ivar target: the active_backend_id they tell of, None if they do not
    :ivar group_id: the replication group that has failed over, None for the
        backend
    """

    failover_id: str | None
    target: str | None
    group_id: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Recovery:
    """The latest recovery of a server, from its instance actions.

    :ivar failover_id: the request id of the action
    :ivar finished_at: None while it runs
    :ivar message: the reason as the compute host recorded it
    """

    server_id: str
    failover_id: str
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    result: str | None = None
    message: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Aggregate:
    """A host aggregate of Nova.

    :ivar id: as ``openstack aggregate list`` shows it
    :ivar hosts: names of its compute hosts
    """

    id: str
    name: str
    hosts: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class HostGroups:
    """Which compute hosts there are, and what they are part of.

    :ivar hosts: names of all compute hosts
    :ivar aggregates: all host aggregates
    :ivar zones: names of the hosts by name of the availability zone
    """

    hosts: frozenset[str] = frozenset()
    aggregates: tuple[Aggregate, ...] = ()
    zones: dict[str, frozenset[str]] = dataclasses.field(
        default_factory=dict)

    def aggregate(self, text: str) -> Aggregate | None:
        """Return an aggregate by id or name; no two have the same name."""
        return next((one for one in self.aggregates if one.id == text),
                    next((one for one in self.aggregates
                          if one.name == text), None))

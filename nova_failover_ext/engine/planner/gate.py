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

"""The convergence gate: is Cinder's failover of a backend settled?

Stock Cinder writes the service record before the volume rows
(``VolumeManager.failover``, read in Cinder 26 to 29), and what a driver tells
of a connection may depend on the row. So both are read.
"""

from collections.abc import Iterable
import dataclasses
import enum

from cinder_failover_hooks import statuses

from nova_failover_ext.engine import model


class Kind(str, enum.Enum):
    """What is waited for."""

    #: No service of the backend is up.
    MEMBERS = 'members'
    #: A failover is in progress.
    MOVING = 'moving'
    #: A failover has failed in Cinder.
    FAILED = 'failed'
    #: The members of a cluster name different active backends.
    DISAGREE = 'disagree'
    #: Records of volumes do not tell of the failover yet.
    ROWS = 'rows'


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """Whether recovery may act on a backend now.

    :ivar open: True if it may
    :ivar reason: what is waited for, '' for nothing
    :ivar late: ids of the volumes whose records are not written yet: their
        servers wait, the others do not
    :ivar kind: what is waited for, None for nothing
    """

    open: bool
    reason: str = ''
    late: frozenset[str] = frozenset()
    kind: Kind | None = None

    def moves(self, volume_id: str) -> bool:
        """Return whether Cinder is about to settle where a volume is."""
        return self.kind is Kind.MOVING or volume_id in self.late


# Not moved by a failover, or with an outcome of their own.
_NO_WAIT = statuses.UNREPLICATED | statuses.FAILED | {statuses.FAILING_OVER}


def is_replicated(backend: model.Backend) -> bool:
    """Return whether any service of the backend takes part in replication."""
    return any(member.replication_status in statuses.REPLICATED
               for member in backend.members)


def decide(backend: model.Backend,
           volumes: Iterable[model.Volume]) -> Decision:
    """Decide from Cinder's records alone; notifications have no say.

    :param backend: its services
    :param volumes: the backend's volumes
    """
    closed = _by_members(backend)
    if closed:
        return closed
    known = list(volumes)
    late = unwritten(backend, known) | {
        v.id for v in known if v.replication_status == statuses.FAILING_OVER}
    if not late:
        return Decision(open=True)
    return Decision(True, '%d of %d volume records of %s do not tell of the '
                    'failover yet' % (len(late), len(known), backend.name),
                    late, Kind.ROWS)


def unwritten(backend: model.Backend,
              volumes: Iterable[model.Volume]) -> frozenset[str]:
    """Name the volumes whose rows do not tell of the failover yet.

    A volume that was created after the failover says ``enabled`` for good:
    it is known by having been created after the first row was written. That
    is a guess, as any later change of that row, such as our own, moves its
    time; so nobody waits for these rows for ever. A volume in a group is not
    waited for: its group may have failed over without the backend.

    :returns: volume ids
    """
    expected = backend.present.replication_status
    waited_for = [v for v in volumes
                  if v.replication_status not in _NO_WAIT and not v.group_id]
    written = [v.updated_at for v in waited_for
               if _is_written(v, expected) and v.updated_at]
    first = min(written, default=None)
    return frozenset(
        v.id for v in waited_for if not _is_written(v, expected) and
        not (first and v.created_at and v.created_at > first))


def _is_written(volume: model.Volume, expected: str | None) -> bool:
    # Of a failback some drivers write what Cinder does not define.
    if expected == statuses.ENABLED:
        return volume.replication_status != statuses.FAILED_OVER
    return volume.replication_status == expected


def _by_members(backend: model.Backend) -> Decision | None:
    live = [member for member in backend.members if member.up]
    moving = [m.host for m in live
              if m.replication_status == statuses.FAILING_OVER]
    failed = [m.host for m in live if m.replication_status in statuses.FAILED]
    if not live:
        return _closed(Kind.MEMBERS,
                       'cinder-volume of %s is down' % backend.name)
    if moving:
        return _closed(Kind.MOVING, 'the failover of %s is in progress'
                       % ', '.join(moving))
    if failed:
        return _closed(Kind.FAILED, 'the failover of %s failed in Cinder'
                       % ', '.join(failed))
    if len({m.active_backend_id or '' for m in live}) > 1:
        return _closed(
            Kind.DISAGREE, 'the members of the cluster name different active '
            'backends: ' + ', '.join(sorted(
                f'{m.host} {statuses.called(m.active_backend_id)}'
                for m in live)))
    return None


def _closed(kind: Kind, reason: str) -> Decision:
    return Decision(open=False, reason=reason, kind=kind)

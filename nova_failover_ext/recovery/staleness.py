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

"""The stamp of a block device mapping, as pure decisions.

The stamp is the ``active_backend_id`` under which a block device mapping was
last brought in sync with Cinder, or what stands for that of a replication
group
(:func:`stamp_for`). It is kept inside the mapping's connection_info, next to
what Nova itself keeps there (``serial``, ``multiattach``).
"""

from collections.abc import Mapping
from typing import Any

from cinder_failover_hooks import statuses

#: Key of the stamp in a block device mapping's connection_info.
STAMP = 'failover_active_backend_id'

#: A stamp that no place has: Cinder was asked, and the answer is not saved.
#: Its attachment may name another place than the mapping, also after a
#: failback.
ASKED = 'asked'

#: Key of the mark of a recovery that has begun and not ended; it takes the
#: place of the stamp meanwhile. Its value is {'place': where the disk sits},
#: and the WWID of the multipath map that the disk is on.
IN_PROGRESS_MARKER = 'failover_recovery'

#: Key of old connections that are still to be removed from the host: a list
#: of connection_info, newest last.
STALE_CONNECTIONS = 'failover_stale_connections'

#: Key of the WWID of a connection's multipath map, by which it is known until
#: it is seen to be gone: in the mark, and in an old connection.
WWID = 'failover_wwid'

#: Task state of a server whose volumes are being recovered. The API refuses
#: competing actions with 409 as for any other task state. One that
#: was left behind by a crash says that there is something to finish.
TASK_STATE = 'recovering_volumes'


def stamp_value(active_backend_id: str | None) -> str:
    """Return the stamp for a backend's active_backend_id ('' = primary)."""
    return active_backend_id or ''


def stamp_for(active_backend_id: str | None, backend_status: str | None,
              volume_status: str | None, group_id: str | None) -> str:
    """Return the stamp for a volume that is where Cinder's records say.

    A replication group fails over without its backend. Cinder does not record
    where to, only that its volumes have: by a replication status that is not
    the backend's.

    :param active_backend_id: of the backend
    :param backend_status: replication status of the backend
    :param volume_status: replication status of the volume
    :param group_id: the volume's group, None if it is in none
    """
    if (group_id and volume_status in statuses.SETTLED and
            volume_status != backend_status):
        return 'group %s' % volume_status
    return stamp_value(active_backend_id)


def needs_question(connection_info: Mapping[str, Any],
                   stamp: str | None) -> bool:
    """Return whether Cinder has to be asked about this mapping at all.

    :param connection_info: the block device mapping's copy
    :param stamp: the one it would get now, see :func:`stamp_for`
    :returns: False only if the mapping was brought in sync with Cinder under
        it
    """
    return connection_info.get(STAMP) != stamp_value(stamp)


def may_be_stale(connection_info: Mapping[str, Any],
                 stamp: str | None) -> bool:
    """Return whether a mapping may be that of a place that is left.

    One that was never stamped is from before this product was installed, or
    new. On the primary it is right, unless the engine knows better.

    :param connection_info: the block device mapping's copy
    :param stamp: the one it would get now, see :func:`stamp_for`
    """
    if STAMP in connection_info or IN_PROGRESS_MARKER in connection_info:
        return needs_question(connection_info, stamp)
    return bool(stamp_value(stamp))

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

"""The values of Cinder's status fields: the one place that spells them.

The module imports neither Cinder nor Nova, so that both sides can use it. A
unit test compares the values with those of Cinder.
"""

# Replication status of a service, cluster, group or volume
# (cinder.objects.fields.ReplicationStatus).

#: Replication runs, and the active site is the primary.
ENABLED = 'enabled'
#: Replication is switched off.
DISABLED = 'disabled'
#: The backend or volume cannot be replicated.
NOT_CAPABLE = 'not-capable'
#: A failover or failback is in progress.
FAILING_OVER = 'failing-over'
#: The active site is a replication target.
FAILED_OVER = 'failed-over'
#: The last failover or failback failed.
FAILOVER_ERROR = 'failover-error'
#: Replication is broken.
ERROR = 'error'

#: No failover is in progress, and the last one succeeded.
SETTLED = frozenset((ENABLED, FAILED_OVER))
#: A failover, or replication itself, failed.
FAILED = frozenset((ERROR, FAILOVER_ERROR))
#: The backend or group is replicated.
REPLICATED = SETTLED | FAILED | {FAILING_OVER}
#: The backend or volume is not replicated.
UNREPLICATED = frozenset((DISABLED, NOT_CAPABLE))

# Status of a volume (cinder.objects.fields.VolumeStatus). Cinder has several
# error statuses, such as ``error_extending``: test for the prefix.

VOLUME_AVAILABLE = 'available'
VOLUME_ATTACHING = 'attaching'
VOLUME_IN_USE = 'in-use'
VOLUME_ERROR = 'error'

#: The backend id of the primary in a request to fail back. Cinder's database
#: records the primary as NULL or as the empty string instead.
PRIMARY = 'default'


def volume_is_replicated(replication_status: str | None) -> bool:
    """Return whether a failover moves a volume, by Cinder's own rule.

    Drivers write values that Cinder does not define, such as ``available``
    after a failback (``VolumeManager.failover``, read in Cinder 26 to 29).

    :param replication_status: of the volume
    """
    return replication_status not in UNREPLICATED


def called(backend_id: str | None) -> str:
    """Return what texts call a backend id.

    :param backend_id: of a record or of a request
    :returns: the id, or ``primary``, for which Cinder has several values
    """
    return 'primary' if backend_id in (None, '', PRIMARY) else str(backend_id)

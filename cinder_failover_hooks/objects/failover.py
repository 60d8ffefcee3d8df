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

"""The payload of every failover notification."""

from typing import Any

from oslo_utils import versionutils
from oslo_versionedobjects import fields

from cinder_failover_hooks.objects import base
from cinder_failover_hooks.objects import fields as failover_fields


@base.register
class BackendFailoverPayload(base.FailoverObject):
    """The state of a backend, and some of the affected volumes."""

    # Version 1.0: Initial version
    # Version 1.1: Added group_id and target
    VERSION = '1.1'

    fields = {
        #: id of the request, the same in all notifications of one failover
        'failover_id': fields.StringField(),
        #: the backend, ``host@backend``
        'backend': fields.StringField(),
        #: cluster of the backend, None if the backend is not clustered
        'cluster': fields.StringField(nullable=True),
        #: failover, failback, group or announcement
        'cause': failover_fields.CauseField(),
        #: replication target before, None for the primary
        'old_active_backend_id': failover_fields.BackendIdField(),
        #: replication target now, None for the primary
        'new_active_backend_id': failover_fields.BackendIdField(),
        #: replication status of the service or cluster in Cinder
        'replication_status': fields.StringField(nullable=True),
        #: when this payload was built, UTC
        'emitted_at': fields.DateTimeField(),
        #: number of this part, from 1
        'part': fields.IntegerField(),
        #: whether this is the last part
        'last': fields.BooleanField(),
        #: the volumes in this part
        'volumes': fields.ListOfObjectsField('VolumePayload'),
        #: why the failover failed, None if it did not
        'reason': fields.StringField(nullable=True),
        #: the replication group, None for the whole backend
        'group_id': fields.UUIDField(nullable=True),
        #: requested replication target, ``default`` for a failback, None if
        #: the driver chooses the target
        'target': fields.StringField(nullable=True),
    }

    obj_relationships = {'volumes': [('1.0', '1.0'), ('1.1', '1.0')]}

    def obj_make_compatible(self, primitive: dict[str, Any],
                            target_version: str) -> None:
        """Convert a primitive down to an older version.

        :param primitive: the primitive, which is changed in place
        :param target_version: version to convert down to
        """
        super().obj_make_compatible(primitive, target_version)
        if versionutils.convert_version_to_tuple(target_version) < (1, 1):
            primitive.pop('group_id', None)
            primitive.pop('target', None)

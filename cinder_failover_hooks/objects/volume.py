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

"""An affected volume and its attachments."""

from oslo_versionedobjects import fields

from cinder_failover_hooks.objects import base


@base.register
class AttachmentPayload(base.FailoverObject):
    """An attachment of a volume, without its connector."""

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        #: id of the attachment in Cinder
        'attachment_id': fields.UUIDField(),
        #: the server, None for an attachment to a host
        'server_id': fields.UUIDField(nullable=True),
        #: the host of the attachment, None while it is reserved
        'host': fields.StringField(nullable=True),
    }


@base.register
class VolumePayload(base.FailoverObject):
    """The state of a volume."""

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        #: id of the volume
        'volume_id': fields.UUIDField(),
        #: status in Cinder, for instance ``in-use`` or ``error``
        'status': fields.StringField(nullable=True),
        #: replication status in Cinder, for instance ``failed-over``
        'replication_status': fields.StringField(nullable=True),
        #: the project that owns the volume
        'project_id': fields.StringField(nullable=True),
        #: all attachments, an empty list if there are none
        'attachments': fields.ListOfObjectsField('AttachmentPayload'),
        #: why the volume cannot be recovered, None if it can
        'reason': fields.StringField(nullable=True),
    }

    obj_relationships = {'attachments': [('1.0', '1.0')]}

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


"""Payloads of the engine's notifications, as versioned objects of Nova.

They are registered as Nova registers its own: they are put into no registry.
``nova.notifications.objects.base.NotificationPayloadBase`` and the fields used
here are the same in Nova 31.0.0, 32.0.0, 33.0.0 and 34.0.0.
"""

from typing import Any

from nova.notifications.objects import base as notification_base
from nova.objects import base as nova_base
from nova.objects import fields


@nova_base.NovaObjectRegistry.register_if(False)
class FailedServerPayload(notification_base.NotificationPayloadBase):
    """A server that is not recovered."""

    OBJ_PROJECT_NAMESPACE = 'nova_failover_ext'

    # Version 1.0: Initial version
    VERSION = '1.0'
    fields = {
        #: the instance's uuid
        'server_id': fields.UUIDField(),
        #: why, free of secrets
        'reason': fields.StringField(),
    }

    def __init__(self, server_id: str, reason: str) -> None:
        """Fill the payload."""
        super().__init__()
        self.server_id = server_id
        self.reason = reason


@nova_base.NovaObjectRegistry.register_if(False)
class FailoverRecoveryPayload(notification_base.NotificationPayloadBase):
    """How the recovery of a backend's servers stands."""

    OBJ_PROJECT_NAMESPACE = 'nova_failover_ext'

    # Version 1.0: Initial version
    VERSION = '1.0'
    fields = {
        #: request id of the failover and of its servers' actions
        'failover_id': fields.StringField(),
        #: host@backend
        'backend': fields.StringField(),
        #: its active_backend_id, null for the primary
        'target': fields.StringField(nullable=True),
        #: when this engine began, null if another one did
        'started_at': fields.DateTimeField(nullable=True),
        #: since then, null if another engine began
        'seconds': fields.FloatField(nullable=True),
        #: how many servers were to be recovered, as far as was known
        'servers': fields.IntegerField(),
        #: tries that have ended, by outcome
        'counts': fields.DictOfIntegersField(),
        #: servers that were out of retries
        'failures': fields.ListOfObjectsField('FailedServerPayload'),
        #: whether there are more failures than are listed
        'truncated': fields.BooleanField(),
        #: why, null unless it is an error
        'reason': fields.StringField(nullable=True),
    }

    def __init__(self, failures: list[FailedServerPayload],
                 **values: Any) -> None:
        """Fill the payload.

        :param failures: as many as fit into a notification
        :param values: the other fields
        """
        super().__init__()
        self.failures = failures
        for name, value in values.items():
            setattr(self, name, value)

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


"""Versioned notifications of a recovery, as Nova's own operations have them.

Event types ``instance.failover_recover.start``, ``.end`` and ``.error`` are
published where Nova publishes its own: by ``nova-compute:<host>``, on the
topics of ``[notifications] versioned_notifications_topics``, unless
``[notifications] notification_format`` is ``unversioned``.

Nova's own classes cannot carry them: ``NotificationActionField`` and
``InstanceTaskStateField`` are closed enumerations (``nova.objects.fields``),
which know neither the action nor the task state of a recovery. The parts of
``nova.notifications.objects`` and ``nova.rpc`` that are used here are the
same in Nova 31.0.0, 32.0.0, 33.0.0 and 34.0.0.
"""

import enum
from typing import Any

from nova.notifications.objects import exception as exception_notification
from nova.notifications.objects import instance as instance_notification
from nova.objects import base as nova_base
from nova.objects import fields
from nova import rpc
from oslo_log import log as logging

from nova_failover_ext.recovery import masking

LOG = logging.getLogger(__name__)

#: The event type without its phase.
EVENT_TYPE = 'instance.failover_recover'


class Phase(enum.StrEnum):
    """Last part of the event type."""

    START = 'start'
    END = 'end'
    ERROR = 'error'


# False: its fields become properties, but it is put into no registry. Nova
# registers its payloads in the same way.
@nova_base.NovaObjectRegistry.register_if(False)
class InstanceFailoverRecoverPayload(
        instance_notification.InstanceActionPayload):
    """Nova's payload of an instance action, and the failover's id."""

    OBJ_PROJECT_NAMESPACE = 'nova_failover_ext'

    # Version 1.0: Initial version, on InstanceActionPayload 1.9
    VERSION = '1.0'
    fields = {
        #: also ``recovering_volumes``, which Nova does not know
        'task_state': fields.StringField(nullable=True),
        #: request id of the failover and of its instance actions
        'failover_id': fields.StringField(),
    }

    def __init__(self, context: Any, instance: Any, failover_id: str,
                 fault: Any = None) -> None:
        """Fill the payload.

        :param context: a nova RequestContext
        :param instance: the nova.objects.Instance
        :param failover_id: the failover's request id
        :param fault: a nova ExceptionPayload, or None
        """
        super().__init__(context=context, instance=instance, fault=fault)
        self.failover_id = failover_id


def emit(context: Any, instance: Any, host: str, phase: Phase,
         failover_id: str, message: str = '') -> None:
    """Publish a notification; never raises.

    :param context: a nova RequestContext
    :param instance: the nova.objects.Instance with its flavor, info_cache,
        metadata and system_metadata
    :param host: this compute host
    :param phase: where the recovery stands
    :param failover_id: the failover's request id
    :param message: why it failed, already free of secrets; for
        :attr:`Phase.ERROR`
    """
    try:
        _emit(context, instance, host, phase, failover_id, message)
    # Whatever conductor, the bus or Nova's objects raise, nobody's volume
    # may stay on a dead site for want of a notification.
    except Exception as error:  # noqa: BLE001
        LOG.warning('Notification %(event_type)s.%(phase)s was not sent: '
                    '%(error)s',
                    {'event_type': EVENT_TYPE, 'phase': phase.value,
                     'error': masking.scrub(str(error))}, instance=instance)


@rpc.if_notifications_enabled
def _emit(context: Any, instance: Any, host: str, phase: Phase,
          failover_id: str, message: str) -> None:
    failed = phase is Phase.ERROR
    payload = InstanceFailoverRecoverPayload(
        context, instance, failover_id, _fault(message) if failed else None)
    # As nova.notifications.objects.base.NotificationBase.emit.
    payload.obj_reset_changes(recursive=True)
    notifier = rpc.get_versioned_notifier(
        f'{fields.NotificationSource.COMPUTE}:{host}')
    publish = notifier.error if failed else notifier.info
    publish(context, event_type=f'{EVENT_TYPE}.{phase.value}',
            payload=payload.obj_to_primitive())


def _fault(message: str) -> Any:
    # Not ExceptionPayload.from_exception: its traceback would quote whatever
    # os-brick and the virt driver have put into their messages.
    return exception_notification.ExceptionPayload(
        module_name=__package__, function_name='recover_server',
        exception='RecoveryFailed', exception_message=message, traceback='')

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

"""What a server's owner and the operator can read of a recovery.

One instance action per failover and server, whose request id is the failover
id; each attempt is one event of it. An attempt is written when it has ended:
``InstanceActionEvent.event_finish`` would pick any earlier attempt's event,
and only ``create`` can say that an attempt was deferred.
"""

import traceback
from typing import Any

from nova import objects
from oslo_utils import timeutils

from nova_failover_ext.recovery import instance_action
from nova_failover_ext.recovery import instance_notifications
from nova_failover_ext.recovery import masking

Phase = instance_notifications.Phase

# Nova's columns are 255 characters.
_DETAILS = 255


class Record:
    """The record of one attempt for one server."""

    def __init__(self, context: Any, instance: Any, host: str) -> None:
        """Begin an attempt; starts the action if this is the first.

        :param context: its request id is the failover id
        :param instance: the nova.objects.Instance
        :param host: this compute host
        """
        self._context = context
        self._instance = instance
        self._host = host
        self._notified = False
        self._began = timeutils.utcnow(with_timezone=True)
        if not objects.InstanceAction.get_by_request_id(
                context, instance.uuid, context.request_id):
            objects.InstanceAction.action_start(
                context, instance.uuid, instance_action.ACTION,
                want_result=False)

    def begun(self) -> None:
        """Tell that the server is about to be changed."""
        self._notified = True
        self._notify(Phase.START)

    def succeeded(self) -> None:
        """Write that all is well, and finish the action."""
        self._event(instance_action.SUCCESS)
        objects.InstanceAction.action_finish(
            self._context, self._instance.uuid, want_result=False)
        self._notify(Phase.END)

    def deferred(self, reason: str, done: bool = False) -> None:
        """Write what is open and why; the action goes on.

        :param reason: already free of secrets
        :param done: whether all was done that can be done now
        """
        self._event(instance_action.DEFERRED, details=reason[:_DETAILS])
        if self._notified:
            self._notify(Phase.END if done else Phase.ERROR, reason)

    def failed(self, reason: str, error: Exception,
               *infos: dict[str, Any]) -> None:
        """Write which step failed, with the traceback; the action goes on.

        :param reason: already free of secrets
        :param error: for the traceback
        :param infos: connection_info whose secrets must not be written
        """
        trace = ''.join(traceback.format_exception(error))
        self._event(instance_action.ERROR, details=reason[:_DETAILS],
                    traceback=masking.scrub(trace, *infos))
        self._notify(Phase.ERROR, reason)

    def _notify(self, phase: instance_notifications.Phase,
                message: str = '') -> None:
        instance_notifications.emit(self._context, self._instance, self._host,
                                    phase,
                                    self._context.request_id, message)

    def _event(self, result: str, **values: Any) -> None:
        event = objects.InstanceActionEvent(
            context=self._context, event=instance_action.EVENT,
            host=self._host,
            start_time=self._began, result=result,
            finish_time=timeutils.utcnow(with_timezone=True), **values)
        event.create(self._instance.uuid, self._context.request_id)


def reason_of(error: Exception, *infos: dict[str, Any]) -> str:
    """Return an error's message in one line, free of secrets.

    That of a command that failed has its output, in several lines.
    """
    return ' '.join(masking.scrub(str(error), *infos).split())

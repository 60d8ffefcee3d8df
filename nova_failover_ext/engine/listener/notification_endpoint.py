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

"""Listens to Cinder's failover notifications: filter, read, hint.

A notification is a hint to scan, whatever it says; nothing in it is trusted.
"""

from typing import Any

from cinder_failover_hooks import exception as hooks_exception
from cinder_failover_hooks import notifications
from cinder_failover_hooks import objects
from cinder_failover_hooks import statuses
from oslo_config import cfg
from oslo_log import log as logging
import oslo_messaging as messaging

from nova_failover_ext.engine import model
from nova_failover_ext.engine.reconciler import reconciler as reconcilers

LOG = logging.getLogger(__name__)


class Endpoint:
    """Receives what oslo.messaging's listener lets through."""

    filter_rule = messaging.NotificationFilter(
        publisher_id=r'^volume\.', event_type=r'^backend\.')

    def __init__(self, reconciler: reconcilers.Reconciler) -> None:
        """Remember whom to hint.

        :param reconciler: is told of each backend that is named
        """
        self._reconciler = reconciler

    def info(self, _context: Any, publisher_id: str, event_type: str,
             payload: Any, _metadata: Any) -> None:
        """Take a start, end or announcement as a hint."""
        self._receive(publisher_id, event_type, payload)

    def error(self, _context: Any, publisher_id: str, event_type: str,
              payload: Any, _metadata: Any) -> None:
        """Take a failed failover as a hint."""
        self._receive(publisher_id, event_type, payload)

    def _receive(self, publisher_id: str, event_type: str,
                 payload: Any) -> None:
        if event_type == notifications.PROBE:
            self._reconciler.notification_log.note_probe(payload)
            return
        try:
            found = notifications.from_notification(payload)
        except hooks_exception.FailoverHooksException as exc:
            LOG.warning('A notification %s of %s is ignored: %.200s',
                        event_type, publisher_id,
                        ' '.join(str(exc).split()))
            return
        LOG.info('Notification %s: %s is on %s (failover %s)', event_type,
                 found.backend, statuses.called(found.new_active_backend_id),
                 found.failover_id)
        self._reconciler.hint(found.backend, _hint(event_type, found))


def _hint(event_type: str,
          found: objects.BackendFailoverPayload) -> model.Hint:
    target = found.new_active_backend_id
    # Not in version 1.0.
    group_id = found.group_id if found.obj_attr_is_set('group_id') else None
    # A service that starts on the primary tells so whether or not there ever
    # was a failover, and a failover that starts has moved nothing yet.
    still = event_type == notifications.START or (
        event_type == notifications.ANNOUNCE and not target)
    return model.Hint(None if still and not group_id else found.failover_id,
                      target, group_id)


def listener(conf: cfg.ConfigOpts, endpoint: Endpoint,
             executor: str) -> Any:
    """Return a listener on the configured topics; it is not started.

    :param executor: ``threading`` or ``eventlet``
    """
    options = conf.failover_engine
    transport = messaging.get_notification_transport(
        conf, url=options.transport_url)
    targets = [messaging.Target(topic=topic,
                                exchange=options.notification_exchange)
               for topic in options.notification_topics]
    return messaging.get_notification_listener(
        transport, targets, [endpoint], executor=executor,
        pool=options.notification_pool or None)

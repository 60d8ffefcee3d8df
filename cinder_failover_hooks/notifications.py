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

"""The contract between the hooks and the listeners to their notifications.

A notification has one of the event types below. Its payload is the primitive
of a :class:`~cinder_failover_hooks.objects.BackendFailoverPayload`, and its
publisher id is ``volume.host@backend``. A notification is only a hint to read
Cinder's records: it may be lost, late, duplicated or forged.

A sender calls ``payload.to_notification()``, a listener calls
:func:`from_notification`. ``doc/notification_samples`` in the source has a
sample of every notification.
"""


from oslo_versionedobjects import exception as ovo_exception

from cinder_failover_hooks import exception
from cinder_failover_hooks import objects

#: A failover or failback starts. The payload has no volumes.
START = 'backend.failover.start'
#: A failover has ended and every volume row is saved. The payload has the
#: affected volumes.
END = 'backend.failover.end'
#: A failover has failed. The payload has the affected volumes as they are.
ERROR = 'backend.failover.error'
#: The state of a backend, for instance when its service starts. The payload
#: has no volumes, except in the announcement of a group.
ANNOUNCE = 'backend.announce'

#: Every event type that the hooks send.
EVENT_TYPES = (START, END, ERROR, ANNOUNCE)

#: ``nova-failover check`` sends this to the engine to test the message bus.
#: The hooks never send it. Its payload is a dictionary with a ``nonce``.
PROBE = 'backend.probe'

#: Regular expressions of a listener's filter. They match every event type
#: above, and every publisher id from :func:`publisher_id_of`.
EVENT_TYPE_FILTER = r'^backend\.'
PUBLISHER_ID_FILTER = r'^volume\.'

#: The default topic. Its queues are this name with ``.info`` and ``.error``.
TOPIC = 'failover_notifications'


def priority_of(event_type: str) -> str:
    """Return the priority of an event type.

    :param event_type: one of :data:`EVENT_TYPES`
    :returns: ``error`` or ``info``
    """
    return 'error' if event_type == ERROR else 'info'


def publisher_id_of(backend: str) -> str:
    """Return the publisher id of a backend's notifications.

    :param backend: ``host@backend``
    """
    return 'volume.%s' % backend


def from_notification(primitive: object) -> objects.BackendFailoverPayload:
    """Return the payload of a notification.

    Unknown fields of a newer minor version are ignored. Fields that an older
    minor version does not have are None.

    :param primitive: the payload as received; nothing about it is trusted,
        not even its type
    :returns: the payload with every field set
    :raises MalformedPayload: it is not a payload of the hooks
    :raises UnsupportedPayload: it has another major version
    """
    if not isinstance(primitive, dict):
        raise exception.MalformedPayload(reason='it is not a dictionary')
    try:
        found = objects.BackendFailoverPayload.obj_from_primitive(primitive)
        if not isinstance(found, objects.BackendFailoverPayload):
            raise exception.MalformedPayload(
                reason='it is a %s' % found.obj_name())
        _complete(found)
    except ovo_exception.IncompatibleObjectVersion as exc:
        raise exception.UnsupportedPayload(
            name=exc.kwargs.get('objname'), version=exc.kwargs.get('objver'),
            supported=exc.kwargs.get('supported')) from exc
    except (ovo_exception.VersionedObjectsException, KeyError, TypeError,
            ValueError, AttributeError) as exc:
        # Reading untrusted data into fields raises only these.
        raise exception.MalformedPayload(
            reason='%s: %s' % (type(exc).__name__, exc)) from exc
    return found


def _complete(found: objects.FailoverObject) -> None:
    for name, field in found.fields.items():
        if not found.obj_attr_is_set(name):
            if not field.nullable:
                raise exception.MalformedPayload(
                    reason='%s has no %s' % (found.obj_name(), name))
            setattr(found, name, None)
        value = getattr(found, name)
        for inner in value if isinstance(value, list) else ():
            _complete(inner)

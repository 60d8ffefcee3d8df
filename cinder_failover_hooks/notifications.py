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

"""The contract with whoever listens to failover notifications.

A notification has one of the event types below and, as payload, the
primitive of a :class:`~cinder_failover_hooks.objects.BackendFailoverPayload`.
It is a hint to look at Cinder, never the truth: it may be lost, late, doubled
or forged. Its publisher id is ``volume.host@backend``.

A sender calls ``payload.to_notification()``, a
listener :func:`from_notification`. Samples of every notification are in
``doc/notification_samples`` of the source.
"""

from typing import Any

from oslo_versionedobjects import exception as ovo_exception

from cinder_failover_hooks import exception
from cinder_failover_hooks import objects

#: A failover or failback has begun. Carries no volumes.
START = 'backend.failover.start'
#: It is done and every volume row is saved. Carries the affected volumes.
END = 'backend.failover.end'
#: It has failed. Carries the affected volumes as they are now.
ERROR = 'backend.failover.error'
#: The state of a backend when its service starts. Carries no volumes.
ANNOUNCE = 'backend.announce'

#: Every event type of this package.
EVENT_TYPES = (START, END, ERROR, ANNOUNCE)

#: Default topic; the queues are this name with ``.info`` and ``.error``.
TOPIC = 'failover_notifications'


def priority_of(event_type: str) -> str:
    """Return the priority with which an event type is sent.

    :param event_type: one of :data:`EVENT_TYPES`
    :returns: ``error`` or ``info``
    """
    return 'error' if event_type == ERROR else 'info'


def publisher_id_of(backend: str) -> str:
    """Return the publisher id of a backend's notifications.

    :param backend: ``host@backend``
    """
    return 'volume.%s' % backend


def to_notification(payload: objects.BackendFailoverPayload) -> dict[str, Any]:
    """Return what is put on the bus for a payload.

    :param payload: the payload, every field set
    :returns: a primitive of JSON types only
    """
    return payload.to_notification()


def from_notification(primitive: object) -> objects.BackendFailoverPayload:
    """Read the payload of a notification.

    A newer minor version is read as far as it is known here; what an older
    one lacks is None.

    :param primitive: the payload as it was received, of any type: nothing
        about it is trusted
    :returns: the payload, every field of it set
    :raises MalformedPayload: it is not a payload of ours
    :raises UnsupportedPayload: its major version is another one
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
        # These are all that reading foreign data into fields can raise.
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

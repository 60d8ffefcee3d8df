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

"""The base of the notification objects.

The objects are not in the registry of oslo.versionedobjects, which is global
to the process. Cinder checks every object in that registry, and two packages
with an object of the same name would replace each other's class.
"""

from typing import Any, ClassVar, TYPE_CHECKING, TypeVar

from oslo_versionedobjects import base
from oslo_versionedobjects import exception as ovo_exception

_T = TypeVar('_T', bound='type[FailoverObject]')


def register(cls: _T) -> _T:
    """Register a class for :meth:`FailoverObject.obj_class_from_name`.

    :param cls: the class to decorate
    :returns: the same class, with its fields as properties
    """
    base.VersionedObjectRegistry.objectify(cls)
    FailoverObject.known[cls.obj_name()] = cls
    return cls


class FailoverObject(base.VersionedObject):
    """Base of the objects in failover notifications."""

    OBJ_SERIAL_NAMESPACE = 'failover_object'
    OBJ_PROJECT_NAMESPACE = 'cinder_failover_hooks'

    #: every registered class by its object name
    known: ClassVar[dict[str, type['FailoverObject']]] = {}

    if TYPE_CHECKING:
        # Registering a class turns its fields into properties.
        def __getattr__(self, name: str) -> Any:
            """Return the value of a field."""

    @classmethod
    def obj_class_from_name(cls, objname: str, objver: str) -> Any:
        """Return the class that reads an object of this name and version.

        A listener cannot ask the sender of a notification for an older
        version. Within a major version fields are only added, so the class
        of this release reads every minor version and ignores unknown fields.

        :param objname: name of the object, for instance ``VolumePayload``
        :param objver: version of the object, for instance ``1.3``
        :returns: a subclass of :class:`FailoverObject`
        :raises oslo_versionedobjects.exception.UnsupportedObjectError: the
            name is unknown
        :raises oslo_versionedobjects.exception.IncompatibleObjectVersion:
            the major version is unsupported
        """
        found = cls.known.get(objname)
        if found is None:
            raise ovo_exception.UnsupportedObjectError(objtype=objname)
        if objver.split('.')[0] != found.VERSION.split('.')[0]:
            raise ovo_exception.IncompatibleObjectVersion(
                objname=objname, objver=objver, supported=found.VERSION)
        return found

    def to_notification(self,
                        target_version: str | None = None) -> dict[str, Any]:
        """Return the primitive to send in a notification.

        :param target_version: version to convert down to, None for the
            version of this class
        :returns: the primitive, of JSON types only, without change records
        """
        primitive: dict[str, Any] = self.obj_to_primitive(
            target_version=target_version)
        _drop_changes(primitive)
        return primitive


def _drop_changes(value: Any) -> None:
    # A listener has no use for the list of fields that were set.
    if isinstance(value, dict):
        value.pop('%s.changes' % FailoverObject.OBJ_SERIAL_NAMESPACE, None)
        for inner in value.values():
            _drop_changes(inner)
    elif isinstance(value, list):
        for inner in value:
            _drop_changes(inner)

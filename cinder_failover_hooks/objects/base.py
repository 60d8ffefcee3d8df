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

"""What the notification objects have in common.

They are kept out of the registry of oslo.versionedobjects, which is one for
the whole process: Cinder checks every object in it, and two packages that
use the same object name would replace each other's classes.
"""

from typing import Any, ClassVar, TYPE_CHECKING, TypeVar

from oslo_versionedobjects import base
from oslo_versionedobjects import exception as ovo_exception

_T = TypeVar('_T', bound='type[FailoverObject]')


def register(cls: _T) -> _T:
    """Make a class known to :meth:`FailoverObject.obj_class_from_name`.

    :param cls: the class to decorate
    :returns: the same class, its fields turned into properties
    """
    base.VersionedObjectRegistry.objectify(cls)
    FailoverObject.known[cls.obj_name()] = cls
    return cls


class FailoverObject(base.VersionedObject):
    """Base of the objects that failover notifications are made of."""

    OBJ_SERIAL_NAMESPACE = 'failover_object'
    OBJ_PROJECT_NAMESPACE = 'cinder_failover_hooks'

    #: every registered class by its object name
    known: ClassVar[dict[str, type['FailoverObject']]] = {}

    if TYPE_CHECKING:
        # Fields become properties when a class is registered.
        def __getattr__(self, name: str) -> Any:
            """Return the value of a field."""

    @classmethod
    def obj_class_from_name(cls, objname: str, objver: str) -> Any:
        """Return the class that reads an object of this name and version.

        Notifications go one way, so their sender cannot be asked for an
        older version. Within a major version fields are only added, hence
        the class known here reads any minor, ignoring what it does not know.

        :param objname: name of the object, for instance ``VolumePayload``
        :param objver: version of the object, for instance ``1.3``
        :returns: a subclass of :class:`FailoverObject`
        :raises oslo_versionedobjects.exception.UnsupportedObjectError: the
            name is unknown
        :raises oslo_versionedobjects.exception.IncompatibleObjectVersion:
            the major version is another one
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
        """Return what is put on the bus.

        :param target_version: version to convert down to, the own version
            when None
        :returns: the primitive, of JSON types only, without change records
        """
        primitive: dict[str, Any] = self.obj_to_primitive(
            target_version=target_version)
        _drop_changes(primitive)
        return primitive


def _drop_changes(value: Any) -> None:
    # What changed since an object was loaded means nothing to a listener.
    if isinstance(value, dict):
        value.pop('%s.changes' % FailoverObject.OBJ_SERIAL_NAMESPACE, None)
        for inner in value.values():
            _drop_changes(inner)
    elif isinstance(value, list):
        for inner in value:
            _drop_changes(inner)

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

"""The versioned objects: hashes pinned, older versions still readable."""

import subprocess
import sys
from typing import Any

from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields
from oslo_versionedobjects import fixture

from cinder_failover_hooks import objects
from cinder_failover_hooks.objects import base as objects_base
from cinder_failover_hooks.tests.unit import base

# A hash changes when a field does. Then raise the version of the object,
# write the change into its version log, make obj_make_compatible drop what
# is new, and only then put the new hash here.
OBJECT_HASHES = {
    'AttachmentPayload': '1.0-5f2f2dc4880d2864be8793f6f0348b15',
    'BackendFailoverPayload': '1.1-c4fe6e1a9afb46c8f95b3d17216afd30',
    'VolumePayload': '1.0-90608bef1a43595ba9301b6dcb920707',
}


class TestObjectVersions(base.TestCase):
    """What a listener of another release relies on."""

    def setUp(self) -> None:
        """Check exactly our own objects."""
        super().setUp()
        self.checker = fixture.ObjectVersionChecker(
            {name: [cls] for name, cls
             in objects.FailoverObject.known.items()})

    def test_hashes_are_pinned(self) -> None:
        """No field changes without a new version."""
        expected, actual = self.checker.test_hashes(OBJECT_HASHES)
        self.assertEqual(expected, actual)

    def test_down_conversion(self) -> None:
        """Every object converts down to every version it has had."""
        self.checker.test_compatibility_routines()

    def test_relationships_name_the_versions_of_children(self) -> None:
        """A new version of a child is a new version of its parent."""
        tree: dict[str, dict[str, str]] = {}
        for name, cls in objects.FailoverObject.known.items():
            own: dict[str, Any] = dict(cls.fields)
            children = {
                field.objname: objects.FailoverObject.known[
                    field.objname].VERSION
                for field in own.values()
                if isinstance(field, fields.ListOfObjectsField)}
            tree[name] = children
            for field, versions in (cls.obj_relationships or {}).items():
                self.assertEqual(
                    (cls.VERSION, children[own[field].objname]),
                    versions[-1])
        self.assertEqual({'VolumePayload': '1.0'},
                         tree['BackendFailoverPayload'])

    def test_nothing_is_registered_for_the_whole_process(self) -> None:
        """Cinder and Nova check all that they find in that registry."""
        for name, cls in objects.FailoverObject.known.items():
            self.assertNotIn(
                cls, ovo_base.VersionedObjectRegistry.obj_classes()[name])

    def test_importing_imports_neither_cinder_nor_nova(self) -> None:
        """Both sides use the contract, with only one of them installed."""
        code = (
            'import sys, cinder_failover_hooks.notifications,'
            ' cinder_failover_hooks.testing.notifications_fixture,'
            ' cinder_failover_hooks.conf;'
            'bad = {"cinder", "nova"} & set(sys.modules);'
            'sys.exit(str(bad) if bad else 0)')
        subprocess.run([sys.executable, '-c', code], check=True)


class TestNewerVersion(base.TestCase):
    """A payload that a newer release of the hooks has sent."""

    def test_a_newer_object_converts_down(self) -> None:
        """A sender can be told to send what an older listener knows."""
        class VolumePayload(objects.VolumePayload):
            VERSION = '1.1'
            fields = {'lag': fields.IntegerField()}

            def obj_make_compatible(self, primitive: dict[str, object],
                                    target_version: str) -> None:
                super().obj_make_compatible(primitive, target_version)
                if target_version == '1.0':
                    primitive.pop('lag', None)

        ovo_base.VersionedObjectRegistry.objectify(VolumePayload)
        newer = VolumePayload(volume_id=base.IDLE.volume_id, lag=3)
        old = newer.to_notification('1.0')
        self.assertNotIn('lag', old['failover_object.data'])
        self.assertEqual('1.0', old['failover_object.version'])

    def test_another_major_version_is_another_class(self) -> None:
        """Within a major version, the class known here reads any minor."""
        self.assertIs(
            objects.VolumePayload,
            objects_base.FailoverObject.obj_class_from_name(
                'VolumePayload', '1.99'))


class TestFields(base.TestCase):
    """Fields with a meaning of their own."""

    def test_the_primary_is_always_none(self) -> None:
        """Cinder writes it as NULL or as the empty string."""
        payload = objects.BackendFailoverPayload(
            old_active_backend_id='', new_active_backend_id=None)
        self.assertIsNone(payload.old_active_backend_id)
        self.assertIsNone(payload.new_active_backend_id)

    def test_an_unknown_cause_is_refused(self) -> None:
        """Causes are a closed set."""
        self.assertRaises(ValueError, objects.BackendFailoverPayload,
                          cause='boredom')

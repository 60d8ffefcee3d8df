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


"""A hook and a listener of which one is a payload version older.

``payloads_1_0`` has the notifications of version 1.0 as they were sent, and
:func:`reader_1_0` the classes that read them: neither is ever changed.
"""

import json
import pathlib
from typing import Any

import ddt
from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields
from oslo_versionedobjects import fixture

from cinder_failover_hooks import notifications
from cinder_failover_hooks import objects
from cinder_failover_hooks.objects import fields as own_fields
from cinder_failover_hooks.tests.unit import base
from cinder_failover_hooks.tests.unit import test_samples

OLD = pathlib.Path(__file__).parent / 'payloads_1_0'
DATA = 'failover_object.data'
VERSION = 'failover_object.version'
HASH_1_0 = '1.0-73c4ff747bf909bdaf01c4a3af9c2f9e'


def reader_1_0() -> type[objects.FailoverObject]:
    """Return the payload class that an engine of version 1.0 has."""
    class Old(objects.FailoverObject):
        known = {}

    class BackendFailoverPayload(Old):
        VERSION = '1.0'
        fields = {
            'failover_id': fields.StringField(),
            'backend': fields.StringField(),
            'cluster': fields.StringField(nullable=True),
            'cause': own_fields.CauseField(),
            'old_active_backend_id': own_fields.BackendIdField(),
            'new_active_backend_id': own_fields.BackendIdField(),
            'replication_status': fields.StringField(nullable=True),
            'emitted_at': fields.DateTimeField(),
            'part': fields.IntegerField(),
            'last': fields.BooleanField(),
            'volumes': fields.ListOfObjectsField('VolumePayload'),
            'reason': fields.StringField(nullable=True),
        }
        obj_relationships = {'volumes': [('1.0', '1.0')]}

    ovo_base.VersionedObjectRegistry.objectify(BackendFailoverPayload)
    Old.known.update(objects.FailoverObject.known)
    Old.known['BackendFailoverPayload'] = BackendFailoverPayload
    return BackendFailoverPayload


def values(payload: objects.FailoverObject, reader: Any) -> dict[str, Any]:
    """Return what a payload says in the fields that a reader knows.

    :param payload: the payload
    :param reader: a payload class
    """
    data: dict[str, Any] = payload.to_notification()[DATA]
    return {name: data[name] for name in reader.fields}


@ddt.ddt
class TestOlderHook(base.TestCase):
    """The engine has been upgraded, cinder-volume has not."""

    @ddt.data(*sorted(path.name for path in OLD.iterdir()))
    def test_its_payloads_are_read(self, name: str) -> None:
        """What it does not know of is None."""
        sent = json.loads((OLD / name).read_text())['payload']
        self.assertEqual('1.0', sent[VERSION])
        read = notifications.from_notification(sent)
        self.assertEqual(sent[DATA], values(read, reader_1_0()))
        self.assertEqual((None, None), (read.group_id, read.target))


@ddt.ddt
class TestOlderListener(base.TestCase):
    """cinder-volume has been upgraded, the engine has not."""

    def test_the_old_class_is_the_old_class(self) -> None:
        """By the hash that was pinned then."""
        found = fixture.ObjectVersionChecker(
            {'BackendFailoverPayload': [reader_1_0()]}).get_hashes()
        self.assertEqual({'BackendFailoverPayload': HASH_1_0}, found)

    @ddt.data(*sorted(test_samples.SENT))
    def test_it_reads_what_is_sent(self, name: str) -> None:
        """It leaves out what it does not know."""
        sent = test_samples.made(name)['payload']
        self.assertNotEqual('1.0', sent[VERSION])
        reader = reader_1_0()
        read = reader.obj_from_primitive(sent)
        self.assertEqual({name: sent[DATA][name] for name in reader.fields},
                         values(read, reader))

    @ddt.data(*sorted(test_samples.SENT))
    def test_it_reads_what_is_converted_down(self, name: str) -> None:
        """Nothing of a newer version is left then."""
        sent = test_samples.made(name)['payload']
        old = notifications.from_notification(sent).to_notification('1.0')
        reader = reader_1_0()
        self.assertEqual(('1.0', set(reader.fields)),
                         (old[VERSION], set(old[DATA])))
        self.assertEqual(old[DATA],
                         values(reader.obj_from_primitive(old), reader))


class TestNextVersion(base.TestCase):
    """A hook or a listener of the version that comes after this one."""

    def setUp(self) -> None:
        """Make a sample."""
        super().setUp()
        self.sent = test_samples.made('backend-failover-end')['payload']

    def test_its_payloads_are_read(self) -> None:
        """With fields that nobody knows here, in each object."""
        volume = self.sent[DATA]['volumes'][0]
        for one in (self.sent, volume, volume[DATA]['attachments'][0]):
            one[VERSION] = '1.99'
            one[DATA]['lag'] = 5
        read = notifications.from_notification(self.sent)
        found = read.volumes[0]
        self.assertEqual(
            ('site-b', base.ATTACHED.volume_id, base.SERVER, 2),
            (read.new_active_backend_id, found.volume_id,
             found.attachments[0].server_id, len(read.volumes)))

    def test_it_reads_our_payloads(self) -> None:
        """What it lacks is not set, which from_notification turns to None."""
        class BackendFailoverPayload(objects.BackendFailoverPayload):
            VERSION = '1.99'
            fields = {'lag': fields.IntegerField(nullable=True)}
            known = dict(objects.FailoverObject.known)

        ovo_base.VersionedObjectRegistry.objectify(BackendFailoverPayload)
        BackendFailoverPayload.known['BackendFailoverPayload'] = (
            BackendFailoverPayload)
        read = BackendFailoverPayload.obj_from_primitive(self.sent)
        notifications._complete(read)
        self.assertIsNone(read.lag)
        self.assertEqual('site-b', read.new_active_backend_id)

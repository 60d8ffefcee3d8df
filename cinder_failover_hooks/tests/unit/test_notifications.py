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

"""Reading what came from the bus, which nobody may trust."""

import copy
from typing import Any

import ddt

from cinder_failover_hooks import exception
from cinder_failover_hooks import notifications
from cinder_failover_hooks.tests.unit import base

DATA = 'failover_object.data'
VERSION = 'failover_object.version'


def _end() -> Any:
    return copy.deepcopy(base.sample('backend-failover-end')['payload'])


def _without(field: str) -> Any:
    found = _end()
    del found[DATA][field]
    return found


def _changed(**fields: Any) -> Any:
    found = _end()
    found[DATA].update(fields)
    return found


@ddt.ddt
class TestFromNotification(base.TestCase):
    """Tolerant of other minors, strict about everything else."""

    def test_round_trip(self) -> None:
        """What was read is what was sent."""
        found = notifications.from_notification(_end())
        self.assertEqual(_end(), found.to_notification())

    @ddt.data(
        None, 'text', [], {}, {'failover_object.name': 'VolumePayload'},
        _without('volumes'), _without('failover_id'),
        _changed(volumes='many'), _changed(volumes=[{}]),
        _changed(volumes=[None]), _changed(emitted_at='yesterday'),
        _changed(part='one'), _changed(cause='boredom'),
        _changed(failover_id=None), {**_end(), DATA: None},
        {**_end(), VERSION: None},
        {**_end(), 'failover_object.namespace': 'nova'},
        {**_end(), 'failover_object.name': 'Unknown'})
    def test_malformed(self, primitive: Any) -> None:
        """Anything that is no payload is refused with one class of error."""
        self.assertRaises(exception.MalformedPayload,
                          notifications.from_notification, primitive)

    def test_a_volume_alone_is_no_payload(self) -> None:
        """One of our objects, but not the one that is sent."""
        self.assertRaises(exception.MalformedPayload,
                          notifications.from_notification,
                          _end()[DATA]['volumes'][0])

    def test_another_major_is_unsupported(self) -> None:
        """The error says which version is known."""
        error = self.assertRaises(
            exception.UnsupportedPayload, notifications.from_notification,
            {**_end(), VERSION: '2.0'})
        self.assertIn('2.0', str(error))
        self.assertIn('1.1', str(error))

    def test_a_newer_minor_is_read_as_far_as_it_is_known(self) -> None:
        """Unknown fields are ignored, at each depth."""
        newer = {**_changed(lag=3), VERSION: '1.7'}
        newer[DATA]['volumes'][0][VERSION] = '1.4'
        newer[DATA]['volumes'][0][DATA]['site'] = 'b'
        found = notifications.from_notification(newer)
        self.assertEqual(base.REQUEST, found.failover_id)
        self.assertEqual(base.ATTACHED.volume_id, found.volumes[0].volume_id)

    def test_what_an_older_minor_lacks_is_none(self) -> None:
        """Only fields that may be None can be missing."""
        found = notifications.from_notification(_without('reason'))
        self.assertIsNone(found.reason)


@ddt.ddt
class TestNames(base.TestCase):
    """Names on the bus."""

    @ddt.data((notifications.START, 'info'), (notifications.END, 'info'),
              (notifications.ERROR, 'error'),
              (notifications.ANNOUNCE, 'info'))
    @ddt.unpack
    def test_priority(self, event_type: str, expected: str) -> None:
        """Only errors have error priority."""
        self.assertEqual(expected, notifications.priority_of(event_type))

    def test_publisher_id(self) -> None:
        """It names the service and the backend."""
        self.assertEqual('volume.ctl1@rbd',
                         notifications.publisher_id_of('ctl1@rbd'))

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

"""The samples of the documentation are what is really sent."""

from typing import Any

import ddt

from cinder_failover_hooks import notifications
from cinder_failover_hooks import payloads
from cinder_failover_hooks import state
from cinder_failover_hooks.tests.unit import base

FAILING_OVER = state.BackendState('', 'failing-over')
FAILING_BACK = state.BackendState('site-b', 'failing-over')
FAILED = state.BackendState('', 'failover-error')
VOLUMES = (base.ATTACHED, base.LOST)
HEALED = state.Volume(**{
    **vars(base.ATTACHED), 'replication_status': 'enabled'})
STUCK = state.Volume(**{
    **vars(base.ATTACHED), 'replication_status': 'failing-over'})

GROUP = {'cause': 'group', 'group_id': base.GROUP, 'target': 'site-b',
         'now': base.PRIMARY}

#: sample, what its header has, what volumes it names
SENT: dict[str, tuple[dict[str, Any], tuple[state.Volume, ...]]] = {
    'backend-failover-start': (
        {'event_type': notifications.START, 'now': FAILING_OVER,
         'target': 'site-b'}, ()),
    'backend-failover-end': (
        {'event_type': notifications.END, 'target': 'site-b'}, VOLUMES),
    'backend-failover-error': (
        {'event_type': notifications.ERROR, 'now': FAILED, 'target': 'site-b',
         'reason': state.failure_of(FAILING_OVER, FAILED, 'site-b')},
        (HEALED, base.LOST)),
    'backend-failback-start': (
        {'event_type': notifications.START, 'cause': 'failback',
         'old': 'site-b', 'now': FAILING_BACK, 'target': 'default'}, ()),
    'backend-failback-end': (
        {'event_type': notifications.END, 'cause': 'failback',
         'old': 'site-b', 'now': base.PRIMARY, 'target': 'default'},
        (HEALED, base.LOST)),
    'group-failover-start': (
        {**GROUP, 'event_type': notifications.START}, ()),
    'group-failover-end': (
        {**GROUP, 'event_type': notifications.END}, (base.ATTACHED,)),
    'group-failover-error': (
        {**GROUP, 'event_type': notifications.ERROR,
         'reason': 'ReplicationGroupError: Group %s: Failover replication '
                   'group failed.' % base.GROUP}, (STUCK,)),
    'backend-announce': (
        {'event_type': notifications.ANNOUNCE, 'cause': 'announcement',
         'old': None}, ()),
    'group-announce': (
        {**GROUP, 'event_type': notifications.ANNOUNCE, 'old': None,
         'cause': 'announcement', 'target': None}, (base.ATTACHED,)),
}


def made(name: str) -> dict[str, Any]:
    """Return the notification of a sample as it is made by the code.

    :param name: of the sample
    """
    changes, volumes = SENT[name]
    header = base.header(**changes)
    [payload] = payloads.build(header, volumes, 200)
    return {
        'event_type': header.event_type,
        'priority': notifications.priority_of(header.event_type).upper(),
        'publisher_id': notifications.publisher_id_of(header.backend),
        'payload': payload.to_notification()}


@ddt.ddt
class TestSamples(base.TestCase):
    """Both sides are checked against these files."""

    @ddt.data(*SENT)
    def test_sample_is_what_is_sent(self, name: str) -> None:
        """Equal but for the time."""
        expected, actual = base.sample(name), made(name)
        for notification in (expected, actual):
            del notification['payload']['failover_object.data']['emitted_at']
        self.assertEqual(expected, actual)

    @ddt.data(*SENT)
    def test_sample_can_be_read(self, name: str) -> None:
        """A listener reads what the documentation shows."""
        payload = notifications.from_notification(
            base.sample(name)['payload'])
        self.assertEqual(base.BACKEND, payload.backend)

    def test_every_sample_is_checked_and_every_event_has_one(self) -> None:
        """No file is left over, no event type is left out."""
        self.assertEqual(set(SENT),
                         {path.stem for path in base.SAMPLES.glob('*.json')})
        self.assertEqual(set(notifications.EVENT_TYPES),
                         {made(name)['event_type'] for name in SENT})

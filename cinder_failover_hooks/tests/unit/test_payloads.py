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

"""Parts of payloads, with little of them in memory."""

from collections.abc import Iterator
import dataclasses

import ddt

from cinder_failover_hooks import payloads
from cinder_failover_hooks import state
from cinder_failover_hooks.tests.unit import base


@ddt.ddt
class TestSplit(base.TestCase):
    """Cutting into parts."""

    @ddt.data(
        (0, 2, [([], True)]),
        (1, 2, [([0], True)]),
        (2, 2, [([0, 1], True)]),
        (3, 2, [([0, 1], False), ([2], True)]),
        (4, 2, [([0, 1], False), ([2, 3], True)]),
        (2, 1, [([0], False), ([1], True)]))
    @ddt.unpack
    def test_parts(self, count: int, size: int,
                   expected: list[tuple[list[int], bool]]) -> None:
        """Exactly the last part is the last."""
        self.assertEqual(expected, list(payloads.split(range(count), size)))

    def test_reads_one_item_ahead_and_no_more(self) -> None:
        """Memory is bounded by the size of a part."""
        read = []

        def items() -> Iterator[int]:
            for number in range(100):
                read.append(number)
                yield number

        next(payloads.split(items(), 10))
        self.assertEqual(11, len(read))


class TestBuild(base.TestCase):
    """From volumes to payloads."""

    def test_only_affected_volumes_are_named(self) -> None:
        """A volume that nobody has attached needs nothing."""
        [payload] = payloads.build(
            base.header(), [base.IDLE, base.ATTACHED, base.LOST], 10)
        self.assertEqual(
            [base.ATTACHED.volume_id, base.LOST.volume_id],
            [volume.volume_id for volume in payload.volumes])
        self.assertIsNone(payload.volumes[0].reason)
        self.assertEqual('The volume is not replicated.',
                         payload.volumes[1].reason)

    def test_lost_volumes_are_named_without_attachments(self) -> None:
        """Nobody else says that they are lost."""
        lost = dataclasses.replace(base.LOST, attachments=())
        [payload] = payloads.build(base.header(), [lost, base.IDLE], 10)
        self.assertEqual([lost.volume_id],
                         [volume.volume_id for volume in payload.volumes])

    def test_rows_that_were_not_saved_are_named(self) -> None:
        """Idle ones, too: nothing tells where they are."""
        idle = dataclasses.replace(base.IDLE, replication_status='enabled')
        [payload] = payloads.build(
            base.header(saved_status='failed-over'), [idle, base.IDLE], 10)
        [volume] = payload.volumes
        self.assertEqual(idle.volume_id, volume.volume_id)
        self.assertIn('not saved', volume.reason)

    def test_group_and_target(self) -> None:
        """They come from the header."""
        [payload] = payloads.build(
            base.header(group_id=base.GROUP, target='site-b'), [], 2)
        self.assertEqual((base.GROUP, 'site-b'),
                         (payload.group_id, payload.target))

    def test_parts_are_numbered_and_share_the_rest(self) -> None:
        """A listener can put them together by id and number."""
        parts = list(payloads.build(base.header(), [base.ATTACHED] * 5, 2))
        self.assertEqual([(1, False), (2, False), (3, True)],
                         [(one.part, one.last) for one in parts])
        self.assertEqual({base.REQUEST}, {one.failover_id for one in parts})

    def test_no_volumes_is_still_one_payload(self) -> None:
        """An empty backend fails over, too."""
        [payload] = payloads.build(base.header(), [], 2)
        self.assertEqual((1, True, []),
                         (payload.part, payload.last, payload.volumes))

    def test_the_state_comes_from_the_header(self) -> None:
        """Old target, new target, status and cluster."""
        now = state.BackendState('site-b', 'failed-over', 'cl@rbd')
        [payload] = payloads.build(base.header(now=now), [], 2)
        self.assertEqual(
            (None, 'site-b', 'failed-over', 'cl@rbd'),
            (payload.old_active_backend_id, payload.new_active_backend_id,
             payload.replication_status, payload.cluster))

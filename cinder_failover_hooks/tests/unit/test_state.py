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

"""What follows from the records of a backend, by tables."""

import dataclasses
from typing import Any

import ddt

from cinder_failover_hooks import state
from cinder_failover_hooks.tests.unit import base


def _state(active: str | None, status: str) -> state.BackendState:
    return state.BackendState(active, status)


@ddt.ddt
class TestFailureOf(base.TestCase):
    """Did the backend end where the request wanted it?"""

    @ddt.data(
        # before, after, target
        (None, 'site-b', 'failed-over', 'site-b'),
        (None, 'site-b', 'failed-over', None),
        ('', 'site-b', 'failed-over', None),
        ('site-b', 'site-c', 'failed-over', 'site-c'),
        ('site-b', 'site-c', 'failed-over', None),
        ('site-b', 'site-b', 'failed-over', 'site-b'),
        ('site-b', '', 'enabled', 'default'),
        ('site-b', None, 'enabled', 'default'),
        ('', '', 'enabled', 'default'))
    @ddt.unpack
    def test_done(self, before: Any, after: Any, status: str,
                  target: Any) -> None:
        """It moved, or it was there already."""
        self.assertIsNone(state.failure_of(
            _state(before, 'failing-over'), _state(after, status), target))

    @ddt.data(
        # An error of the driver.
        (None, None, 'failover-error', 'site-b', 'failover-error'),
        ('site-b', 'site-b', 'failover-error', 'default', 'failover-error'),
        (None, 'site-b', 'error', None, ' error'),
        # A target that the driver refused: the status looks healthy.
        (None, None, 'enabled', 'nowhere', 'still at default'),
        (None, '', 'enabled', None, 'still at default'),
        ('site-b', 'site-b', 'failed-over', 'nowhere', 'still at site-b'),
        ('site-b', 'site-b', 'failed-over', 'default', 'still at site-b'),
        ('site-b', 'site-b', 'failed-over', None, 'still at site-b'))
    @ddt.unpack
    def test_failed(self, before: Any, after: Any, status: str, target: Any,
                    text: str) -> None:
        """The reason says what the records show."""
        reason = state.failure_of(
            _state(before, 'failing-over'), _state(after, status), target)
        self.assertIn(text, reason or '')


@ddt.ddt
class TestVolumes(base.TestCase):
    """Which volumes are named, and with what reason."""

    @ddt.data(
        ('in-use', 'failed-over', None),
        ('in-use', 'enabled', None),
        # Not replicated, and left alone by a failback.
        ('in-use', 'disabled', None),
        ('in-use', None, None),
        (None, None, None),
        ('error', 'not-capable', 'not replicated'),
        ('error', 'failover-error', 'could not fail this volume over'),
        # A driver that sets only this.
        ('in-use', 'failover-error', 'could not fail this volume over'),
        ('in-use', 'error', 'could not fail this volume over'),
        # Drivers that write the volume status.
        ('error', 'failed-over', 'status of the volume is error'),
        ('error_extending', 'enabled', 'is error_extending'))
    @ddt.unpack
    def test_unrecoverable(self, status: Any, replication_status: Any,
                           text: Any) -> None:
        """A reason only where the volume cannot be recovered."""
        reason = state.unrecoverable(dataclasses.replace(
            base.ATTACHED, status=status,
            replication_status=replication_status))
        if text is None:
            self.assertIsNone(reason)
        else:
            self.assertIn(text, reason or '')

    def test_affected(self) -> None:
        """Attached or lost, but not idle."""
        lost_and_idle = dataclasses.replace(base.LOST, attachments=())
        self.assertTrue(state.is_affected(base.ATTACHED))
        self.assertTrue(state.is_affected(base.LOST))
        self.assertTrue(state.is_affected(lost_and_idle))
        self.assertFalse(state.is_affected(base.IDLE))


class TestTexts(base.TestCase):
    """Names and texts."""

    def test_cause(self) -> None:
        """Only the target default is a failback."""
        self.assertEqual('failback', state.cause_of('default'))
        self.assertEqual('failover', state.cause_of('site-b'))
        self.assertEqual('failover', state.cause_of(None))

    def test_secrets_are_masked(self) -> None:
        """A driver may put a whole connection info into its error."""
        text = state.masked(ValueError(
            "no path {'auth_password': 'canary', 'lun': 1}"))
        self.assertNotIn('canary', text)
        self.assertIn("ValueError: no path", text)

    def test_the_text_is_bounded(self) -> None:
        """A driver may put the output of a command into its error."""
        self.assertEqual(1000, len(state.masked(ValueError('x' * 9000))))

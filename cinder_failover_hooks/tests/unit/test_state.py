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
        (None, None, 'enabled', 'nowhere', 'still at primary'),
        (None, '', 'enabled', None, 'still at primary'),
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
        # A driver that has forgotten it, or is not through.
        ('in-use', 'failing-over', 'is not finished'),
        # Drivers that write the volume status.
        ('error', 'failed-over', 'status of the volume is error'),
        ('error_extending', 'enabled', 'is error_extending'),
        ('available', 'enabled', 'attached, but its status is available'),
        ('failed-over', 'failed-over', 'but its status is failed-over'))
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

    @ddt.data('available', 'failed-over')
    def test_a_status_that_is_right_without_attachments(
            self, status: str) -> None:
        """Nobody wonders about it then."""
        self.assertIsNone(state.unrecoverable(dataclasses.replace(
            base.IDLE, status=status)))

    @ddt.data(('enabled', 'failed-over', True),
              ('failed-over', 'enabled', True),
              ('failed-over', 'failed-over', False),
              ('enabled', None, False),
              # Takes no part in replication.
              ('disabled', 'enabled', False))
    @ddt.unpack
    def test_rows_that_were_not_saved(self, status: str, expected: Any,
                                      named: bool) -> None:
        """Cinder stopped before it came to them."""
        reason = state.unrecoverable(dataclasses.replace(
            base.ATTACHED, replication_status=status), expected)
        self.assertEqual(named, reason is not None)

    @ddt.data((base.PRIMARY, base.SECONDARY, 'failed-over'),
              (base.SECONDARY, base.PRIMARY, 'enabled'),
              (base.PRIMARY, _state(None, 'enabled'), None))
    @ddt.unpack
    def test_saved_status(self, before: Any, after: Any,
                          expected: Any) -> None:
        """Only where the backend has moved."""
        self.assertEqual(expected, state.saved_status(before, after))


@ddt.ddt
class TestMembers(base.TestCase):
    """A member of a cluster and the cluster."""

    @ddt.data(
        (base.SECONDARY, None),
        (base.clustered(), None),
        (dataclasses.replace(
            base.clustered('', 'enabled'), active_backend_id=None), None),
        (base.clustered(None, 'failing-over'), 'still at primary'),
        (base.clustered('site-c'), 'still at site-c'),
        (base.clustered('site-b', 'error'), 'could not switch'))
    @ddt.unpack
    def test_member_not_switched(self, after: Any, text: Any) -> None:
        """Its driver is where that of the cluster is, or not."""
        reason = state.member_not_switched(after)
        if text is None:
            self.assertIsNone(reason)
        else:
            self.assertIn(text, reason or '')

    @ddt.data(
        # member, cluster
        ((None, 'enabled'), ('site-b', 'failed-over'), True),
        ((None, 'failing-over'), ('site-b', 'failed-over'), True),
        (('site-b', 'failed-over'), ('', 'enabled'), True),
        (('site-b', 'failing-over'), ('site-b', 'failed-over'), True),
        # It is where it should be.
        (('site-b', 'failed-over'), ('site-b', 'failed-over'), False),
        (('', 'enabled'), (None, 'enabled'), False),
        # Somebody has to look first.
        (('site-b', 'error'), ('site-c', 'failed-over'), False),
        ((None, 'enabled'), (None, 'failover-error'), False),
        # It is not over.
        ((None, 'failing-over'), (None, 'failing-over'), False),
        ((None, 'enabled'), (None, 'failing-over'), False))
    @ddt.unpack
    def test_missed_switch(self, member: Any, cluster: Any,
                           expected: bool) -> None:
        """A member that starts after it has missed a switch."""
        self.assertEqual(expected, state.missed_switch(
            state.MemberState(*member), state.MemberState(*cluster)))

    @ddt.data((base.PRIMARY, 'failed-over'), (base.SECONDARY, 'enabled'))
    @ddt.unpack
    def test_diverged_group_status(self, now: Any, expected: str) -> None:
        """Those which the record of the backend does not tell of."""
        self.assertEqual(expected, state.diverged_group_status(now))


class TestTexts(base.TestCase):
    """Names and texts."""

    def test_cause(self) -> None:
        """Only the target default is a failback."""
        self.assertEqual('failback', state.cause_of('default'))
        self.assertEqual('failover', state.cause_of('site-b'))
        self.assertEqual('failover', state.cause_of(None))
        self.assertEqual('group', state.cause_of('default', base.GROUP))

    def test_secrets_are_masked(self) -> None:
        """A driver may put a whole connection info into its error."""
        text = state.masked(ValueError(
            "no path {'auth_password': 'canary', 'lun': 1}"))
        self.assertNotIn('canary', text)
        self.assertIn("ValueError: no path", text)

    def test_the_text_is_bounded(self) -> None:
        """A driver may put the output of a command into its error."""
        self.assertEqual(1000, len(state.masked(ValueError('x' * 9000))))

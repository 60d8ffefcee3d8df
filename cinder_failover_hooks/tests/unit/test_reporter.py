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

"""What is said of a failover, and that saying it harms nothing."""

from typing import Any
from unittest import mock

import ddt
import fixtures

from cinder_failover_hooks import emitter
from cinder_failover_hooks import notifications
from cinder_failover_hooks import reporter
from cinder_failover_hooks import state
from cinder_failover_hooks.tests.unit import base


@ddt.ddt
class TestReporter(base.TestCase):
    """From the way through a failover to headers."""

    def setUp(self) -> None:
        """Report to a mock."""
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.emitter = mock.create_autospec(emitter.Emitter, instance=True)
        self.backend = mock.create_autospec(emitter.Backend, instance=True)
        self.backend.name = base.BACKEND
        self.reporter = reporter.Reporter(self.emitter, self.backend)

    def _report(self, states: list[Any], target: str | None = 'site-b',
                failover_id: str | None = base.REQUEST) -> reporter.Report:
        self.backend.read_state.side_effect = states
        return self.reporter.report(failover_id, target)

    def _said(self) -> list[Any]:
        return [call.args for call in self.emitter.emit.mock_calls]

    def test_failover(self) -> None:
        """Start without volumes, end with them."""
        report = self._report([base.PRIMARY, base.SECONDARY])
        report.started()
        report.returned()
        (start, with_start), (end, with_end) = self._said()
        self.assertEqual((False, True), (with_start, with_end))
        self.assertEqual((notifications.START, notifications.END),
                         (start.event_type, end.event_type))
        self.assertEqual(('failover', '', base.SECONDARY, None),
                         (end.cause, end.old, end.now, end.reason))
        self.assertEqual({base.REQUEST}, {start.failover_id, end.failover_id})

    def test_failback(self) -> None:
        """The same way in the other direction."""
        report = self._report([base.SECONDARY, base.PRIMARY], 'default')
        report.started()
        report.returned()
        end = self._said()[1][0]
        self.assertEqual((notifications.END, 'failback', 'site-b'),
                         (end.event_type, end.cause, end.old))

    def test_a_swallowed_error_of_the_driver(self) -> None:
        """Cinder returns None, its record says failover-error."""
        report = self._report(
            [base.PRIMARY, state.BackendState('', 'failover-error')])
        report.started()
        report.returned()
        error, with_volumes = self._said()[1]
        self.assertEqual(notifications.ERROR, error.event_type)
        self.assertIn('failover-error', error.reason)
        self.assertTrue(with_volumes)

    def test_an_error_that_is_raised(self) -> None:
        """Its text is masked."""
        report = self._report([base.PRIMARY, base.PRIMARY])
        report.started()
        report.raised(ValueError("auth_password = 'canary'"))
        error = self._said()[1][0]
        self.assertEqual(notifications.ERROR, error.event_type)
        self.assertIn('ValueError', error.reason)
        self.assertNotIn('canary', error.reason)

    @ddt.data('started', 'returned')
    def test_a_database_that_cannot_be_read(self, step: str) -> None:
        """Logged, not raised."""
        report = self._report([RuntimeError('gone')])
        getattr(report, step)()
        self.assertEqual([], self._said())
        self.assertEqual(1, self.log.output.count('Could not report'))

    def test_an_emitter_that_raises(self) -> None:
        """Logged, not raised."""
        self.emitter.emit.side_effect = RuntimeError
        self.emitter.emit_later.side_effect = RuntimeError
        report = self._report([base.PRIMARY] * 3)
        report.started()
        report.returned()
        report.raised(ValueError())
        self.reporter.announce()
        self.assertEqual(4, self.log.output.count('Could not report'))

    def test_a_request_without_an_id_gets_one(self) -> None:
        """Listeners tell failovers apart by it."""
        report = self._report([base.PRIMARY], failover_id=None)
        report.started()
        self.assertTrue(
            self._said()[0][0].failover_id.startswith('req-'))

    def test_announcement(self) -> None:
        """The state is read when it is sent, not at once."""
        self.reporter.announce()
        self.backend.read_state.assert_not_called()
        event_type, failover_id, make = (
            self.emitter.emit_later.mock_calls[0].args)
        header = make(base.SECONDARY)
        self.assertEqual(
            (notifications.ANNOUNCE, 'announcement', None, base.SECONDARY),
            (header.event_type, header.cause, header.old, header.now))
        self.assertEqual((notifications.ANNOUNCE, failover_id),
                         (event_type, header.failover_id))

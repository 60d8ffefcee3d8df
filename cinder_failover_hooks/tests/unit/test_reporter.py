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

import dataclasses
import threading
from typing import Any
from unittest import mock

import ddt
import fixtures

from cinder_failover_hooks import emitter
from cinder_failover_hooks import notifications
from cinder_failover_hooks import payloads
from cinder_failover_hooks import reporter
from cinder_failover_hooks import state
from cinder_failover_hooks.tests.unit import base


class ReporterTestCase(base.TestCase):
    """A reporter whose emitter and backend are mocks."""

    def setUp(self) -> None:
        """Report to a mock."""
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.emitter = mock.create_autospec(emitter.Emitter, instance=True)
        self.backend = mock.create_autospec(emitter.Backend, instance=True)
        self.backend.name = base.BACKEND
        self.reporter = reporter.Reporter(self.emitter, self.backend,
                                          lambda: 0)

    def _report(self, states: list[Any], target: str | None = 'site-b',
                failover_id: str | None = base.REQUEST,
                group_id: str | None = None) -> reporter.Report:
        self.backend.read_state.side_effect = states
        return self.reporter.report(failover_id, target, group_id)

    def _later(self) -> payloads.Header:
        # What the emitter does in the background.
        _what, make = self.emitter.emit_later.mock_calls[0].args
        made: payloads.Header = make(lambda what, function: function())
        return made

    def _said(self) -> list[Any]:
        return [call.args for call in self.emitter.emit.mock_calls]


@ddt.ddt
class TestReporter(ReporterTestCase):
    """From the way through a failover to headers."""

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

    def test_the_log_tells_that_a_failover_begins(self) -> None:
        """From where to where, in one word for the primary."""
        self._report([base.PRIMARY]).started()
        self._report([base.SECONDARY], 'default').started()
        self._report([base.PRIMARY], None, group_id='g').started()
        begins = 'Failover %s of %%s begins: from %%s.' % base.REQUEST
        backend = 'backend %s' % base.BACKEND
        self.assertEqual([
            begins % (backend, 'primary to site-b'),
            begins % (backend, 'site-b to primary'),
            begins % ('group g of ' + backend,
                      'primary to the target that the driver chooses')],
            self.log.output.splitlines())

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

    @ddt.data(('started', 0), ('returned', 1), ('raised', 1, ValueError()))
    @ddt.unpack
    def test_a_database_that_cannot_be_read(
            self, step: str, announced: int, *args: Any) -> None:
        """Logged, not raised; how it ended is announced."""
        report = self._report([RuntimeError('gone')])
        getattr(report, step)(*args)
        self.assertEqual([], self._said())
        self.assertEqual(1, self.log.output.count('Could not report'))
        self.assertEqual(announced, self.emitter.announce.call_count)

    def test_an_emitter_that_raises(self) -> None:
        """Logged, not raised."""
        self.emitter.emit.side_effect = RuntimeError
        self.emitter.announce.side_effect = RuntimeError
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
        self.emitter.announce.assert_called_once_with()

    def test_rows_that_were_not_saved(self) -> None:
        """The backend has moved before Cinder stopped."""
        report = self._report([base.PRIMARY, base.SECONDARY])
        report.started()
        report.raised(ValueError())
        self.assertEqual('failed-over', self._said()[1][0].saved_status)

    def test_an_error_before_the_backend_has_moved(self) -> None:
        """Then no row has anything to tell."""
        report = self._report([base.PRIMARY, base.PRIMARY])
        report.started()
        report.raised(ValueError())
        self.assertIsNone(self._said()[1][0].saved_status)


@ddt.ddt
class TestGroup(ReporterTestCase):
    """A replication group: the record of the backend does not change."""

    @ddt.data('site-b', 'default', None)
    def test_group(self, target: str | None) -> None:
        """There and back; that nothing has moved is no failure."""
        report = self._report([base.PRIMARY] * 2, target, base.REQUEST,
                              base.GROUP)
        report.started()
        report.returned()
        (start, _), (end, with_volumes) = self._said()
        self.assertEqual(
            (notifications.START, notifications.END, True),
            (start.event_type, end.event_type, with_volumes))
        self.assertEqual({('group', base.GROUP, target)}, {
            (one.cause, one.group_id, one.target) for one in (start, end)})

    def test_an_error_of_a_group(self) -> None:
        """Cinder raises it; rows that stay failing-over tell themselves."""
        report = self._report([base.PRIMARY, base.SECONDARY], 'site-b',
                              base.REQUEST, base.GROUP)
        report.started()
        report.raised(ValueError())
        error = self._said()[1][0]
        self.assertEqual((notifications.ERROR, base.GROUP, None),
                         (error.event_type, error.group_id,
                          error.saved_status))


@ddt.ddt
class TestCluster(ReporterTestCase):
    """The member that leads reports, when its own driver has switched."""

    def test_end(self) -> None:
        """It is put together in the background, and waits for the driver."""
        report = self._report([base.PRIMARY, base.clustered(None),
                               base.clustered()])
        report.started()
        report.returned()
        self.assertEqual(1, len(self._said()))
        self.reporter.completed(base.REQUEST)
        end = self._later()
        self.assertEqual((notifications.END, None, 'cl@rbd'),
                         (end.event_type, end.reason, end.now.cluster))

    def test_waiting(self) -> None:
        """Whichever comes first, the rows or the driver."""
        self.reporter._completion_timeout = lambda: 60
        report = self._report([base.PRIMARY, base.clustered(None),
                               base.clustered()])
        report.started()
        report.returned()
        done: list[payloads.Header] = []
        waiting = threading.Thread(target=lambda: done.append(self._later()))
        waiting.start()
        self.addCleanup(waiting.join)
        self.assertEqual([], done)
        self.reporter.completed(base.REQUEST)
        waiting.join(10)
        self.assertEqual(notifications.END, done[0].event_type)

    @ddt.data((None, 'failing-over', 'has not switched'),
              ('site-b', 'error', 'could not switch'))
    @ddt.unpack
    def test_a_driver_that_does_not_switch(self, active: str | None,
                                           status: str, text: str) -> None:
        """An error, though the cluster has moved."""
        behind = base.clustered(active, status)
        report = self._report([base.PRIMARY, behind, behind])
        report.started()
        report.returned()
        error = self._later()
        self.assertEqual(notifications.ERROR, error.event_type)
        self.assertIn(text, error.reason or '')

    def test_an_error_of_the_driver(self) -> None:
        """There is nothing to wait for."""
        failed = dataclasses.replace(
            base.clustered(None), active_backend_id=None,
            replication_status='failover-error')
        report = self._report([base.PRIMARY, failed])
        report.started()
        report.returned()
        self.assertEqual(notifications.ERROR, self._said()[1][0].event_type)
        self.emitter.emit_later.assert_not_called()

    def test_members_that_do_not_lead(self) -> None:
        """They are told of a failover that is not theirs, and say nothing."""
        self.reporter.completed(base.REQUEST)
        self.reporter.completed(None)
        self.assertEqual([], self.emitter.mock_calls)

    def test_reports_are_forgotten(self) -> None:
        """Once nobody holds them."""
        report = self._report([])
        self.assertEqual([report], list(self.reporter._reports.values()))
        del report
        self.assertEqual([], list(self.reporter._reports.values()))

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

"""Turns the steps of the volume manager into notifications.

No function here raises an error, or waits for more than one row of the
database. An error is logged, and a listener learns about the failover from
Cinder's records instead.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses
import threading
import weakref

from oslo_context import context as oslo_context
from oslo_log import log as logging

from cinder_failover_hooks import emitter
from cinder_failover_hooks import notifications
from cinder_failover_hooks import payloads
from cinder_failover_hooks import retry
from cinder_failover_hooks import state
from cinder_failover_hooks import statuses

LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def _never_raises(what: str) -> Iterator[None]:
    try:
        yield
    except Exception:
        # Reporting must never make a failover of Cinder fail.
        LOG.exception('Could not report %s.', what)


@dataclasses.dataclass(frozen=True)
class Request:
    """A request to fail over.

    :param failover_id: id of the request
    :param target: ``secondary_backend_id`` of the request
    :param group_id: the replication group, None for the whole backend
    """

    failover_id: str
    target: str | None
    group_id: str | None = None


class Report:
    """Reports one failover from its start to its end.

    :param notifier: the emitter to use
    :param backend: the backend to report
    :param request: the request to fail over
    :param completion_timeout: seconds to wait until the driver of this
        service has switched
    """

    def __init__(self, notifier: emitter.Emitter, backend: emitter.Backend,
                 request: Request, completion_timeout: int) -> None:
        self._emitter = notifier
        self._backend = backend
        self._request = request
        self._completion_timeout = completion_timeout
        self._before = state.BackendState()
        self._switched = threading.Event()

    def started(self) -> None:
        """Report that the failover starts, before Cinder begins with it."""
        with _never_raises('the start of a failover'):
            self._before = self._backend.read_state()
            self._log_start()
            self._emitter.emit(
                self._header(notifications.START, self._before), False)

    def _log_start(self) -> None:
        request = self._request
        LOG.info('Failover %(id)s of %(subject)s begins: from %(old)s to '
                 '%(target)s.',
                 {'id': request.failover_id,
                  'subject': payloads.subject_of(self._backend.name,
                                                 request.group_id),
                  'old': statuses.called(self._before.active_backend_id),
                  'target': ('the target that the driver chooses'
                             if request.target is None
                             else statuses.called(request.target))})

    def returned(self) -> None:
        """Report the outcome of the failover, after Cinder has saved all rows.

        The failover of a cluster ends when the driver of this service has
        switched as well, which happens in another thread.
        """
        with self._announcing_on_error('the end of a failover'):
            after = self._backend.read_state()
            reason = self._failure(after)
            if after.member is None or reason or self._request.group_id:
                self._emitter.emit(self._outcome(after, reason), True)
            else:
                self._emitter.emit_later(
                    'end of failover %s' % self._request.failover_id,
                    self._outcome_once_switched)

    def raised(self, error: Exception) -> None:
        """Report that the failover raised an error.

        :param error: the error; the secrets in its text are masked
        """
        with self._announcing_on_error('the failure of a failover'):
            after = self._backend.read_state()
            self._emitter.emit(dataclasses.replace(
                self._outcome(after, state.masked(error)),
                saved_status=self._saved_status(after)), True)

    def switched(self) -> None:
        """Note that Cinder has told the driver of this service to switch."""
        self._switched.set()

    @contextlib.contextmanager
    def _announcing_on_error(self, what: str) -> Iterator[None]:
        with _never_raises(what):
            try:
                yield
            except Exception:
                # The announcement reads the state later and repeats reads.
                self._emitter.announce()
                raise

    def _failure(self, after: state.BackendState) -> str | None:
        if self._request.group_id:
            # Cinder raises the errors of a group failover.
            return None
        return state.failure_of(self._before, after, self._request.target)

    def _saved_status(self, after: state.BackendState) -> str | None:
        if self._request.group_id:
            return None
        return state.saved_status(self._before, after)

    def _outcome_once_switched(self, attempt: retry.Retry) -> payloads.Header:
        self._switched.wait(self._completion_timeout)
        after = attempt('reading the state', self._backend.read_state)
        return self._outcome(after, self._failure(after)
                             or state.member_not_switched(after))

    def _outcome(self, after: state.BackendState,
                 reason: str | None) -> payloads.Header:
        return self._header(
            notifications.ERROR if reason else notifications.END, after,
            reason)

    def _header(self, event_type: str, now: state.BackendState,
                reason: str | None = None) -> payloads.Header:
        request = self._request
        return payloads.Header(
            event_type=event_type,
            cause=state.cause_of(request.target, request.group_id),
            failover_id=request.failover_id, backend=self._backend.name,
            old=self._before.active_backend_id, now=now, reason=reason,
            target=request.target, group_id=request.group_id)


class Reporter:
    """Reports the failovers of one backend.

    :param notifier: the emitter to use
    :param backend: the backend to report
    :param completion_timeout: function that returns the seconds to wait
        until the driver of this service has switched, after the cluster has
        failed over
    """

    def __init__(self, notifier: emitter.Emitter, backend: emitter.Backend,
                 completion_timeout: Callable[[], int]) -> None:
        self.emitter = notifier
        self._backend = backend
        self._completion_timeout = completion_timeout
        #: reports by failover id, as long as the volume manager holds them
        self._reports: weakref.WeakValueDictionary[str, Report] = (
            weakref.WeakValueDictionary())

    def report(self, failover_id: str | None, target: str | None,
               group_id: str | None = None) -> Report:
        """Return the report of a new failover.

        :param failover_id: id of the request, None to generate one
        :param target: ``secondary_backend_id`` of the request
        :param group_id: the replication group, None for the whole backend
        :returns: the report; its methods follow the steps of the failover
        """
        request = Request(failover_id or oslo_context.generate_request_id(),
                          target, group_id)
        made = Report(self.emitter, self._backend, request,
                      self._completion_timeout())
        self._reports[request.failover_id] = made
        return made

    def completed(self, failover_id: str | None) -> None:
        """Note that Cinder has told the driver of this service to switch.

        :param failover_id: id of the request; it is ignored if another member
            of the cluster runs that failover
        """
        with _never_raises('the completion of a failover'):
            report = self._reports.get(failover_id or '')
            if report:
                report.switched()

    def announce(self) -> None:
        """Announce the state of the backend and of its groups."""
        with _never_raises('the state of the backend'):
            self.emitter.announce()

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

"""Turns what the volume manager goes through into notifications.

Nothing here raises, or waits for more than one row of the database: whatever
goes wrong is logged, and a listener learns of the failover from Cinder's
records instead.
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

LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def _harmless(what: str) -> Iterator[None]:
    try:
        yield
    except Exception:
        # The boundary to Cinder: reporting must never fail a failover.
        LOG.exception('Could not report %s.', what)


@dataclasses.dataclass(frozen=True)
class Request:
    """What Cinder was asked to do.

    :param failover_id: id of the request
    :param target: ``secondary_backend_id`` of the request
    :param group_id: the replication group, None for the whole backend
    """

    failover_id: str
    target: str | None
    group_id: str | None = None


class Report:
    """What is said about one failover, from its start to its end.

    :param notifier: the emitter to use
    :param backend: what is reported
    :param request: what Cinder was asked to do
    :param patience: seconds to wait for the own driver to switch
    """

    def __init__(self, notifier: emitter.Emitter, backend: emitter.Backend,
                 request: Request, patience: int) -> None:
        self._emitter = notifier
        self._backend = backend
        self._request = request
        self._patience = patience
        self._before = state.BackendState()
        self._switched = threading.Event()

    def started(self) -> None:
        """Say that the failover starts, before anything of it is done."""
        with _harmless('the start of a failover'):
            self._before = self._backend.read_state()
            self._emitter.emit(
                self._header(notifications.START, self._before), False)

    def returned(self) -> None:
        """Say how the failover ended, after all its rows are saved.

        A clustered one has ended when the driver of this process has
        switched, too, which another thread does.
        """
        with self._announced_otherwise('the end of a failover'):
            after = self._backend.read_state()
            reason = self._failure(after)
            if after.member is None or reason or self._request.group_id:
                self._emitter.emit(self._outcome(after, reason), True)
            else:
                self._emitter.emit_later(
                    'end of failover %s' % self._request.failover_id,
                    self._outcome_once_switched)

    def raised(self, error: Exception) -> None:
        """Say that the failover raised.

        :param error: what it raised; its text is masked
        """
        with self._announced_otherwise('the failure of a failover'):
            after = self._backend.read_state()
            self._emitter.emit(dataclasses.replace(
                self._outcome(after, state.masked(error)),
                expected=self._unsaved(after)), True)

    def switched(self) -> None:
        """Take note that the driver of this process was told to switch."""
        self._switched.set()

    @contextlib.contextmanager
    def _announced_otherwise(self, what: str) -> Iterator[None]:
        with _harmless(what):
            try:
                yield
            except Exception:
                # It reads the state again, later and more than once.
                self._emitter.announce()
                raise

    def _failure(self, after: state.BackendState) -> str | None:
        if self._request.group_id:
            # Cinder raises what goes wrong with a group.
            return None
        return state.failure_of(self._before, after, self._request.target)

    def _unsaved(self, after: state.BackendState) -> str | None:
        if self._request.group_id:
            return None
        return state.unsaved(self._before, after)

    def _outcome_once_switched(self, attempt: retry.Retry) -> payloads.Header:
        self._switched.wait(self._patience)
        after = attempt('reading the state', self._backend.read_state)
        return self._outcome(
            after, self._failure(after) or state.lagging(after))

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
    :param backend: what is reported
    :param patience: returns the seconds to wait for the own driver to switch
        once the failover of a cluster is done
    """

    def __init__(self, notifier: emitter.Emitter, backend: emitter.Backend,
                 patience: Callable[[], int]) -> None:
        self.emitter = notifier
        self._backend = backend
        self._patience = patience
        #: reports by their failover ids, for as long as somebody needs them
        self._reports: weakref.WeakValueDictionary[str, Report] = (
            weakref.WeakValueDictionary())

    def report(self, failover_id: str | None, target: str | None,
               group_id: str | None = None) -> Report:
        """Begin to report a failover.

        :param failover_id: id of the request, a new one is made for None
        :param target: ``secondary_backend_id`` of the request
        :param group_id: the replication group, None for the whole backend
        :returns: what to tell of the failover as it proceeds
        """
        request = Request(failover_id or oslo_context.generate_request_id(),
                          target, group_id)
        made = Report(self.emitter, self._backend, request, self._patience())
        self._reports[request.failover_id] = made
        return made

    def completed(self, failover_id: str | None) -> None:
        """Take note that the driver of this process was told to switch.

        :param failover_id: id of the request; nothing is done if another
            member of the cluster has led that failover
        """
        with _harmless('the completion of a failover'):
            report = self._reports.get(failover_id or '')
            if report:
                report.switched()

    def announce(self) -> None:
        """Announce the state of the backend and of its groups."""
        with _harmless('the state of the backend'):
            self.emitter.announce()

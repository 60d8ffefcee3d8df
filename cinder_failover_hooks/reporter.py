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

from oslo_context import context as oslo_context
from oslo_log import log as logging

from cinder_failover_hooks import emitter
from cinder_failover_hooks import notifications
from cinder_failover_hooks import objects
from cinder_failover_hooks import payloads
from cinder_failover_hooks import state

LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def _harmless(what: str) -> Iterator[None]:
    try:
        yield
    except Exception:
        # The boundary to Cinder: reporting must never fail a failover.
        LOG.exception('Could not report %s.', what)


class Report:
    """What is said about one failover, from its start to its end.

    :param emit: ``Emitter.emit``
    :param read: reads the state of the backend
    :param backend: ``host@backend``
    :param failover_id: id of the request
    :param target: ``secondary_backend_id`` of the request
    """

    def __init__(self, emit: Callable[[payloads.Header, bool], None],
                 read: Callable[[], state.BackendState], backend: str,
                 failover_id: str, target: str | None) -> None:
        self._emit = emit
        self._read = read
        self._backend = backend
        self._failover_id = failover_id
        self._target = target
        self._before = state.BackendState()

    def started(self) -> None:
        """Say that the failover starts, before anything of it is done."""
        with _harmless('the start of a failover'):
            self._before = self._read()
            self._say(notifications.START, self._before, None)

    def returned(self) -> None:
        """Say how the failover ended, after all its rows are saved."""
        with _harmless('the end of a failover'):
            after = self._read()
            reason = state.failure_of(self._before, after, self._target)
            self._say(notifications.ERROR if reason else notifications.END,
                      after, reason)

    def raised(self, error: Exception) -> None:
        """Say that the failover raised.

        :param error: what it raised; its text is masked
        """
        with _harmless('the failure of a failover'):
            self._say(notifications.ERROR, self._read(), state.masked(error))

    def _say(self, event_type: str, now: state.BackendState,
             reason: str | None) -> None:
        self._emit(
            payloads.Header(
                event_type=event_type, cause=state.cause_of(self._target),
                failover_id=self._failover_id, backend=self._backend,
                old=self._before.active_backend_id, now=now, reason=reason),
            event_type != notifications.START)


class Reporter:
    """Reports the failovers of one backend.

    :param notifier: the emitter to use
    :param backend: what is reported
    """

    def __init__(self, notifier: emitter.Emitter,
                 backend: emitter.Backend) -> None:
        self.emitter = notifier
        self._backend = backend

    def report(self, failover_id: str | None, target: str | None) -> Report:
        """Begin to report a failover.

        :param failover_id: id of the request, a new one is made for None
        :param target: ``secondary_backend_id`` of the request
        :returns: what to tell of the failover as it proceeds
        """
        return Report(self.emitter.emit, self._backend.read_state,
                      self._backend.name,
                      failover_id or oslo_context.generate_request_id(),
                      target)

    def announce(self) -> None:
        """Announce the state of the backend, without its volumes."""
        failover_id = oslo_context.generate_request_id()

        def make(now: state.BackendState) -> payloads.Header:
            return payloads.Header(
                event_type=notifications.ANNOUNCE,
                cause=str(objects.Cause.ANNOUNCEMENT),
                failover_id=failover_id, backend=self._backend.name,
                old=None, now=now)

        with _harmless('the state of the backend'):
            self.emitter.emit_later(notifications.ANNOUNCE, failover_id, make)

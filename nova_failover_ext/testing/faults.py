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

"""Calls to Cinder that fail, come late, or lose their answer, and their log.

A test says what happens to which call; everything else is answered as ever::

    faults.fail(Call.ATTACHMENT_UPDATE, 'timeout', times=1, done=True)
    held = faults.hold(Call.SHOW_VOLUME)
    ...
    held.wait()
    held.release()
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses
import enum
import threading

from cinderclient import exceptions as client_exceptions
from keystoneauth1 import exceptions as keystone_exceptions
import requests

#: Seconds after which a call that nobody releases, or that nobody makes,
#: fails the test.
PATIENCE = 60
_URL = 'http://cinder.example/v3'


class Call(enum.StrEnum):
    """What can be asked of Cinder."""

    SHOW_VOLUME = 'show volume'
    LIST_VOLUMES = 'list volumes'
    ENCRYPTION = 'show encryption'
    INITIALIZE_CONNECTION = 'initialize_connection'
    TERMINATE_CONNECTION = 'terminate_connection'
    BEGIN_DETACHING = 'begin_detaching'
    ROLL_DETACHING = 'roll_detaching'
    DETACH = 'detach'
    RESET_STATUS = 'reset_status'
    SHOW_ATTACHMENT = 'show attachment'
    LIST_ATTACHMENTS = 'list attachments'
    ATTACHMENT_CREATE = 'attachment_create'
    ATTACHMENT_UPDATE = 'attachment_update'
    ATTACHMENT_COMPLETE = 'attachment_complete'
    ATTACHMENT_DELETE = 'attachment_delete'
    LIST_SERVICES = 'list services'
    FAILOVER_HOST = 'failover_host'
    CAPABILITIES = 'show capabilities'
    LIST_VERSIONS = 'list versions'
    #: Not a request: what Cinder then asks of the driver. If it fails,
    #: attachment_update and initialize_connection answer 500.
    DRIVER = 'driver'


def refusal(status: int, message: str = 'told to by the test'
            ) -> client_exceptions.ClientException:
    """Return what cinderclient raises for an HTTP status.

    :param status: such as 409
    :param message: the explanation that Cinder gives
    """
    response = requests.Response()
    response.status_code = status
    return client_exceptions.from_response(
        response, {'fault': {'code': status, 'message': message}})


#: What can go wrong, by name: each makes a new exception, as cinderclient
#: raises it. The last two are keystoneauth's, which it lets through.
ERRORS: dict[str, Callable[[], Exception]] = {
    '400': lambda: refusal(400),
    '401': lambda: refusal(401),
    '403': lambda: refusal(403),
    '404': lambda: refusal(404),
    '409': lambda: refusal(409),
    '500': lambda: refusal(500),
    '503': lambda: refusal(503),
    '504': lambda: refusal(504),
    'connection': lambda: keystone_exceptions.ConnectFailure(
        f'Unable to establish connection to {_URL}: refused'),
    'timeout': lambda: keystone_exceptions.ConnectTimeout(
        f'Request to {_URL} timed out'),
}


@dataclasses.dataclass
class Logged:
    """A call that was made.

    :ivar call: what was asked
    :ivar volume_id: about which volume, empty for none
    :ivar attachment_id: about which attachment, empty for none
    :ivar outcome: ``pending``, ``answered``, or the name of the exception's
        class
    """

    call: Call
    volume_id: str = ''
    attachment_id: str = ''
    outcome: str = 'pending'


class Held:
    """Calls that get no answer until a test lets them go."""

    def __init__(self) -> None:
        """Nobody has called yet."""
        self.reached = threading.Event()
        self.released = threading.Event()

    def wait(self, timeout: float = PATIENCE) -> None:
        """Wait until a call is held.

        :param timeout: seconds
        :raises TimeoutError: if none comes
        """
        if not self.reached.wait(timeout):
            raise TimeoutError('the call to be held was not made')

    def release(self) -> None:
        """Let the held calls, and those that come, have their answer."""
        self.released.set()

    def hold(self) -> None:
        """Block the caller.

        :raises TimeoutError: if the test forgets it
        """
        self.reached.set()
        if not self.released.wait(PATIENCE):
            raise TimeoutError('the held call was not released')


@dataclasses.dataclass
class _Fault:
    act: Callable[[], None]
    call: Call
    volume_id: str
    left: float
    done: bool

    def meets(self, logged: Logged) -> bool:
        return (self.left > 0 and self.call == logged.call and
                self.volume_id in ('', logged.volume_id))


class Faults:
    """What happens to the calls, and a log of them.

    :ivar log: all calls, oldest first
    """

    def __init__(self) -> None:
        """Every call is answered."""
        self.log: list[Logged] = []
        self._faults: list[_Fault] = []
        self._held: list[Held] = []
        self._lock = threading.Lock()

    def fail(self, call: str, error: str | Exception = '500',
             times: float = float('inf'), volume_id: str = '',
             done: bool = False) -> None:
        """Let a call fail.

        Nova itself repeats attachment_update and attachment_delete up to
        five times on 500 and 504.

        :param call: a :class:`Call`
        :param error: a key of :data:`ERRORS`, or the exception to raise
        :param times: how often; for good if left out
        :param volume_id: only for this volume; for all if empty
        :param done: Cinder does what it was asked, only its answer is lost
        """
        make = ERRORS[error] if isinstance(error, str) else lambda: error

        def act() -> None:
            raise make()

        self._add(_Fault(act, Call(call), volume_id, times, done))

    def hold(self, call: str, times: float = 1, volume_id: str = '',
             done: bool = False) -> Held:
        """Let the answer to a call come late.

        :param call: a :class:`Call`
        :param times: how many calls are held
        :param volume_id: only for this volume; for all if empty
        :param done: Cinder does what it was asked before, not after, the wait
        :returns: what to wait for, and how to let the calls go
        """
        held = Held()
        self._held.append(held)
        self._add(_Fault(held.hold, Call(call), volume_id, times, done))
        return held

    def clear(self) -> None:
        """Mend everything and let all held calls go; the log is kept."""
        with self._lock:
            self._faults.clear()
        while self._held:
            self._held.pop().release()

    def made(self, call: str, volume_id: str = '') -> list[Logged]:
        """Return the calls of one kind that were made.

        :param call: a :class:`Call`
        :param volume_id: only about this volume; about any if empty
        """
        return [logged for logged in list(self.log) if logged.call == call and
                volume_id in ('', logged.volume_id)]

    @contextlib.contextmanager
    def around(self, call: Call, volume_id: str = '',
               attachment_id: str = '') -> Iterator[None]:
        """Log a call, and let happen to it what a test wants to happen.

        :param call: what is asked
        :param volume_id: about which volume
        :param attachment_id: about which attachment
        """
        logged = Logged(call, volume_id, attachment_id)
        fault = self._meet(logged)
        try:
            if fault and not fault.done:
                fault.act()
            yield
            if fault and fault.done:
                fault.act()
        except BaseException as error:
            logged.outcome = type(error).__name__
            raise
        logged.outcome = 'answered'

    def _add(self, fault: _Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def _meet(self, logged: Logged) -> _Fault | None:
        with self._lock:
            self.log.append(logged)
            for fault in self._faults:
                if fault.meets(logged):
                    fault.left -= 1
                    return fault
        return None

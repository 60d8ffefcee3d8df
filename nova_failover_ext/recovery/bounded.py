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

"""Runs calls that may hang for ever, and gives up waiting in time."""

from collections.abc import Callable, Hashable
import concurrent.futures
import threading
from typing import Any, TypeVar

from oslo_utils import timeutils

_R = TypeVar('_R')
_INTERVAL = 0.2


class TimedOut(Exception):
    """The call did not come back in time; it may still be hanging."""


def call(function: Callable[..., _R], timeout: float, *args: Any) -> _R:
    """Call ``function`` and wait for it no longer than ``timeout``.

    Each call gets a thread of its own, so that one that hangs (a flush of a
    dead multipath device, an unmount of a dead share) holds up no other.

    :param function: what to call, with the remaining arguments
    :param timeout: seconds
    :returns: what the function returned
    :raises TimedOut: if it did not come back in time
    """
    return _result(_start(function, *args), timeout)


def wait_until_empty(answer: Callable[[], str], timeout: float) -> str:
    """Ask until the answer is empty.

    :param answer: what says what is left
    :param timeout: seconds
    :returns: the last answer
    """
    with timeutils.StopWatch(timeout) as watch:
        left = answer()
        while left and not watch.expired():
            threading.Event().wait(_INTERVAL)
            left = answer()
    return left


class Calls:
    """Calls of which no second one starts while the first still hangs."""

    def __init__(self) -> None:
        """Nothing hangs yet."""
        self._lock = threading.Lock()
        self._running: dict[Hashable, concurrent.futures.Future[Any]] = {}

    def call(self, key: Hashable, function: Callable[..., _R],
             timeout: float, *args: Any) -> _R:
        """Call ``function`` as :func:`call` does, but once at a time.

        :param key: names what is worked on
        :param function: what to call, with the remaining arguments
        :param timeout: seconds
        :returns: what the function returned
        :raises TimedOut: if it, or an earlier call, did not come back
        """
        with self._lock:
            if self._hangs(key):
                raise TimedOut('an earlier call still hangs')
            future = _start(function, *args)
            self._running[key] = future
        return _result(future, timeout)

    def hangs(self, key: Hashable) -> bool:
        """Return whether a call for ``key`` has not come back yet."""
        with self._lock:
            return self._hangs(key)

    def _hangs(self, key: Hashable) -> bool:
        # Whoever looks clears away what has come back meanwhile.
        self._running = {key: future for key, future in self._running.items()
                         if not future.done()}
        return key in self._running


def _start(function: Callable[..., _R],
           *args: Any) -> 'concurrent.futures.Future[_R]':
    # Not an executor: those join their threads when the process ends, and
    # nova-compute could not be stopped while a call hangs.
    future: concurrent.futures.Future[_R] = concurrent.futures.Future()
    threading.Thread(target=_run, args=(future, function, args),
                     name='failover-bounded', daemon=True).start()
    return future


def _run(future: 'concurrent.futures.Future[_R]',
         function: Callable[..., _R], args: tuple[Any, ...]) -> None:
    try:
        future.set_result(function(*args))
    # It is raised again where the result is wanted.
    except BaseException as error:  # noqa: BLE001
        future.set_exception(error)


def _result(future: 'concurrent.futures.Future[_R]', timeout: float) -> _R:
    try:
        return future.result(timeout=timeout)
    except concurrent.futures.TimeoutError as error:
        if future.done():
            return future.result()
        raise TimedOut(f'no answer within {timeout:g} seconds') from error

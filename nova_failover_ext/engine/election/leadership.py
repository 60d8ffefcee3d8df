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

"""Leads or follows: of several engines, the holder of one lock acts.

This is about pace and order only. That no server is recovered twice at once
is the compute hosts' care, so a moment with two leaders does no harm, and
none is needed to heal what a host is at work on.
"""

from collections.abc import Callable
import random
import re
import threading
import time
from typing import Protocol

from oslo_log import log as logging
import tooz

LOG = logging.getLogger(__name__)

#: Parts of the interval by which a pause is shorter or longer.
JITTER = 0.2
#: Failed proofs after which another may be thought to lead.
PATIENCE = 2

_USERINFO = re.compile(r'//[^/\s]*@')


class Lock(Protocol):
    """What is used of tooz's locks."""

    def acquire(self, blocking: bool = True) -> bool:
        """Take it; with ``blocking=False``, if nobody has it."""

    def is_still_owner(self) -> bool:
        """Whether it is ours, as whoever keeps it knows."""

    def release(self) -> bool:
        """Give it back, or let go of what is left of it."""


class Leadership:
    """Keeps one lock, in a thread of its own, or tries to get it."""

    def __init__(self, make_lock: Callable[[], Lock | None], interval: float,
                 timeout: float, lead: Callable[[], None],
                 follow: Callable[[], None],
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Remember what to do; nothing is started.

        :param make_lock: makes a lock that has not been acquired; None from
            it means that there are no others to agree with
        :param interval: seconds between two checks of the lock
        :param timeout: seconds for which one proof that the lock is ours
            lasts; several times the interval
        :param lead: called in the thread of this object, when leadership is
            gained. It must not wait for anything: no proof is made
            meanwhile. Where it raises, leadership is out of retries again
        :param follow: called likewise when leadership is lost or released,
            not at the start. What is begun after it would be begun twice
        :param clock: monotonic seconds
        """
        self._make_lock = make_lock
        self._interval = interval
        self._timeout = timeout
        self._lead = lead
        self._follow = follow
        self._clock = clock
        self._lock: Lock | None = None
        self._alone = False
        self._leading = False
        self._proven = 0.0
        self._since = 0.0
        self._failures = 0
        self._said = ''
        self._release = True
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def leading(self) -> bool:
        """Whether this engine may act now.

        It turns false by the clock alone, so it holds for a process that
        was stopped for a while, before :meth:`step` comes to its turn.
        """
        return self._leading and not self._overdue()

    @property
    def since(self) -> float:
        """When leadership was gained, on the clock; 0.0 for a follower."""
        return self._since if self.leading else 0.0

    def start(self) -> None:
        """Begin to check the lock."""
        self._thread = threading.Thread(
            target=self._run, name='failover-leadership', daemon=True)
        self._thread.start()

    def stop(self, release: bool = True) -> None:
        """Follow, and let another lead at once.

        :param release: False leaves the lock to expire with the process
        """
        self._release = release
        self._stopping.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(self._timeout)

    def step(self) -> None:
        """Check the lock once, and act on the result."""
        if self._leading and self._overdue():
            LOG.warning('Nothing has proven for %s seconds that this engine '
                        'leads; it follows', self._timeout)
            self._step_down()
            # tooz refuses a lock that it believes to be acquired already.
            self._drop()
        if not self._leading:
            self._campaign()
        elif not self._alone:
            self._defend()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.step()
            self._stopping.wait(
                self._interval * random.uniform(1 - JITTER, 1 + JITTER))
        if self._leading:
            self._step_down()
        if self._release:
            self._drop()

    def _overdue(self) -> bool:
        return (not self._alone
                and self._clock() - self._proven > self._timeout)

    def _campaign(self) -> None:
        if self._taken():
            self._take_over()

    def _take_over(self) -> None:
        self._leading = True
        self._since = self._proven
        LOG.info('This engine acquired leadership')
        try:
            self._lead()
        except Exception:
            LOG.exception('This engine could not begin to lead; it follows')
            self._step_down()
            self._drop()

    def _defend(self) -> None:
        # A lost session is no loss of leadership yet: a new one gets the
        # lock, unless another engine was faster.
        if self._owned():
            return
        self._drop()
        taken = self._taken()
        if taken:
            LOG.info('This engine acquired its lock again and keeps '
                     'leadership')
            self._failures = 0
            return
        self._failures += 1
        if taken is False or self._failures >= PATIENCE:
            LOG.warning('Another engine leads, or none can; this engine '
                        'stops acting')
            self._step_down()

    def _step_down(self) -> None:
        self._leading = False
        self._failures = 0
        try:
            self._follow()
        except Exception:
            LOG.exception('Some of the engine could not be stopped')

    def _owned(self) -> bool:
        """Whether the lock that we have is ours; no answer is no proof."""
        began = self._clock()
        try:
            owned = self._lock is not None and self._lock.is_still_owner()
        except Exception as error:  # noqa: BLE001
            self._report(error)
            return False
        if owned:
            self._proven, self._said = began, ''
        return owned

    def _taken(self) -> bool | None:
        """Whether the lock could be got; None where nobody can tell."""
        began = self._clock()
        try:
            if self._lock is None:
                self._lock = self._make_lock()
            self._alone = self._lock is None
            taken = (self._lock is None
                     or self._lock.acquire(blocking=False))
        except Exception as error:  # noqa: BLE001
            self._report(error)
            self._drop()
            return None
        self._said = ''
        if taken:
            self._proven = began
        return taken

    def _drop(self) -> None:
        lock, self._lock = self._lock, None
        try:
            if lock is not None:
                lock.release()
        except Exception as error:  # noqa: BLE001
            self._report(error)

    def _report(self, error: Exception) -> None:
        # Drivers raise what their libraries do, and the thread may not end.
        # Of an unknown exception not even the text can be trusted: a URL
        # that cannot be parsed is in it, and so is the password.
        text = type(error).__name__
        if isinstance(error, tooz.ToozError):
            text = f'{text}: {_USERINFO.sub("//", str(error))}'
        level = logging.DEBUG if text == self._said else logging.WARNING
        self._said = text
        LOG.log(level, 'The lock of the leading engine cannot be reached: '
                '%s', text)

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


"""The nova-compute under test, as a process that can be killed.

A killed process does nothing any more: from the moment of the kill every
seam raises what no ``except Exception`` catches, and whatever a ``finally``
tries comes to nothing. What it had done before stays: the database, Cinder,
the guests and the host's connections.
"""

import functools
import threading

import fixtures

from nova_failover_ext.compute import endpoint
from nova_failover_ext.compute import manager
from nova_failover_ext.recovery import startup_recovery

#: Seconds until a wait has failed.
PATIENCE = 60


class Killed(BaseException):
    """The process was killed before this."""


class Died(Exception):
    """What a caller gets to know of that: no answer."""


class Recording:
    """A listener that lets everything through and remembers it.

    :ivar calls: each :class:`crash_seams.Call`
    :ivar dead: whether the process has been killed
    """

    dead = False

    def __init__(self):
        self.calls = []

    def __call__(self, call, run):
        self.calls.append(call)
        return run()

    @property
    def acts(self):
        """The calls that changed something."""
        return [call for call in self.calls if not call.asks]

    def ended(self):
        """The work has been done."""


class Kill(Recording):
    """A listener that kills the process after so many acts."""

    def __init__(self, after):
        super().__init__()
        self._after = after
        self._lock = threading.Lock()

    def __call__(self, call, run):
        with self._lock:
            self.dead = self.dead or (
                not call.asks and len(self.acts) == self._after)
            if self.dead:
                raise Killed(str(call))
            self.calls.append(call)
        return run()

    def ended(self):
        """It had done all, and dies before it can say so."""
        self.dead = True


class Process(fixtures.Fixture):
    """Listens at the seams while nova-compute does the work in question.

    What the API does at the same time is not listened to.
    """

    def __init__(self, seams):
        super().__init__()
        self._seams = seams
        self._changed = threading.Condition()
        self._listener = None
        self._begun = self._busy = 0

    def _setUp(self):
        for owner, name in (
                (endpoint.FailoverEndpoint, 'recover_server'),
                (manager.FailoverComputeManager, 'start_instance'),
                (manager.FailoverComputeManager, 'reboot_instance'),
                (startup_recovery.StartupRecovery, '_recover')):
            self.useFixture(fixtures.MockPatchObject(
                owner, name, new=self._watched(getattr(owner, name))))

    def arm(self, listener):
        """Listen to what begins from now on."""
        with self._changed:
            self._listener = listener
            self._begun = 0

    def wait(self):
        """Wait until what has begun since has ended."""
        with self._changed:
            if not self._changed.wait_for(
                    lambda: self._begun and not self._busy, PATIENCE):
                raise AssertionError('nova-compute does not come to an end')

    def disarm(self):
        """Listen no more."""
        with self._changed:
            self._listener = self._seams.listener = None

    def revive(self):
        """Start a new process; what was killed stays dead until here."""
        if self._listener is not None and self._listener.dead:
            self.disarm()

    def _watched(self, original):
        # Only who asked for a recovery waits for an answer.
        answers = original.__name__ == 'recover_server'

        @functools.wraps(original)
        def work(*args, **kwargs):
            self._enter()
            try:
                result = original(*args, **kwargs)
                self._ended()
                return result
            except Killed as error:
                if answers:
                    raise Died from error
            finally:
                self._leave()

        return work

    def _enter(self):
        with self._changed:
            self._begun += 1
            self._busy += 1
            self._seams.listener = self._listener

    def _ended(self):
        if self._listener is not None:
            self._listener.ended()
            if self._listener.dead:
                raise Killed('before the answer')

    def _leave(self):
        with self._changed:
            self._busy -= 1
            if not self._busy and not (
                    self._listener and self._listener.dead):
                self._seams.listener = None
            self._changed.notify_all()

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


"""Disturbs the calls of a recovery to the world, one at a time.

The calls are those of a recovery that was not disturbed, which is recorded
first; so a call that is new has its place in the matrix at once.
"""

import enum
import functools
import re
import threading

import fixtures
from keystoneauth1 import exceptions as keystone_exceptions
from nova import objects
from nova.tests.fixtures import libvirt as fakelibvirt
from os_brick import exception as brick_exception
from oslo_concurrency import processutils
import oslo_messaging as messaging

from nova_failover_ext.testing import cinder_records
from nova_failover_ext.tests.functional.recovery import crash_process
from nova_failover_ext.tests.functional.recovery import crash_scenes
from nova_failover_ext.tests.functional.recovery import crash_seams

Outcome = crash_scenes.Outcome

#: Seconds until a recovery counts as one that hangs; its own bounds are 1.
PATIENCE = 20


class How(enum.Enum):
    """What happens to a call."""

    #: It fails at once, with nothing done.
    FAILS = 'fails'
    #: Nobody answers in time, and nothing is done.
    TIMES_OUT = 'times out'
    #: It is done, but the answer does not come.
    LOST = 'answer lost'
    #: It is done and answered, but late.
    LATE = 'late'


class Fault(crash_process.Recording):
    """A listener that disturbs one call.

    :ivar reached: set when the call was made
    :ivar go_on: set by the test to let what hangs come to its end
    :ivar done: set when what hung has come to its end
    """

    def __init__(self, number, how, secret):
        super().__init__()
        self._number = number
        self._how = how
        self._secret = secret
        self._lock = threading.Lock()
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.done = threading.Event()

    @property
    def waits_for_the_test(self):
        """Whether nothing but the test ends the wait for the answer."""
        return self._how is How.LATE and (
            self.calls[self._number].kind != crash_seams.BRICK)

    def __call__(self, call, run):
        with self._lock:
            hit = len(self.calls) == self._number or self._repeats(call)
            self.calls.append(call)
        return self._disturb(call, run) if hit else run()

    def _repeats(self, call):
        # Nova tries some calls to Cinder several times in a row.
        return (self._how is How.FAILS and call.kind == crash_seams.CINDER and
                len(self.calls) > self._number and
                set(self.calls[self._number:]) == {call})

    def _disturb(self, call, run):
        self.reached.set()
        try:
            if self._how is How.FAILS:
                raise _failure(call, self._secret)
            if self._how is How.LOST:
                run()
                raise _time_out(call.kind, self._secret)
            if self._how is How.TIMES_OUT:
                raise _time_out(call.kind, self._secret)
            self.go_on.wait(PATIENCE)
            return run()
        finally:
            self.done.set()


def _failure(call, secret):
    text = f'went wrong with auth_password={secret}'
    # It does not raise, os-brick takes such errors for a no.
    if call.name == 'check_valid_device':
        return OSError(text)
    return {
        crash_seams.CINDER: cinder_records.Refused(500, text),
        crash_seams.LIBVIRT: fakelibvirt.make_libvirtError(
            fakelibvirt.libvirtError, text,
            error_code=fakelibvirt.VIR_ERR_INTERNAL_ERROR),
        crash_seams.BRICK: processutils.ProcessExecutionError(
            stderr=text, cmd=f'brick {secret}', exit_code=1),
        crash_seams.CONDUCTOR: messaging.RemoteError('DBError', text),
    }[call.kind]


def _time_out(kind, secret):
    text = f'no answer with auth_password={secret}'
    return {
        crash_seams.CINDER: keystone_exceptions.ConnectTimeout(text),
        crash_seams.LIBVIRT: fakelibvirt.make_libvirtError(
            fakelibvirt.libvirtError, text,
            error_code=fakelibvirt.VIR_ERR_OPERATION_TIMEOUT),
        crash_seams.BRICK: brick_exception.VolumeDeviceNotFound(device=text),
        crash_seams.CONDUCTOR: messaging.MessagingTimeout(text),
    }[kind]


# What a reason calls the calls.
_WORDS = {
    (crash_seams.BRICK, 'connect_volume'): ('connect', 'power_on'),
    (crash_seams.BRICK, 'disconnect_volume'): ('disconnect', 'power_on'),
    (crash_seams.BRICK, 'check_valid_device'): ('cannot be reached',),
    (crash_seams.BRICK, 'get_connector_properties'): ('connector',),
}
# For libvirt and the conductor it is the step that counts.
_STEP = (r'step (?!unexpected)\w+:|the hypervisor does not say|'
         'task_state cannot be cleared')


def names(reason, call):
    """Tell whether a reason names a call that went wrong."""
    if call.kind in (crash_seams.LIBVIRT, crash_seams.CONDUCTOR):
        return bool(re.search(_STEP, reason))
    return any(word in reason for word in _WORDS.get(
        (call.kind, call.name), (call.name,)))


def _makes_sense(call, how):
    if call.kind == crash_seams.CONDUCTOR:
        return how in (How.FAILS, How.LOST)
    # An answer that is lost is as one that never came, where nothing was
    # done, and libvirt's answers come from the same host.
    return not call.asks or not (
        how is How.LOST or
        (how is How.LATE and call.kind == crash_seams.LIBVIRT))


def _is_common(call):
    return call.kind == crash_seams.CONDUCTOR or (
        call.asks and call.kind == crash_seams.LIBVIRT)


class FaultTestBase(crash_scenes.SceneTestBase):
    """Tests that disturb one call of a recovery."""

    def setUp(self):
        super().setUp()
        self.flags(reach_timeout=1, disconnect_timeout=1, connect_timeout=1,
                   guest_agent_timeout=1, group='failover_compute')
        self.logged = self.useFixture(fixtures.FakeLogger(
            'nova_failover_ext', nuke_handlers=False))

    def matrix(self, scene, brief=False):
        """Disturb every call of one scene, and show the table.

        :param brief: only what the recovery does, and what Cinder is asked
        """
        self.arrange(scene)
        recording, power_ons = self.undisturbed()
        calls = recording.calls
        cases = [
            ((number, calls[number], how.value), functools.partial(
                self._case, number, how, calls, power_ons))
            for number, how in self._cases(calls)
            if not (brief and _is_common(calls[number]))]
        self.try_all('Fault matrix', [
            '', 'call', 'how', 'outcome', 'reason', 'guest', 'passes'],
            'outcome', cases)
        self.clear()

    def _cases(self, calls):
        return [(number, how) for number, call in enumerate(calls)
                for how in How if _makes_sense(call, how)]

    def _case(self, number, how, calls, power_ons):
        self.fail_over()
        self.logged.reset_output()
        before = self._guest()
        fault = Fault(number, how, self.cinder.secret)
        self.addCleanup(fault.go_on.set)
        result = self._disturbed(fault)
        self.assertEqual(str(calls[number]), str(fault.calls[number]))
        untouched = before == self._guest()
        self._assert_told(result, calls[number])
        fault.go_on.set()
        self.assertTrue(fault.done.wait(PATIENCE))
        passes = self.heal() + self._restart(calls[number])
        self.assert_converged()
        self.assertLessEqual(self.power_ons(), power_ons + 1)
        return [result.outcome.value, result.reason.replace('\n', ' ')[:100],
                'as it was' if untouched else 'touched',
                ', '.join(passes) or 'none']

    def _restart(self, call):
        # Without a conductor a recovery cannot let go of a server; one that
        # has no volume left is found by its host alone, at its start.
        if call.kind != crash_seams.CONDUCTOR or (
                self.instance(self.server).task_state is None):
            return []
        self.restart_compute_service('compute1')
        self.wait_for(lambda: self.instance(self.server).task_state is None,
                      'the end of what the host takes up')
        return ['restart']

    def _guest(self):
        domain = self.domain(self.server)
        return (self.power_ons(), bool(domain and domain.isActive()),
                domain and domain.XMLDesc(0))

    def _disturbed(self, fault):
        results = []

        def work():
            try:
                results.append(self.act(fault))
            # The engine gets it over the bus, instead of a result.
            except Exception as error:  # noqa: BLE001
                results.append(error)

        worker = threading.Thread(target=work)
        worker.start()
        self.assertTrue(fault.reached.wait(PATIENCE), 'it was not called')
        if fault.waits_for_the_test:
            fault.go_on.set()
        worker.join(PATIENCE)
        hung = worker.is_alive()
        fault.go_on.set()
        worker.join(PATIENCE)
        self.assertFalse(hung, 'the recovery hangs for as long as the call')
        if isinstance(results[0], Exception):
            raise results[0]
        return results[0]

    def _assert_told(self, result, call):
        if result.outcome is Outcome.RECOVERED or (
                self.power_cycle_is_due(result)):
            return
        self.assertIn(result.outcome, (Outcome.FAILED, Outcome.DEFERRED))
        self.assertTrue(names(result.reason, call),
                        f'{call} is not named: {result.reason}')
        shown = self.api.get_server(self.server['id'])
        texts = [result.reason, str(shown.get('fault')), self.logged.output]
        texts += self._recorded(result)
        for text in texts:
            self.assertNotIn(self.cinder.secret, text)

    def _recorded(self, result):
        """Return what the owner reads, which has to be the same."""
        action = objects.InstanceAction.get_by_request_id(
            self.context, self.server['id'], self.failover_id)
        events = objects.InstanceActionEventList.get_by_action(
            self.context, action.id)
        last = max(events, key=lambda event: event.id)
        if result.outcome is Outcome.FAILED:
            self.assertEqual((result.reason[:255], 'Error'),
                             (last.details, last.result))
        return [text for event in events
                for text in (event.details, event.traceback) if text]

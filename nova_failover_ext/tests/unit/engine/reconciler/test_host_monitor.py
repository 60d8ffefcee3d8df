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

"""Silent hosts are asked beside the scans, and once at a time."""

import dataclasses
import threading

import ddt
import fixtures
import oslo_messaging as messaging

from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base
from nova_failover_ext.tests.unit.engine.reconciler import test_at_scale


class SilentHostsTest(base.CoordinatorTestCase):
    """Hosts that do not respond, whose questions have not come back yet."""

    HOSTS = 100

    def setUp(self):
        super().setUp()
        self.attachments = [
            fakes.attachment(server=fakes.server(id=host, host=host))
            for host in self._names()]
        self.client.ping.side_effect = messaging.MessagingTimeout()

    def _askers(self):
        self.asked = test_at_scale.LazyExecutor()
        return self.asked

    def _names(self):
        return ['compute%d' % number for number in range(self.HOSTS)]

    def _hosts(self):
        return sorted((fakes.CELL, name) for name in self._names())

    def _pinged(self):
        return sorted(args for _call, args in self.asked.jobs
                      if len(args) == 2)

    def _all_are_silent(self):
        self._hint()
        for work in self.sent:
            self.hosts.note_silent(fakes.CELL, work.host)
            self._end(results.Outcome.FAILED, 'no sign of life', work)

    def test_each_has_one_question(self):
        self._all_are_silent()
        for _ in range(60):
            self._later(10)
        self.assertEqual(self._hosts(), self._pinged())

    def test_the_next_one_once_the_first_came_back(self):
        self._all_are_silent()
        self._later(10)
        self.asked.run()
        self._later(60)
        self.assertEqual(self._hosts(), self._pinged())
        self.assertEqual(self.HOSTS, self.client.ping.call_count)

    def test_a_failover_is_seen_meanwhile(self):
        self._all_are_silent()
        self.sent = None
        self.attachments = [fakes.attachment(server=fakes.server(
            id='well', host='well'))]
        self._hint(base.OTHER_ID)
        self._later(10)
        self.assertEqual(['well'], self._ids())

    def test_an_error_is_not_the_last_question(self):
        self._all_are_silent()
        self.client.ping.side_effect = RuntimeError
        self._later(10)
        self.asked.run()
        self._later(60)
        self.assertEqual(self._hosts(), self._pinged())


@ddt.ddt
class FirstContactTest(test_at_scale.Base):
    """Most hosts have died, and nobody knows yet."""

    SETTINGS = {'attempts': 20, 'ping_timeout': 0.5}
    SERVERS = 400
    SLOTS = 4

    def setUp(self):
        super().setUp()
        self.client.ping.side_effect = self._ping

    def _askers(self):
        self.questions = test_at_scale.LazyExecutor()
        return self.questions

    def _ping(self, cell, host, timeout):
        if host != 'compute7':
            raise messaging.MessagingTimeout

    def _states(self):
        return self._progress()['counts']

    def test_silent_hosts_take_no_slots(self):
        self._hint()
        self.assertEqual([], list(self.calls.jobs))
        self.assertEqual(100, len(self.questions.jobs))
        self.questions.run()
        # The four servers of the one that answers.
        self.assertEqual(4, len(self.calls.jobs))
        self.assertEqual(
            {7}, {int(args[0].server_id) % 100
                  for _call, args in self.calls.jobs})

    def test_the_most_urgent_goes_first_whoever_answers_first(self):
        self.client.ping.side_effect = None
        self.servers['99'] = dataclasses.replace(
            self.servers['99'], metadata=(('failover:priority', '1'),))
        self.world['99'] = fakes.attachment(
            server=self.servers['99'], volume_id='99')
        self._hint()
        for _ in range(99):
            call, args = self.questions.jobs.popleft()
            call(*args)
        self.assertEqual([], list(self.calls.jobs))
        self.questions.run()
        self.assertEqual('99', self.calls.jobs[0][1][0].server_id)

    @ddt.data(messaging.UnsupportedVersion('1.0'), messaging.NoSuchMethod('p'),
              messaging.RemoteError('UnsupportedVersion'))
    def test_a_host_that_knows_nothing_of_recovery_has_answered(self, error):
        self.client.ping.side_effect = error
        self._hint()
        self.questions.run()
        self.assertEqual(self.SLOTS, len(self.calls.jobs))
        self.assertEqual([], self.hosts.silent())

    @ddt.data(RuntimeError('CANARY'), ValueError('CANARY'), OSError('CANARY'))
    def test_what_nobody_expects_leaves_no_server_waiting(self, error):
        self.client.ping.side_effect = error
        self._hint()
        self.questions.run()
        server = self._report()['servers']['1']
        self.assertEqual('nova-compute on compute1 cannot be asked (%s)'
                         % type(error).__name__, server['reason'])
        self.assertEqual({'failed': 400}, self._states())

    def test_a_ping_that_hangs_holds_up_no_other(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        self.client.ping.side_effect = lambda cell, host, timeout: (
            host not in ('compute1', 'compute2') or go_on.wait())
        self.useFixture(fixtures.MonkeyPatch(
            'nova_failover_ext.engine.reconciler.host_monitor._MARGIN', 0.01))
        self._hint()
        self.questions.run()
        self.assertEqual(self.SLOTS, len(self.calls.jobs))

    def test_each_server_is_told_why(self):
        self._hint()
        self.questions.run()
        server = self._report()['servers']['1']
        self.assertEqual('nova-compute on compute1 does not respond',
                         server['reason'])
        self.assertEqual(0, server['tries'])

    def test_they_are_recovered_once_their_hosts_answer(self):
        self._hint()
        self.questions.run()
        self.client.ping.side_effect = None
        for _ in range(400):
            self.questions.run()
            self._step()
        self.assertEqual({'converged': 400}, self._states())

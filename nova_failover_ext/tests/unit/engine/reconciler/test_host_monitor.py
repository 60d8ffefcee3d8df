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
        self.client.ping.side_effect = ValueError
        self._later(10)
        self.assertRaises(ValueError, self.asked.run)
        self.client.ping.side_effect = messaging.MessagingTimeout()
        self.asked.run()
        self._later(60)
        self.assertEqual(self._hosts(), self._pinged())

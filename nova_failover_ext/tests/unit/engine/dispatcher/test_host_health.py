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

"""Which hosts are asked, which are pinged, and which are left alone."""

import testtools

from nova_failover_ext.engine.dispatcher import host_health

CELL = 'cell'


class BoardTest(testtools.TestCase):
    """The board, on a clock of the test."""

    def setUp(self):
        super().setUp()
        self.now = 100.0
        self.hosts = host_health.HostHealth(10, lambda: self.now)

    def _due_after(self, seconds):
        self.now += seconds
        return self.hosts.due_probes()

    def test_every_host_is_fine_at_first(self):
        self.assertTrue(self.hosts.may_send(CELL, 'a'))
        self.assertEqual([], self.hosts.due_probes())
        self.assertEqual([], self.hosts.down())

    def test_a_silent_host_gets_pings_and_no_servers(self):
        self.hosts.note_silent(CELL, 'a')
        self.assertFalse(self.hosts.may_send(CELL, 'a'))
        self.assertTrue(self.hosts.may_send(CELL, 'b'))
        self.assertTrue(self.hosts.may_send('other', 'a'))
        self.assertEqual([(CELL, 'a')], self.hosts.due_probes())
        self.assertEqual([(CELL, 'a')], self.hosts.silent())

    def test_pings_become_rarer(self):
        self.hosts.note_silent(CELL, 'a')
        waits = []
        waited = 0
        while len(waits) < 6:
            if self._due_after(1):
                waits.append(waited)
                waited = 0
                self.hosts.note_silent(CELL, 'a')
            waited += 1
        self.assertEqual([0, 10, 20, 40, 60, 60], waits)

    def test_an_answer_makes_it_fine(self):
        self.hosts.note_silent(CELL, 'a')
        self.hosts.note_answer(CELL, 'a')
        self.assertTrue(self.hosts.may_send(CELL, 'a'))
        self.assertEqual([], self._due_after(100))
        # Silent again, it is pinged as early as the first time.
        self.hosts.note_silent(CELL, 'a')
        self.assertEqual([(CELL, 'a')], self.hosts.due_probes())

    def test_a_host_that_is_down_is_never_asked(self):
        self.hosts.note_silent(CELL, 'a')
        self.hosts.note_up(CELL, 'a', False)
        self.hosts.note_up(CELL, 'b', False)
        self.assertEqual([(CELL, 'a'), (CELL, 'b')], self.hosts.down())
        self.assertFalse(self.hosts.may_send(CELL, 'b'))
        self.assertEqual([], self._due_after(100))

    def test_an_answer_does_not_overrule_nova(self):
        self.hosts.note_up(CELL, 'a', False)
        self.hosts.note_answer(CELL, 'a')
        self.assertFalse(self.hosts.may_send(CELL, 'a'))

    def test_a_host_is_back(self):
        self.hosts.note_silent(CELL, 'a')
        self.hosts.note_up(CELL, 'a', False)
        self.hosts.note_up(CELL, 'a', True)
        self.assertTrue(self.hosts.may_send(CELL, 'a'))
        self.assertEqual([], self.hosts.down())

    def test_a_record_that_never_said_down_ends_no_silence(self):
        self.hosts.note_silent(CELL, 'a')
        self.hosts.note_up(CELL, 'a', True)
        self.assertFalse(self.hosts.may_send(CELL, 'a'))

    def test_a_host_is_pinged_before_its_first_server(self):
        self.assertFalse(self.hosts.may_start(CELL, 'a'))
        # Until the ping has an answer, or none.
        self.assertEqual([(CELL, 'a')], self.hosts.due_probes())
        self.assertEqual([(CELL, 'a')], self.hosts.due_probes())
        self.hosts.note_answer(CELL, 'a')
        self.assertEqual([], self.hosts.due_probes())
        self.assertTrue(self.hosts.may_start(CELL, 'a'))

    def test_it_is_not_pinged_while_it_answers(self):
        self.hosts.note_answer(CELL, 'a')
        self.now += host_health.HEARD_FOR
        self.assertTrue(self.hosts.may_start(CELL, 'a'))
        self.now += 1
        self.assertFalse(self.hosts.may_start(CELL, 'a'))

    def test_a_first_ping_without_an_answer(self):
        self.hosts.may_start(CELL, 'a')
        self.hosts.note_silent(CELL, 'a')
        self.assertEqual([(CELL, 'a')], self.hosts.due_probes())
        self.assertEqual([], self.hosts.due_probes())
        self.assertFalse(self.hosts.may_start(CELL, 'a'))
        self.assertEqual([], self.hosts.due_probes())

    def test_a_host_that_is_down_is_not_wanted(self):
        self.hosts.may_start(CELL, 'a')
        self.hosts.note_up(CELL, 'a', False)
        self.assertEqual([], self.hosts.due_probes())
        self.hosts.note_up(CELL, 'a', True)
        self.assertEqual([(CELL, 'a')], self.hosts.due_probes())

    def test_the_first_to_answer_may_not_be_the_most_urgent(self):
        for host in ('a', 'b'):
            self.hosts.may_start(CELL, host)
        self.hosts.note_answer(CELL, 'a')
        self.assertTrue(self.hosts.settling())
        self.assertFalse(self.hosts.may_start(CELL, 'a'))
        self.hosts.note_answer(CELL, 'b')
        self.assertFalse(self.hosts.settling())
        self.assertTrue(self.hosts.may_start(CELL, 'a'))

    def test_silent_hosts_are_not_waited_for(self):
        for host in ('a', 'b'):
            self.hosts.may_start(CELL, host)
        self.hosts.note_answer(CELL, 'a')
        self.now += host_health.GRACE
        self.assertTrue(self.hosts.may_start(CELL, 'a'))

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

"""The story of a failover, as an operator reads it at INFO."""

import logging

import fixtures
import testtools

from nova_failover_ext.api import load
from nova_failover_ext.engine.notifier import log_observer
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes

Outcome = results.Outcome


class LogObserverTest(testtools.TestCase):
    """What is logged of a failover of two servers."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.now = 100.0
        self.observer = log_observer.LogObserver(lambda: self.now)

    def _began(self, servers=2, target='second'):
        self.observer.began(fakes.BACKEND, fakes.FAILOVER_ID, target, servers)

    def _ended(self, server_id, outcome, seconds=0):
        self.now += seconds
        self.observer.ended(
            fakes.work(server_id=server_id),
            results.ServerResult(server_id, outcome), load.Load())

    def _lines(self):
        return [line.replace(fakes.FAILOVER_ID, 'ID').replace(
            fakes.BACKEND, 'BACKEND')
            for line in self.log.output.splitlines()]

    def test_story(self):
        self._began()
        self._ended('a', Outcome.FAILED, 29)
        self._ended('b', Outcome.UNCHANGED, 2)
        self._ended('a', Outcome.RECOVERED, 5)
        self.observer.converged(fakes.BACKEND, fakes.FAILOVER_ID, 36.5)
        self.assertEqual([
            'Failover ID: BACKEND is on second, recovering 2 servers',
            ('Failover ID of BACKEND: tried 2 of 2 servers after 31 s: '
             '1 unchanged, 1 failed'),
            ('Failover ID: every server of BACKEND has converged after '
             '36.5 s: 1 recovered, 1 unchanged')], self._lines())

    def test_excluded_servers_are_not_called_converged(self):
        self._began()
        self.observer.converged(fakes.BACKEND, fakes.FAILOVER_ID, 36.5, 2)
        self.assertEqual('Failover ID: every server of BACKEND but 2 excluded '
                         'has converged after 36.5 s', self._lines()[-1])

    def test_primary_and_a_single_server(self):
        self._began(servers=1, target='')
        self.assertEqual(
            ['Failover ID: BACKEND is on primary, recovering 1 server'],
            self._lines())

    def test_more_servers_than_at_first(self):
        self._began(servers=1)
        self._ended('a', Outcome.RECOVERED)
        self._ended('b', Outcome.RECOVERED, 30)
        self.assertIn('tried 2 of 2 servers', self.log.output)

    def test_the_first_servers_begin_while_the_rest_is_read(self):
        self._began()
        self.observer.all_found(fakes.BACKEND, fakes.FAILOVER_ID, 2)
        self.observer.all_found(fakes.BACKEND, fakes.FAILOVER_ID, 9)
        self._ended('a', Outcome.RECOVERED, 30)
        self.assertEqual([
            'Failover ID: all of BACKEND is read, recovering 9 servers in all',
            ('Failover ID of BACKEND: tried 1 of 9 servers after 30 s: '
             '1 recovered')], self._lines()[1:])

    def test_superseded(self):
        self._began()
        self.observer.superseded(fakes.BACKEND, fakes.FAILOVER_ID, 2)
        self._ended('a', Outcome.RECOVERED, 60)
        self.assertEqual(
            [('Failover ID of BACKEND is superseded; not recovered for it: '
             '2 servers')], self._lines()[1:])

    def test_retries_exhausted(self):
        self.observer.retries_exhausted(
            fakes.BACKEND, fakes.FAILOVER_ID, 'a', 'why')
        self.assertEqual(
            [('Failover ID of BACKEND: retries of server a are exhausted: '
             'why')], self._lines())

    def test_nothing_when_idle(self):
        self.observer.scanned(fakes.BACKEND, 1.0, {'cinder': 2})
        self.assertEqual('', self.log.output)

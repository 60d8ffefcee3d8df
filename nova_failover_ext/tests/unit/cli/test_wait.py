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

"""Waiting for what an engine was asked for."""

import io
import itertools
from unittest import mock

import testtools

from nova_failover_ext.api import requests
from nova_failover_ext.cli import engine_client
from nova_failover_ext.cli import wait
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.engine import fakes

DONE = {fakes.BACKEND: {'begun': ['req'], 'done': True, 'unasked': 0,
                        'counts': {'converged': 1}}}
FORGOTTEN = {fakes.BACKEND: {'begun': [], 'done': True}}


class WaiterTest(testtools.TestCase):
    """With an engine and a clock of its own."""

    def setUp(self):
        super().setUp()
        patcher = mock.patch.object(wait.tenacity.nap.time, 'sleep',
                                    autospec=True)
        self.addCleanup(patcher.stop)
        patcher.start()
        self.client = mock.create_autospec(engine_client.EngineClient,
                                           instance=True)
        self.now = 0
        self.left = fakes.found(fakes.server_plan())
        self.right = fakes.found(fakes.server_plan(
            verdict=server_plans.Verdict.SKIP))
        self.looks = []

    def _clock(self):
        self.now += 1
        return self.now

    def _look(self, backend):
        self.assertEqual(fakes.BACKEND, backend)
        found = self.looks.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def _wait(self, answers, looks, timeout=1000, **values):
        self.client.progress.side_effect = answers
        self.looks = looks
        waiter = wait.Waiter(
            self.client, self._look,
            [requests.Request(fakes.BACKEND, **values)], 'req', self._clock)
        self.shown = io.StringIO()
        return waiter.wait(timeout, self.shown)

    def test_one_look_at_the_end(self):
        self.assertEqual(([self.right], True), self._wait(
            [FORGOTTEN, DONE], [self.right]))

    def test_counts_of_before_the_request_are_not_shown(self):
        before = {fakes.BACKEND: {'begun': ['older'], 'done': True,
                                  'counts': {'converged': 3}}}
        asks = {fakes.BACKEND: {'begun': ['older', 'req'], 'done': False,
                                'counts': {'waiting': 3}}}
        self._wait([before, asks, DONE], [self.right], ignore_stamps=True)
        self.assertEqual(
            'waiting for the engine to begin\n'
            '0 of 3 servers converged, 3 waiting\n'
            '1 of 1 server converged\n', self.shown.getvalue())

    def test_counts_of_an_engine_that_took_over_are_shown(self):
        counts = {fakes.BACKEND: {'begun': [], 'done': True,
                                  'counts': {'converged': 1}}}
        self._wait([counts] * 100, [self.left, self.right])
        self.assertEqual('waiting for the engine to begin\n'
                         '1 of 1 server converged\n', self.shown.getvalue())

    def test_no_look_twice_at_the_same(self):
        more = {fakes.BACKEND: {**DONE[fakes.BACKEND], 'counts': {
            'converged': 2}}}
        self.assertEqual(([self.right], True), self._wait(
            [DONE, DONE, DONE, more], [self.left, self.right]))

    def test_an_engine_that_took_over_knows_nothing_of_it(self):
        self.assertEqual(([self.right], True), self._wait(
            [FORGOTTEN] * 100, [self.left, self.right]))
        self.assertGreater(self.now, 2 * wait.LOOK)

    def test_nobody_knows_whether_it_was_asked(self):
        again = {fakes.BACKEND: {**DONE[fakes.BACKEND], 'in_flight': 0}}
        self.assertEqual(([self.right], True), self._wait(
            [FORGOTTEN] * wait.LOOK + [again], [self.right, self.right],
            ignore_stamps=True))

    def test_what_is_down_for_a_while(self):
        self.assertEqual(([self.right], True), self._wait(
            [exception.EngineUnavailable(seconds=3),
             exception.BrokerUnavailable(reason='x'), DONE, DONE],
            [exception.CinderUnavailable(reason='x'), self.right]))

    def test_in_vain(self):
        self.assertEqual(([self.left], False), self._wait(
            itertools.repeat(FORGOTTEN), [self.left, self.left],
            timeout=0.001))

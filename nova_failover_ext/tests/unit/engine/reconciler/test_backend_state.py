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

"""What is remembered of a backend."""

import datetime
from unittest import mock

import ddt
import testtools

from nova_failover_ext.api import requests
from nova_failover_ext.api import server_state
from nova_failover_ext.engine.dispatcher import attempts
from nova_failover_ext.engine.dispatcher import backoff
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes


@ddt.ddt
class StateTest(testtools.TestCase):
    """Failover ids and the report."""

    def setUp(self):
        super().setUp()
        waits = mock.create_autospec(backoff.Backoff, instance=True)
        waits.seconds.return_value = 1.0
        self.state = backend_state.BackendState(
            attempts.Attempts(waits, 2, 900.0))

    @ddt.data((fakes.FAILOVER_ID, True), (None, False), ('', False),
              ('req-', False), ('req-1', False), (fakes.FAILOVER_ID[4:],
                                                  False))
    @ddt.unpack
    def test_valid_failover_id(self, text, expected):
        self.assertEqual(expected, backend_state.valid_failover_id(text))

    def test_the_first_id_of_a_target_is_kept(self):
        self.state.adopt('second', fakes.FAILOVER_ID)
        self.state.adopt('second', 'req-' + fakes.CELL)
        self.assertEqual(fakes.FAILOVER_ID, self.state.id_for_work())

    def test_a_new_target_has_a_new_id(self):
        self.state.adopt('second', fakes.FAILOVER_ID)
        self.state.adopt('', None)
        made = self.state.id_for_work()
        self.assertNotEqual(fakes.FAILOVER_ID, made)
        self.assertTrue(backend_state.valid_failover_id(made))
        self.assertEqual(made, self.state.id_for_work())

    @ddt.data(([('', None)], False), ([('', fakes.FAILOVER_ID)], True),
              ([('', 'nonsense')], False),
              ([('second', None), ('', None)], True))
    @ddt.unpack
    def test_whether_it_has_moved_before(self, seen, expected):
        for target, announced in seen:
            self.state.adopt(target, announced)
        self.assertIs(expected, self.state.returned)

    def test_an_id_that_makes_no_sense(self):
        self.state.adopt('second', 'x' * 5000)
        self.assertTrue(backend_state.valid_failover_id(
            self.state.id_for_work()))

    def test_report(self):
        self.state.adopt('second', fakes.FAILOVER_ID)
        self.state.tries.record(
            'server', attempts.Try('second', results.Outcome.FAILED, 'why'),
            0.0)
        report = self.state.report()
        self.assertEqual(fakes.FAILOVER_ID, report['failover_id'])
        self.assertEqual(
            {'server': {'tries': 1, 'state': None, 'outcome': 'failed',
                        'reason': 'why'}},
            report['servers'])
        self.state.server_states.set('server',
                                     server_state.ServerState.RETRIES_EXHAUSTED)
        self.assertEqual(
            'retries exhausted',
            self.state.report()['servers']['server']['state'])

    def test_a_request_for_some_has_an_id_of_its_own(self):
        self.state.adopt('second', fakes.FAILOVER_ID)
        made = 'req-' + fakes.CELL
        self.state.begin(requests.Request(
            'b', servers=('one',), policy='refresh', failover_id=made),
            {'one'})
        self.assertEqual(
            (made, fakes.FAILOVER_ID),
            (self.state.id_for_work('one'), self.state.id_for_work('two')))
        self.assertEqual({'one': 'refresh'}, self.state.policies)
        self.state.begin(requests.Request('b', failover_id=made),
                         {'one', 'two'})
        self.assertEqual(made, self.state.id_for_work('two'))
        self.assertEqual({}, self.state.policies)

    def test_how_long_the_gate_is_closed(self):
        self.assertFalse(self.state.gate()['open'])
        self.state.adopt('second', None)
        self.assertTrue(self.state.gate()['open'])
        self.assertEqual(0.0, self.state.closed(('a', False), 5.0, 60.0))
        self.assertEqual(9.0, self.state.closed(('a', False), 14.0, 60.0))
        gate = self.state.gate()
        self.assertEqual(60.0, (
            datetime.datetime.fromisoformat(gate['until'])
            - datetime.datetime.fromisoformat(gate['since'])
        ).total_seconds())
        self.assertFalse(gate['open'])
        self.assertEqual(0.0, self.state.closed(('a', True), 20.0, 60.0))

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

"""Canary servers, as plain data."""

from oslotest import base

from nova_failover_ext.api import canaries as records
from nova_failover_ext.api import pauses
from nova_failover_ext.recovery import results

GOOD = records.Result(results.Outcome.RECOVERED)
BAD = records.Result(results.Outcome.FAILED, 'no path')


def canaries(target='second', **results_by_server):
    """Return canaries of ``node@rbd``."""
    return records.Canaries('node@rbd', target, results_by_server)


class CanariesTest(base.BaseTestCase):
    """What is told of them."""

    def test_all_are_recovered(self):
        self.assertEqual(
            '2 of 2 canary servers recovered; 7 servers wait for '
            '"nova-failover resume node@rbd"',
            canaries(a=GOOD, b=GOOD).describe(7))

    def test_one_that_failed(self):
        self.assertEqual(
            '0 of 1 canary server recovered; a is failed: no path; 1 server '
            'waits for "nova-failover resume node@rbd"',
            canaries(a=BAD).describe(1))

    def test_one_that_is_not_known(self):
        self.assertIn('; b is unknown, because the engine that sent it has '
                      'ended; ',
                      canaries(a=GOOD, b=records.Result()).describe(1))

    def test_many_fit_into_a_pause(self):
        bad = records.Result(results.Outcome.DEFERRED,
                             'x' * records.MOST_REASON)
        reason = canaries(**{'%036d' % number: bad
                             for number in range(100)}).describe(10000)
        pauses.Pause('node@rbd', reason, pauses.ENGINE, 'ctl1').check()
        self.assertIn('; 97 more are not recovered; ', reason)

    def test_what_is_newer_counts(self):
        older = canaries(a=records.Result(), b=BAD)
        self.assertEqual(canaries(a=GOOD, b=BAD),
                         older.joined(canaries(a=GOOD)))
        self.assertEqual(canaries('', a=GOOD),
                         older.joined(canaries('', a=GOOD)))

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

from unittest import mock

import fixtures
import testtools

from nova_failover_ext.api import load
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes

EVENTS = {
    'began': ('b', 'req', 'second', 3),
    'all_found': ('b', 'req', 4),
    'started': (fakes.work(),),
    'ended': (fakes.work(), results.ServerResult(
        's', results.Outcome.RECOVERED), load.Load()),
    'retries_exhausted': ('b', 'req', 's', 'why'),
    'converged': ('b', 'req', 1.0),
    'superseded': ('b', 'req', 2),
    'scanned': ('b', 1.0, {'cinder': 2}),
    'leadership_changed': (True,),
}


class ObserversTest(testtools.TestCase):
    """Several observers."""

    def test_each_receives_all(self):
        several = [mock.create_autospec(observers.Observer, instance=True)
                   for _number in range(2)]
        passes_on = observers.Observers(several)
        for name, arguments in EVENTS.items():
            getattr(passes_on, name)(*arguments)
            for observer in several:
                getattr(observer, name).assert_called_once_with(*arguments)
        self.assertEqual(set(EVENTS), observers.EVENTS)

    def test_one_that_raises_disturbs_nobody(self):
        log = self.useFixture(fixtures.FakeLogger())
        bad = mock.create_autospec(observers.Observer, instance=True)
        bad.leadership_changed.side_effect = KeyError('CANARY')
        good = mock.create_autospec(observers.Observer, instance=True)
        observers.Observers([bad, good]).leadership_changed(True)
        good.leadership_changed.assert_called_once_with(True)
        self.assertIn('KeyError', log.output)
        self.assertNotIn('CANARY', log.output)

    def test_an_observer_may_ignore_events(self):
        for name, arguments in EVENTS.items():
            self.assertIsNone(getattr(observers.Observer(), name)(*arguments))

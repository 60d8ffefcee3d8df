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

"""Options change while the engine runs."""

from nova_failover_ext.engine.reconciler import settings
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base


class ChangeTest(base.CoordinatorTestCase):
    """What is wanted from now on."""

    def test_recovered_only_on_request(self):
        self._hint()
        self.assertEqual(['server'], self._ids())
        self.reconciler.change(settings.Settings(automatic=False))
        self._later(1)
        self.assertEqual([], self._ids())
        self.assertEqual({'unknown': 1}, self._progress()['counts'])
        self.reconciler.change(settings.Settings())
        self._later(1)
        self.assertEqual(['server'], self._ids())

    def test_nothing_starts_before_the_next_scan(self):
        self._hint()
        self.assertEqual(['server'], self._ids())
        self.reconciler.change(settings.Settings(automatic=False))
        self.assertEqual([], self._ids())

    def test_every_backend_is_scanned(self):
        self._later(1)
        self.every = [fakes.backend()]
        self.reconciler.change(settings.Settings())
        self._later(0)
        self._later(0)
        self.assertEqual(['server'], self._ids())

    def test_the_reconcile_interval(self):
        self.reconciler.change(settings.Settings(reconcile_interval=7))
        self._later(0)
        self.every = [fakes.backend()]
        self._later(7)
        self._later(0)
        self.assertEqual(['server'], self._ids())

    def test_one_that_does_not_act_does_nothing(self):
        self._hint()
        self.reconciler.follow()
        scans = self._full_scan()
        self.reconciler.change(settings.Settings())
        self._later(300)
        self.assertEqual(scans, self._full_scan())

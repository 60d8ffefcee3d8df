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

"""Puts our volume manager where Cinder's tests look for Cinder's."""

import sys
import types
from typing import Any

from cinder.volume import manager as stock
import fixtures
from oslo_config import cfg

from cinder_failover_hooks import manager
from cinder_failover_hooks.tests.functional import base
from cinder_failover_hooks.tests.functional import database
from cinder_failover_hooks import worker


class OurManager(fixtures.Fixture):
    """Both ways by which tests make a manager lead to ours from now on.

    One is the option ``volume_manager``, the other the module of Cinder's
    manager by whatever name the tests import it. The class in that module
    itself has to stay, for it names itself when it calls its base classes.

    :param tests: the module of the tests
    """

    def __init__(self, tests: types.ModuleType) -> None:
        super().__init__()
        self._tests = tests
        self._workers: list[worker.Worker] = []
        self._worker = worker.Worker
        self._init = stock.VolumeManager.__init__
        #: classes of the volume managers that were made, ours or not
        self.made: list[type] = []

    def _setUp(self) -> None:
        self.addCleanup(self._wait)
        self.useFixture(fixtures.MonkeyPatch(
            'cinder_failover_hooks.worker.Worker', self._make))
        cfg.CONF.set_override('volume_manager', base.MANAGER)
        self.addCleanup(cfg.CONF.clear_override, 'volume_manager')
        ours = types.ModuleType(stock.__name__)
        vars(ours).update(vars(stock),
                          VolumeManager=manager.FailoverVolumeManager)
        for name, value in list(vars(self._tests).items()):
            if value is stock:
                self.useFixture(fixtures.MonkeyPatch(
                    '%s.%s' % (self._tests.__name__, name), ours))
        self._record()

    def _record(self) -> None:
        # Every volume manager, by whatever name it is called, comes here.
        def init(made: Any, *args: Any, **kwargs: Any) -> None:
            self.made.append(type(made))
            self._init(made, *args, **kwargs)

        self.useFixture(fixtures.MonkeyPatch(
            'cinder.volume.manager.VolumeManager.__init__', init))

    def _make(self, name: str) -> worker.Worker:
        made = self._worker(name)
        self._workers.append(made)
        return made

    def _wait(self) -> None:
        # What is being reported reads the database of this test.
        for one in self._workers:
            one.wait()


class OurManagerMixin:
    """To be put before a test case of Cinder's among the base classes.

    A test fails if it makes a volume manager that is not ours, or none.
    """

    def setUp(self) -> None:
        """Put our manager in place, then do what Cinder's test case does."""
        own: Any = self
        # The background thread reads while the test writes.
        own.useFixture(database.FileDatabase())
        ours = own.useFixture(OurManager(sys.modules[
            upstream_case(type(self)).__module__]))
        super().setUp()
        own.addCleanup(self._check, ours)

    def _check(self, ours: OurManager) -> None:
        own: Any = self
        own.assertEqual({manager.FailoverVolumeManager}, set(ours.made))


def upstream_case(case: type) -> type:
    """Return the test case of Cinder's that is run with our manager.

    :param case: a subclass of :class:`OurManagerMixin`
    """
    return case.__mro__[case.__mro__.index(OurManagerMixin) + 1]

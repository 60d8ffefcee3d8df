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

"""The volume manager around Cinder's own, whose methods are mocks here."""

import inspect
from typing import Any
from unittest import mock

from cinder import objects
import testtools

objects.register_all()

from cinder.volume import manager as stock  # noqa: E402, H306

from cinder_failover_hooks import conf  # noqa: E402
from cinder_failover_hooks import manager  # noqa: E402
from cinder_failover_hooks import reporter  # noqa: E402
from cinder_failover_hooks.tests.unit import base  # noqa: E402


class TestManager(base.TestCase):
    """What is told to the reporter, and when."""

    def setUp(self) -> None:
        """Make a manager without a driver, and follow all that it calls."""
        super().setUp()
        conf.register_opts(manager.CONF)
        self.addCleanup(manager.CONF.clear_override, 'enabled',
                        'failover_hooks')
        self.calls = mock.Mock(spec=['failover', 'init', 'hooks', 'report'])
        for name, attribute in (('failover', self.calls.failover),
                                ('init_host_with_rpc', self.calls.init)):
            patched = self.useFixture(base.Patch(
                stock.VolumeManager, name)).mock
            patched.side_effect = attribute
        self.calls.hooks = mock.create_autospec(
            reporter.Reporter, instance=True)
        self.calls.report = mock.create_autospec(
            reporter.Report, instance=True)
        self.manager: Any = manager.FailoverVolumeManager.__new__(
            manager.FailoverVolumeManager)
        self.manager._reporter = self.calls.hooks
        self.calls.hooks.report.return_value = self.calls.report
        self.manager.driver = mock.Mock(spec=['initialized'])
        self.context = mock.Mock(spec=['request_id'], request_id=base.REQUEST)

    def _order(self) -> list[str]:
        return [call[0] for call in self.calls.mock_calls]

    def test_end_only_after_cinder_has_returned(self) -> None:
        """Cinder saves the volume rows last."""
        self.manager.failover(self.context, 'site-b')
        self.manager._reporter.report.assert_called_once_with(
            base.REQUEST, 'site-b')
        self.assertEqual(
            ['hooks.report', 'report.started', 'failover',
             'report.returned'], self._order())

    def test_what_cinder_raises(self) -> None:
        """It is reported, and raised."""
        error = ValueError()
        self.calls.failover.side_effect = error
        with testtools.ExpectedException(ValueError):
            self.manager.failover_host(self.context)
        self.calls.report.raised.assert_called_once_with(error)
        self.calls.report.returned.assert_not_called()

    def test_announcement_after_cinder_is_ready(self) -> None:
        """There is no bus before."""
        self.manager.init_host_with_rpc()
        self.assertEqual(['init', 'hooks.announce'], self._order())

    def test_no_announcement_without_a_driver(self) -> None:
        """The backend serves nobody."""
        self.manager.driver.initialized = False
        self.manager.init_host_with_rpc()
        self.assertEqual(['init'], self._order())

    def test_switched_off(self) -> None:
        """Only Cinder is called."""
        manager.CONF.set_override('enabled', False, 'failover_hooks')
        self.manager.failover(self.context, 'site-b')
        self.manager.init_host_with_rpc()
        self.assertEqual(['failover', 'init'], self._order())

    def test_a_context_without_request_id(self) -> None:
        """The reporter makes an id."""
        self.manager.failover(object(), 'site-b')
        self.manager._reporter.report.assert_called_once_with(None, 'site-b')


class TestRpc(base.TestCase):
    """RPC finds the same methods as before, and ours."""

    def test_both_names_are_ours(self) -> None:
        """The base class binds its own function to the second."""
        self.assertIs(manager.FailoverVolumeManager.failover,
                      manager.FailoverVolumeManager.failover_host)

    def test_arguments_are_those_of_cinder(self) -> None:
        """RPC passes them by name."""
        self.assertEqual(
            list(inspect.signature(stock.VolumeManager.failover).parameters),
            list(inspect.signature(
                manager.FailoverVolumeManager.failover).parameters))

    def test_the_version_is_that_of_cinder(self) -> None:
        """Nothing is added to the RPC interface."""
        self.assertIs(stock.VolumeManager.target,
                      manager.FailoverVolumeManager.target)
        public = {name for name in vars(manager.FailoverVolumeManager)
                  if not name.startswith('_')}
        self.assertEqual(set(), public - set(dir(stock.VolumeManager)))

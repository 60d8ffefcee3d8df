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
import fixtures
import testtools

objects.register_all()

from cinder.volume import manager as stock  # noqa: E402, H306

from cinder_failover_hooks import conf  # noqa: E402
from cinder_failover_hooks import manager  # noqa: E402
from cinder_failover_hooks import reporter  # noqa: E402
from cinder_failover_hooks.tests.unit import base  # noqa: E402
from cinder_failover_hooks import upstream  # noqa: E402


class TestManager(base.TestCase):
    """What is told to the reporter, and when."""

    def setUp(self) -> None:
        """Make a manager without a driver, and follow all that it calls."""
        super().setUp()
        conf.register_opts(manager.CONF)
        self.addCleanup(manager.CONF.clear_override, 'enabled',
                        'failover_hooks')
        self.calls = mock.Mock(spec=['failover', 'completed', 'group', 'init',
                                     'hooks', 'report'])
        for name, attribute in (
                ('failover', self.calls.failover),
                ('failover_completed', self.calls.completed),
                ('failover_replication', self.calls.group),
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
            base.REQUEST, 'site-b', None)
        self.assertEqual(
            ['hooks.report', 'report.started', 'failover',
             'report.returned'], self._order())

    def test_a_group(self) -> None:
        """The arguments reach Cinder as they are."""
        group = mock.Mock(spec=['id'], id=base.GROUP)
        self.manager.failover_replication(
            self.context, group=group, allow_attached_volume=True,
            secondary_backend_id='site-b')
        self.manager._reporter.report.assert_called_once_with(
            base.REQUEST, 'site-b', base.GROUP)
        self.calls.group.assert_called_once_with(
            self.manager, self.context, group, True, 'site-b')
        self.assertEqual(['hooks.report', 'report.started', 'group',
                          'report.returned'], self._order())

    def test_what_cinder_raises_for_a_group(self) -> None:
        """It is reported, and raised."""
        error = self.calls.group.side_effect = ValueError()
        with testtools.ExpectedException(ValueError):
            self.manager.failover_replication(
                self.context, mock.Mock(spec=['id'], id=base.GROUP))
        self.calls.report.raised.assert_called_once_with(error)

    def test_completed_only_after_cinder_has_switched_the_driver(self) -> None:
        """With the id of the request that all members have in common."""
        updates = {'active_backend_id': 'site-b'}
        self.manager.failover_completed(self.context, updates)
        self.calls.completed.assert_called_once_with(
            self.manager, self.context, updates)
        self.calls.hooks.completed.assert_called_once_with(base.REQUEST)
        self.assertEqual(['completed', 'hooks.completed'], self._order())

    def test_completed_with_an_error(self) -> None:
        """Then nothing has switched."""
        self.calls.completed.side_effect = ValueError()
        with testtools.ExpectedException(ValueError):
            self.manager.failover_completed(self.context, {})
        self.calls.hooks.completed.assert_not_called()

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
        self.manager.failover_replication(
            self.context, mock.Mock(spec=['id'], id=base.GROUP))
        self.manager.init_host_with_rpc()
        self.assertEqual(['failover', 'group', 'init'], self._order())

    def test_a_context_without_request_id(self) -> None:
        """The reporter makes an id."""
        self.manager.failover(object(), 'site-b')
        self.manager._reporter.report.assert_called_once_with(
            None, 'site-b', None)


class TestStart(base.TestCase):
    """Before the driver of a member of a cluster is made."""

    def setUp(self) -> None:
        """Make managers whose base class does nothing."""
        super().setUp()
        conf.register_opts(manager.CONF)
        self.log = self.useFixture(fixtures.FakeLogger())
        self.calls = mock.Mock(spec=['init', 'follow'])
        self.useFixture(base.Patch(
            stock.VolumeManager, '__init__')).mock.side_effect = (
                self._init)
        self.useFixture(base.Patch(
            upstream, 'follow_cluster')).mock.side_effect = self.calls.follow
        self.calls.follow.return_value = None

    def _init(self, made: Any, host: str, cluster: str | None = None) -> None:
        self.calls.init()
        made.host, made.cluster = host, cluster

    def _override(self, name: str, value: bool) -> None:
        manager.CONF.set_override(name, value, 'failover_hooks')
        self.addCleanup(manager.CONF.clear_override, name, 'failover_hooks')

    def test_a_member_follows_its_cluster(self) -> None:
        """Before Cinder reads its record, and it says so."""
        self.calls.follow.return_value = (None, 'site-b')
        manager.FailoverVolumeManager(host='ctl1@rbd', cluster='cl@rbd')
        self.assertEqual([mock.call.follow('ctl1@rbd'), mock.call.init()],
                         self.calls.mock_calls)
        self.assertIn('switches from primary to site-b', self.log.output)

    def test_nothing_to_follow(self) -> None:
        """No cluster, and nothing in the log."""
        manager.FailoverVolumeManager(host='ctl1@rbd')
        self.calls.follow.assert_not_called()
        manager.FailoverVolumeManager(host='ctl1@rbd', cluster='cl@rbd')
        self.assertEqual('', self.log.output)

    def test_a_database_that_is_away(self) -> None:
        """Cinder will say so itself."""
        self.calls.follow.side_effect = RuntimeError
        manager.FailoverVolumeManager(host='ctl1@rbd', cluster='cl@rbd')
        self.calls.init.assert_called_once_with()
        self.assertIn('Could not compare ctl1@rbd', self.log.output)

    def test_switched_off(self) -> None:
        """By itself, or with all the rest."""
        for name in ('follow_cluster', 'enabled'):
            self._override(name, False)
            manager.FailoverVolumeManager(host='ctl1@rbd', cluster='cl@rbd')
            manager.CONF.clear_override(name, 'failover_hooks')
        self.calls.follow.assert_not_called()


class TestRpc(base.TestCase):
    """RPC finds the same methods as before, and ours."""

    def test_both_names_are_ours(self) -> None:
        """The base class binds its own function to the second."""
        self.assertIs(manager.FailoverVolumeManager.failover,
                      manager.FailoverVolumeManager.failover_host)

    def test_arguments_are_those_of_cinder(self) -> None:
        """RPC passes them by name."""
        for name in ('failover', 'failover_completed',
                     'failover_replication', 'init_host_with_rpc'):
            self.assertEqual(
                list(inspect.signature(
                    getattr(stock.VolumeManager, name)).parameters),
                list(inspect.signature(getattr(
                    manager.FailoverVolumeManager, name)).parameters))

    def test_the_version_is_that_of_cinder(self) -> None:
        """Nothing is added to the RPC interface."""
        self.assertIs(stock.VolumeManager.target,
                      manager.FailoverVolumeManager.target)
        public = {name for name in vars(manager.FailoverVolumeManager)
                  if not name.startswith('_')}
        self.assertEqual(set(), public - set(dir(stock.VolumeManager)))

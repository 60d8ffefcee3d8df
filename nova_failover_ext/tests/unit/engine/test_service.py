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

"""The service starts and stops its parts, whatever the state of the bus."""

import threading
from unittest import mock

import fixtures
from kombu import exceptions as kombu_exception
from nova import rpc as nova_rpc
from oslo_config import cfg
import oslo_messaging as messaging
import testtools

from nova_failover_ext.api import exclusions
from nova_failover_ext.api import pauses
from nova_failover_ext.api import requests
from nova_failover_ext.api import rpcapi
from nova_failover_ext.conf import engine as engine_conf
from nova_failover_ext.conf import reload
from nova_failover_ext.decisions import exclusion_store
from nova_failover_ext.decisions import store
from nova_failover_ext.engine import act_recorder
from nova_failover_ext.engine import brake
from nova_failover_ext.engine.dispatcher import dispatcher
from nova_failover_ext.engine.election import locks
from nova_failover_ext.engine import exclusion_memory
from nova_failover_ext.engine.listener import bus_servers
from nova_failover_ext.engine.listener import notification_endpoint
from nova_failover_ext.engine.listener import rpc_endpoint
from nova_failover_ext.engine.reconciler import reconciler
from nova_failover_ext.engine import service
from nova_failover_ext.engine import work_items
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.api import test_acts
from nova_failover_ext.tests.unit.api import test_exclusions
from nova_failover_ext.tests.unit.api import test_pauses


class FakeServer:
    """A server or listener that the test lets start."""

    def __init__(self, error=None):
        self.error = error
        self.may_start = threading.Event()
        self.started = threading.Event()
        self.stopped = threading.Event()

    def start(self):
        if self.error:
            raise self.error
        self.may_start.wait(10)
        self.started.set()

    def stop(self):
        self.stopped.set()

    def wait(self):
        """Nothing is left to wait for."""


class FakeLock:
    """A lock that the test gives away."""

    def __init__(self):
        self.free = threading.Event()
        self.released = threading.Event()

    def acquire(self, blocking=True):
        return self.free.is_set()

    def is_still_owner(self):
        return self.free.is_set()

    def release(self):
        self.released.set()
        return True


class ServiceTest(testtools.TestCase):
    """Start and stop."""

    def setUp(self):
        super().setUp()
        conf = cfg.ConfigOpts()
        engine_conf.register_opts(conf)
        conf.register_opt(cfg.StrOpt('host', default='ctl'))
        conf.register_opt(cfg.StrOpt('connection'), group='api_database')
        conf([], default_config_files=[])
        self.server = FakeServer()
        self.listener = FakeServer()
        self.lock = FakeLock()
        self.make_server = self._patch(rpc_endpoint, 'server')
        self.make_server.return_value = self.server
        self._patch(notification_endpoint,
                    'listener').return_value = self.listener
        self._patch(nova_rpc, 'ClientRouter')
        self._patch(nova_rpc, 'get_client')
        self._patch(nova_rpc, 'get_versioned_notifier')
        self._patch(locks, 'make_lock').return_value = self.lock
        self.leadership_changed = threading.Event()
        self.follows = threading.Event()
        self._patch(reconciler.Reconciler, 'lead').side_effect = (
            lambda own: self.leadership_changed.set())
        self._patch(reconciler.Reconciler, 'follow').side_effect = (
            lambda own: self.follows.set())
        self.ticks = self._patch(reconciler.Reconciler, 'tick')
        self.dispatcher = self._patch(dispatcher, 'Dispatcher')
        self.store = self._patch(store, 'Store').return_value
        self.store.read.return_value = [test_pauses.pause()]
        excluded = self._patch(exclusion_store, 'ExclusionStore').return_value
        excluded.read.return_value = []
        self.service = service.EngineService(conf)

    def _patch(self, owner, name):
        patcher = mock.patch.object(owner, name, autospec=True)
        self.addCleanup(patcher.stop)
        return patcher.start()

    def _start(self, servers=True):
        self.lock.free.set()
        if servers:
            self.server.may_start.set()
            self.listener.may_start.set()
        self.service.start()
        self.addCleanup(self.service.stop)
        self.assertTrue(self.leadership_changed.wait(10))

    def test_start_and_stop(self):
        self._start()
        self.assertTrue(self.server.started.wait(10))
        self.assertTrue(self.listener.started.wait(10))
        self.dispatcher.return_value.stop.assert_not_called()
        self.service.stop()
        self.service.wait()
        self.assertTrue(self.server.stopped.wait(10))
        self.dispatcher.return_value.stop.assert_called_once_with()

    def test_another_may_lead_once_this_one_is_told_to_stop(self):
        self._start()
        self.service.stop()
        self.assertTrue(self.follows.is_set())
        self.assertTrue(self.lock.released.is_set())

    def test_silent_hosts_are_not_asked_by_the_threads_of_scans(self):
        with mock.patch.object(reconciler.Reconciler, 'use',
                               autospec=True) as use:
            self._start()
        scanning, askers = use.call_args.args[0]._executor, use.call_args[0][3]
        self.assertIsNot(scanning, askers)
        self.assertIn(askers, self.service._executors)

    def test_who_does_not_lead_hears_and_does_nothing(self):
        self.service.start()
        self.addCleanup(self.service.stop)
        self.service._tick()
        self.ticks.assert_not_called()
        self.make_server.assert_not_called()
        self.assertFalse(self.leadership_changed.is_set())

    def test_who_leads_knows_what_is_paused(self):
        read = threading.Event()
        self.store.read.side_effect = lambda: (
            read.set(), [test_pauses.pause()])[1]
        self._start()
        self.assertTrue(read.wait(10))
        self.service._executors[0].shutdown()
        held = self.dispatcher.call_args.kwargs['held']
        self.assertEqual((True, False), (held('node@rbd'), held('other')))
        self.store.upgrade.assert_called_once_with()

    def test_who_is_asked_about_it(self):
        self._start()
        about = self.service._about()
        self.assertIsNotNone(about.pop('leading_since'))
        self.assertEqual({'coordination': locks.ALONE,
                          'topics': ['failover_notifications']}, about)

    def test_a_bus_that_is_down_holds_up_neither_start_nor_stop(self):
        self._start(servers=False)
        self.service.stop()
        self.service.wait()
        self.assertFalse(self.server.stopped.is_set())
        self.server.may_start.set()
        # It was not to be started any more by then.
        self.assertTrue(self.server.stopped.wait(10))
        self.listener.may_start.set()

    def test_a_bus_that_refuses_is_tried_again(self):
        wait = self._patch(bus_servers.tenacity, 'wait_random_exponential')
        wait.return_value = bus_servers.tenacity.wait_none()
        self.make_server.side_effect = [
            FakeServer(kombu_exception.OperationalError('refused')),
            self.server]
        self._start()
        self.assertTrue(self.server.started.wait(10))

    def test_options_that_may_change(self):
        conf = self.service._conf
        path = self.useFixture(fixtures.TempDir()).join('nova.conf')
        with open(path, 'w') as stream:
            stream.write('[failover_engine]\nmax_in_flight_per_host = 3\n'
                         'automatic = Canary\ncanary_servers = 5\n')
        self.assertEqual(0, self.service._canary_servers())
        self._start()
        conf(['--config-file', path], default_config_files=[])
        with mock.patch.object(reconciler.Reconciler, 'change',
                               autospec=True) as change:
            self.service.reload()
        self.dispatcher.return_value.change.assert_called_once_with(
            work_items.Caps(32, 16, 3))
        self.assertTrue(change.call_args.args[1].automatic)
        self.assertEqual(5, self.service._canary_servers())

    def test_options_that_cannot_be_used(self):
        log = self.useFixture(fixtures.FakeLogger())
        self._start()
        with mock.patch.object(reload, 'reload', autospec=True) as read:
            read.side_effect = exception.ConfigurationInvalid(reason='why')
            self.service.reload()
        self.dispatcher.return_value.change.assert_not_called()
        self.assertIn('cannot be used: why. The old values stay in effect.',
                      log.output)

    def test_stop_before_start(self):
        self.service.stop()


class EndpointTest(testtools.TestCase):
    """The RPC endpoint and its client."""

    def setUp(self):
        super().setUp()
        self.reconciler = mock.create_autospec(
            reconciler.Reconciler, instance=True)
        self.brake = mock.create_autospec(brake.Brake, instance=True)
        self.excluded = mock.create_autospec(
            exclusion_memory.ExclusionMemory, instance=True)
        self.recorder = mock.create_autospec(
            act_recorder.ActRecorder, instance=True)
        self.endpoint = rpc_endpoint.Endpoint(
            self.reconciler, 'ctl', lambda: {'topics': ['t']},
            self.brake, self.excluded, self.recorder)

    def test_recover(self):
        self.reconciler.recover.return_value = 'req-1'
        request = requests.Request('b', projects=('p',), limit=3)
        self.assertEqual('req-1', self.endpoint.recover(
            {}, request=request.to_primitive()))
        self.reconciler.recover.assert_called_once_with(request)

    def test_recover_nonsense(self):
        self.assertRaises(ValueError, self.endpoint.recover, {},
                          request={'backend': 'b', 'limit': 0})

    def _refused(self, call, *args, **kwargs):
        # The bus does not log what is expected.
        error = self.assertRaises(messaging.ExpectedException, call, {},
                                  *args, **kwargs)
        return error.exc_info[0]

    def test_recover_what_is_paused(self):
        self.brake.refuse.side_effect = exception.RecoveryPaused(pause='x')
        self.assertIs(exception.RecoveryPaused, self._refused(
            self.endpoint.recover, request={'backend': 'b'}))
        self.brake.refuse.assert_called_once_with('b')
        self.reconciler.recover.assert_not_called()

    def test_pause(self):
        self.brake.pause.return_value = {'pauses': []}
        pause = test_pauses.pause()
        self.assertEqual({'pauses': []}, self.endpoint.pause(
            {}, pause=pause.to_primitive()))
        self.brake.pause.assert_called_once_with(pause)

    def test_pause_what_is_paused(self):
        self.brake.pause.side_effect = exception.RecoveryPaused(pause='x')
        self.assertIs(exception.RecoveryPaused, self._refused(
            self.endpoint.pause, test_pauses.pause().to_primitive()))

    def test_pause_without_a_reason(self):
        self.assertRaises(ValueError, self.endpoint.pause, {},
                          pause={'backend': 'b', 'reason': ' '})
        self.brake.pause.assert_not_called()

    def test_exclude(self):
        self.excluded.exclude.return_value = {'exclusions': []}
        exclusion = test_exclusions.exclusion()
        self.assertEqual({'exclusions': []}, self.endpoint.exclude(
            {}, exclusion=exclusion.to_primitive()))
        self.excluded.exclude.assert_called_once_with(exclusion)

    def test_exclude_without_a_reason(self):
        self.assertRaises(ValueError, self.endpoint.exclude, {},
                          exclusion={'kind': 'host', 'target': 'h'})
        self.excluded.exclude.assert_not_called()

    def test_include(self):
        self.excluded.include.return_value = {'exclusions': []}
        self.assertEqual({'exclusions': []}, self.endpoint.include(
            {}, kind='host', text='h', who='jo@ctl1'))
        self.excluded.include.assert_called_once_with(
            exclusions.Kind.HOST, 'h', 'jo@ctl1')

    def test_what_cannot_be_excluded_or_included(self):
        down = exception.DecisionsUnavailable(reason='x')
        for error in exception.AlreadyExcluded(exclusion='x'), down:
            self.excluded.exclude.side_effect = error
            self.assertIs(type(error), self._refused(
                self.endpoint.exclude,
                test_exclusions.exclusion().to_primitive()))
        for error in exception.NotExcluded(subject='x', excluded='y'), down:
            self.excluded.include.side_effect = error
            self.assertIs(type(error), self._refused(
                self.endpoint.include, 'host', 'h', 'jo@ctl1'))

    def test_resume(self):
        self.brake.resume.return_value = {'pauses': []}
        self.assertEqual({'pauses': []}, self.endpoint.resume(
            {}, backend=pauses.EVERYTHING, who='jo@ctl1'))
        self.brake.resume.assert_called_once_with('', 'jo@ctl1')

    def test_resume_what_is_not_paused(self):
        self.brake.resume.side_effect = exception.NotPaused(
            subject='b is', paused='nothing')
        self.assertIs(exception.NotPaused, self._refused(
            self.endpoint.resume, 'b', 'jo@ctl1'))

    def _recorded(self):
        return [(act.what, act.subject, act.who, act.reason) for (act,), _ in
                self.recorder.record.call_args_list]

    def test_what_is_done_is_recorded(self):
        self.reconciler.recover.return_value = 'req-1'
        self.endpoint.recover({}, request={'backend': 'b', 'who': 'jo@ctl1',
                                           'limit': 3})
        pause, exclusion = test_pauses.pause(''), test_exclusions.exclusion()
        self.endpoint.pause({}, pause=pause.to_primitive())
        self.endpoint.resume({}, backend='b', who='')
        self.endpoint.exclude({}, exclusion=exclusion.to_primitive())
        self.endpoint.include({}, kind='host', text='h', who='jo@ctl1')
        self.assertEqual([
            ('recover', 'b', 'jo@ctl1',
             'jo@ctl1 asks for a recovery of b (request req-1); limit: 3'),
            ('pause', 'every backend', pause.who, pause.reason),
            ('resume', 'b', 'unknown', ''),
            ('exclude', exclusion.subject, exclusion.who, exclusion.reason),
            ('include', 'host h', 'jo@ctl1', '')], self._recorded())

    def test_what_is_refused_is_not_recorded(self):
        self.brake.pause.side_effect = exception.RecoveryPaused(pause='x')
        self._refused(self.endpoint.pause, test_pauses.pause().to_primitive())
        self.recorder.record.assert_not_called()

    def test_acts(self):
        self.recorder.read.return_value = [test_acts.act()]
        self.assertEqual([test_acts.act().to_primitive()], self.endpoint.acts(
            {}, since=test_acts.SINCE.isoformat()))
        self.recorder.read.assert_called_once_with(test_acts.SINCE)

    def test_acts_that_cannot_be_read(self):
        down = exception.DecisionsUnavailable(reason='x')
        self.recorder.read.side_effect = down
        self.assertIs(type(down),
                      self._refused(self.endpoint.acts, '2026-11-26'))

    def test_progress(self):
        self.reconciler.progress.return_value = {'b': {'done': True}}
        self.assertEqual({'b': {'done': True}},
                         self.endpoint.progress({}, backends=['b']))

    def test_health(self):
        self.reconciler.health.return_value = {'nonces': ['n']}
        self.brake.report.return_value = {'pauses': [], 'decisions': ''}
        self.excluded.report.return_value = {'exclusions': []}
        self.assertEqual(
            {'host': 'ctl', 'version': rpcapi.EngineAPI.VERSION,
             'topics': ['t'], 'nonces': ['n'], 'pauses': [],
             'decisions': '', 'exclusions': []}, self.endpoint.health({}))

    def test_status(self):
        self.reconciler.report.return_value = {'reason': ''}
        self.assertEqual({'reason': ''},
                         self.endpoint.status({}, backend='b'))

    def test_ping(self):
        self.assertEqual(
            {'host': 'ctl', 'version': rpcapi.EngineAPI.VERSION},
            self.endpoint.ping({}))

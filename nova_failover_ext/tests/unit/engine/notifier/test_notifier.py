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


"""The engine's notifications are those of the samples, and bother nobody."""

import copy
import datetime
import json
import pathlib
import threading
from unittest import mock

import ddt
import nova.conf
from nova import objects
from nova import rpc
from oslo_config import fixture as config_fixture
import oslo_messaging
from oslo_utils import fixture as time_fixture
from oslotest import base

import nova_failover_ext
from nova_failover_ext.api import load as loads
from nova_failover_ext.engine.notifier import notifier
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes

Outcome = results.Outcome
SAMPLES = (pathlib.Path(nova_failover_ext.__file__).parents[1]
           / 'doc' / 'notification_samples' / 'engine')
BEGIN = datetime.datetime(2026, 11, 23, 4, 31, 12, tzinfo=datetime.UTC)
SERVER = '8d5c2a3e-94a5-4a56-8d1c-2a3b4c5d6e7f'
OTHER = '0c1d2e3f-4a5b-4c6d-8e7f-90a1b2c3d4e5'
WAIT = 60


def data_of(payload):
    return payload.obj_to_primitive()['nova_object.data']


class Sink:
    """Keeps what is published; tests wait for it."""

    def __init__(self):
        self.sent = []
        self._changed = threading.Condition()

    def __call__(self, phase, payload):
        with self._changed:
            self.sent.append((phase.value, copy.deepcopy(data_of(payload))))
            self._changed.notify_all()

    def wait(self, number):
        with self._changed:
            if not self._changed.wait_for(
                    lambda: len(self.sent) >= number, WAIT):
                raise AssertionError('%d of %d were sent'
                                     % (len(self.sent), number))
            return self.sent


class AnnouncerTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.now = 100.0
        self.sink = Sink()

    def recovery_notifier(self, interval=0.0, publish=None, **values):
        own = notifier.Notifier(
            'controller', publish or self.sink, clock=lambda: self.now,
            interval=interval, **values)
        self.addCleanup(own.stop)
        return own

    def begin(self, own, failover_id=fakes.FAILOVER_ID):
        own.began(fakes.BACKEND, failover_id, 'second', 2)

    def give_up(self, own, server=SERVER, reason='why',
                failover_id=fakes.FAILOVER_ID):
        own.retries_exhausted(fakes.BACKEND, failover_id, server, reason)

    def end(self, own, outcome, **values):
        own.ended(fakes.work(**values),
                  results.ServerResult(SERVER, outcome), loads.Load())

    def test_a_failover(self):
        own = self.recovery_notifier()
        self.begin(own)
        self.end(own, Outcome.RECOVERED)
        self.end(own, Outcome.FAILED)
        self.end(own, Outcome.RECOVERED)
        self.now = 130.0
        own.converged(fakes.BACKEND, fakes.FAILOVER_ID, 31.0)
        [(first, start), (last, end)] = self.sink.wait(2)
        self.assertEqual(('start', 'end'), (first, last))
        self.assertEqual(
            (fakes.FAILOVER_ID, fakes.BACKEND, 'second', 2, 0.0, {}, None),
            tuple(start[name] for name in (
                'failover_id', 'backend', 'target', 'servers', 'seconds',
                'counts', 'reason')))
        self.assertEqual(({'recovered': 2, 'failed': 1}, 31.0, None),
                         (end['counts'], end['seconds'], end['reason']))
        self.assertEqual(start['started_at'], end['started_at'])

    def test_an_end_counts_excluded_servers(self):
        own = self.recovery_notifier()
        self.begin(own)
        self.end(own, Outcome.RECOVERED)
        own.converged(fakes.BACKEND, fakes.FAILOVER_ID, 31.0, 2)
        [_start, (_last, end)] = self.sink.wait(2)
        self.assertEqual({'recovered': 1, 'excluded': 2}, end['counts'])

    def test_how_many_there_are_may_be_known_later(self):
        own = self.recovery_notifier()
        self.begin(own)
        own.all_found(fakes.BACKEND, fakes.FAILOVER_ID, 9)
        own.converged(fakes.BACKEND, fakes.FAILOVER_ID, 31.0)
        self.assertEqual([('start', 2), ('end', 9)], [
            (phase, data['servers']) for phase, data in self.sink.wait(2)])

    def test_begun_twice_is_told_once(self):
        own = self.recovery_notifier()
        self.begin(own)
        self.begin(own)
        own.converged(fakes.BACKEND, fakes.FAILOVER_ID, 1.0)
        self.begin(own)
        own.stop(WAIT)
        self.assertEqual(['start', 'end', 'start'],
                         [phase for phase, _data in self.sink.sent])

    def test_the_primary(self):
        own = self.recovery_notifier()
        own.began(fakes.BACKEND, fakes.FAILOVER_ID, '', 2)
        [(_phase, start)] = self.sink.wait(1)
        self.assertIsNone(start['target'])

    def test_servers_out_of_retries_are_told_together(self):
        own = self.recovery_notifier(interval=60.0)
        self.begin(own)
        self.give_up(own, reason="no way, password='CANARY'")
        self.give_up(own, OTHER)
        self.sink.wait(1)
        own.stop(WAIT)
        [_start, (phase, data)] = self.sink.sent
        self.assertEqual('error', phase)
        self.assertEqual(
            [OTHER, SERVER],
            [f['nova_object.data']['server_id'] for f in data['failures']])
        self.assertIn('out of retries, which are tried again now and then: 2',
                      data['reason'])
        self.assertNotIn('CANARY', repr(data))

    def test_servers_out_of_retries_are_told_when_it_is_time(self):
        own = self.recovery_notifier()
        self.give_up(own)
        [(phase, data)] = self.sink.wait(1)
        self.assertEqual('error', phase)
        self.give_up(own, OTHER)
        again = self.sink.wait(2)[1][1]
        self.assertEqual(
            [OTHER],
            [f['nova_object.data']['server_id'] for f in again['failures']])

    def test_not_before_it_is_time(self):
        own = self.recovery_notifier(interval=60.0)
        self.give_up(own)
        own._send_exhausted()
        self.assertEqual([], self.sink.sent)
        self.assertEqual(60.0, own._wait())
        self.now += 61
        self.assertEqual(0.0, own._wait())
        own._send_exhausted()
        self.assertEqual(1, len(self.sink.sent))
        self.assertIsNone(own._wait())

    def test_too_many_to_name(self):
        own = self.recovery_notifier(interval=60.0)
        for number in range(notifier.MOST_FAILURES + 1):
            self.give_up(own, '%08d-94a5-4a56-8d1c-2a3b4c5d6e7f' % number)
        own.stop(WAIT)
        [(_phase, data)] = self.sink.sent
        self.assertEqual(notifier.MOST_FAILURES, len(data['failures']))
        self.assertTrue(data['truncated'])
        self.assertIn(': 101', data['reason'])

    def test_superseded(self):
        own = self.recovery_notifier()
        self.begin(own)
        own.superseded(fakes.BACKEND, fakes.FAILOVER_ID, 7)
        phase, data = self.sink.wait(2)[1]
        self.assertEqual('error', phase)
        self.assertIn('left to it: 7', data['reason'])

    def test_another_engine_has_begun(self):
        own = self.recovery_notifier()
        own.converged(fakes.BACKEND, fakes.FAILOVER_ID, 3.0)
        [(phase, data)] = self.sink.wait(1)
        self.assertEqual(('end', None, 3.0),
                         (phase, data['started_at'], data['seconds']))

    def test_another_engine_acts_meanwhile(self):
        own = self.recovery_notifier(interval=60.0)
        own.leadership_changed(True)
        self.begin(own)
        self.end(own, Outcome.RECOVERED)
        own.leadership_changed(True)
        own.leadership_changed(False)
        own.leadership_changed(True)
        self.begin(own)
        self.give_up(own)
        own.leadership_changed(False)
        own.stop(WAIT)
        self.assertEqual(['start', 'start', 'error'],
                         [phase for phase, _data in self.sink.sent])
        self.assertEqual({}, self.sink.sent[2][1]['counts'])

    def test_what_ends_late_counts_for_its_own_failover(self):
        own = self.recovery_notifier()
        self.begin(own)
        self.begin(own, 'req-newer')
        self.end(own, Outcome.RECOVERED)
        own.converged(fakes.BACKEND, 'req-newer', 1.0)
        self.assertEqual({}, self.sink.wait(3)[2][1]['counts'])

    def test_a_bus_that_hangs_keeps_nobody_waiting(self):
        entered, release = threading.Event(), threading.Event()

        def hang(phase, payload):
            entered.set()
            release.wait(WAIT)
            self.sink(phase, payload)

        own = self.recovery_notifier(publish=hang, queue_size=2)
        self.begin(own)
        self.assertTrue(entered.wait(WAIT))
        for number in range(5):
            self.begin(own, 'req-%d' % number)
        self.give_up(own, failover_id='req-4')
        self.assertEqual(3, own.dropped)
        own.stop(0.0)
        release.set()
        self.sink.wait(4)

    def test_what_cannot_be_sent(self):
        log = self.useFixture(_Logged())

        def fail(phase, payload):
            if phase is notifier.Phase.START:
                raise oslo_messaging.MessageDeliveryFailure(
                    "password='CANARY'")
            self.sink(phase, payload)

        own = self.recovery_notifier(publish=fail)
        self.begin(own)
        own.converged(fakes.BACKEND, fakes.FAILOVER_ID, 1.0)
        self.sink.wait(1)
        own.stop(WAIT)
        self.assertIn('failover.recovery.start was not sent', log.text())
        self.assertNotIn('CANARY', log.text())

    def test_stopped_without_having_been_used(self):
        self.recovery_notifier().stop(0.0)


class _Logged(time_fixture.TimeFixture):
    """Keeps warnings as the text that is written."""

    def _setUp(self):
        super()._setUp()
        patched = mock.patch.object(notifier, 'LOG', autospec=True)
        self._log = patched.start()
        self.addCleanup(patched.stop)

    def text(self):
        return '\n'.join(call.args[0] % call.args[1:]
                         for call in self._log.warning.call_args_list)


@ddt.ddt
class SamplesTest(base.BaseTestCase):
    """What reaches the bus is what the documentation shows."""

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.config = self.useFixture(config_fixture.Config(nova.conf.CONF))
        self.config.config(notification_format='versioned',
                           group='notifications')
        self.useFixture(time_fixture.TimeFixture(BEGIN.replace(tzinfo=None)))
        self.notifier = mock.create_autospec(
            oslo_messaging.Notifier, instance=True)
        self.prepared = self.notifier.prepare.return_value = (
            mock.create_autospec(oslo_messaging.Notifier, instance=True))
        patched = mock.patch.object(rpc, 'NOTIFIER', self.notifier)
        patched.start()
        self.addCleanup(patched.stop)

    def _play(self):
        """Have a failover that gives one server up."""
        now = [0.0]
        own = notifier.Notifier('ctl1', clock=lambda: now[0])
        own.began('ctl1@rbd', fakes.FAILOVER_ID, 'site-b', 3)
        for outcome in (Outcome.RECOVERED, Outcome.RECOVERED,
                        Outcome.FAILED):
            own.ended(fakes.work(backend='ctl1@rbd'), results.ServerResult(
                SERVER, outcome), loads.Load())
        now[0] = 912.5
        own.retries_exhausted(
            'ctl1@rbd', fakes.FAILOVER_ID, SERVER,
            'Recovery failed in step power_on: the guest does not start.')
        own.stop(WAIT)
        own = notifier.Notifier('ctl1', clock=lambda: now[0])
        now[0] = 0.0
        own.began('ctl1@rbd', fakes.FAILOVER_ID, 'site-b', 3)
        for _ in range(3):
            own.ended(fakes.work(backend='ctl1@rbd'), results.ServerResult(
                SERVER, Outcome.RECOVERED), loads.Load())
        own.converged('ctl1@rbd', fakes.FAILOVER_ID, 48.25)
        own.stop(WAIT)

    def _sent(self):
        self._play()
        return {
            call.kwargs['event_type'].rpartition('.')[2]: {
                'event_type': call.kwargs['event_type'],
                'payload': call.kwargs['payload'],
                'priority': priority.upper(),
                'publisher_id':
                    self.notifier.prepare.call_args.kwargs['publisher_id']}
            for priority in ('info', 'error')
            for call in getattr(self.prepared, priority).call_args_list}

    def test_samples(self):
        sent = self._sent()
        names = {path.stem: path for path in SAMPLES.glob('*.json')}
        self.assertEqual(
            {'failover-recovery-%s' % phase for phase in sent}, set(names))
        for phase, notification in sent.items():
            path = names['failover-recovery-%s' % phase]
            self.assertEqual(json.loads(path.read_text()), notification)

    def test_request_id_is_the_failovers(self):
        self._play()
        [context] = self.prepared.error.call_args.args
        self.assertEqual(fakes.FAILOVER_ID, context.request_id)

    def test_unversioned(self):
        self.config.config(notification_format='unversioned',
                           group='notifications')
        self._play()
        self.notifier.prepare.assert_not_called()

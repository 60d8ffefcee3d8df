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

"""What the listener lets through, and what becomes of it."""

import json
import pathlib
import threading
from unittest import mock

import cinder_failover_hooks
import ddt
import fixtures
from oslo_config import cfg
import oslo_messaging as messaging
import testtools

from nova_failover_ext.conf import engine as engine_conf
from nova_failover_ext.engine.listener import notification_endpoint
from nova_failover_ext.engine import model
from nova_failover_ext.engine.reconciler import notification_log
from nova_failover_ext.engine.reconciler import reconciler

GROUP = '5d7e3f10-2c44-4a6b-9b1e-7a0c5d9e2f31'
SAMPLES = (pathlib.Path(cinder_failover_hooks.__file__).parents[1]
           / 'doc' / 'notification_samples')


def _sample(name):
    return json.loads((SAMPLES / name).read_text())


@ddt.ddt
class EndpointTest(testtools.TestCase):
    """From a message to a hint."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.reconciler = mock.create_autospec(
            reconciler.Reconciler, instance=True)
        self.endpoint = notification_endpoint.Endpoint(self.reconciler)

    def _send(self, sample):
        receive = getattr(self.endpoint, sample['priority'].lower())
        return receive({}, sample['publisher_id'], sample['event_type'],
                       sample['payload'], {})

    def test_every_sample_is_understood(self):
        for path in sorted(SAMPLES.glob('*.json')):
            sample = _sample(path.name)
            self.reconciler.hint.reset_mock()
            self._send(sample)
            payload = sample['payload']['failover_object.data']
            started = (sample['event_type'] == 'backend.failover.start'
                       and not payload.get('group_id'))
            self.reconciler.hint.assert_called_once_with(
                payload['backend'], model.Hint(
                    None if started else payload['failover_id'],
                    payload['new_active_backend_id'],
                    payload.get('group_id')))
            self.assertTrue(self.endpoint.filter_rule.match(
                {}, sample['publisher_id'], sample['event_type'], {}, {}))

    @ddt.data(('announce', None, None, False),
              ('announce', 'second', None, True),
              ('announce', None, GROUP, True),
              ('failover.start', 'second', None, False),
              ('failover.error', None, None, True),
              ('failover.end', None, None, True))
    @ddt.unpack
    def test_only_what_has_moved_tells_of_a_failover(self, event, target,
                                                     group_id, told):
        sample = _sample('backend-failover-end.json')
        data = sample['payload']['failover_object.data']
        data.update(new_active_backend_id=target, group_id=group_id)
        self.endpoint.info({}, sample['publisher_id'], 'backend.' + event,
                           sample['payload'], {})
        hint = self.reconciler.hint.call_args.args[1]
        self.assertEqual(
            (data['failover_id'] if told else None, target, group_id),
            (hint.failover_id, hint.target, hint.group_id))

    @ddt.data(None, 5, 'text', [], {}, {'failover_object.name': 'x'})
    def test_malformed(self, payload):
        self.assertIsNone(self.endpoint.info(
            {}, 'volume.x', 'backend.failover.end', payload, {}))
        self.reconciler.hint.assert_not_called()
        self.assertEqual(1, self.log.output.count('is ignored'))

    def test_a_probe(self):
        own = notification_log.NotificationLog()
        self.reconciler.notification_log = own
        self.endpoint.info({}, 'volume.nova-failover', 'backend.probe',
                           {'nonce': 'n1'}, {})
        self.assertEqual({'last_notifications': {}, 'nonces': ['n1']},
                         own.report())
        self.reconciler.hint.assert_not_called()
        self.assertEqual('', self.log.output)

    @ddt.data(None, 5, [], {}, {'nonce': 5}, {'nonce': 'x' * 65})
    def test_a_malformed_probe(self, payload):
        own = notification_log.NotificationLog()
        own.note_probe(payload)
        self.assertEqual([], own.report()['nonces'])

    def test_what_is_remembered_is_bounded(self):
        own = notification_log.NotificationLog()
        for number in range(2 * notification_log.BACKENDS):
            own.note_probe({'nonce': str(number)})
            own.note_backend(str(number))
        report = own.report()
        self.assertEqual((notification_log.PROBES, notification_log.BACKENDS),
                         (len(report['nonces']),
                          len(report['last_notifications'])))
        self.assertIn(str(number), report['last_notifications'])

    @ddt.data(('compute.x', 'backend.failover.end'),
              ('volume.x', 'volume.create.end'))
    @ddt.unpack
    def test_other_notifications_are_filtered(self, publisher, event_type):
        self.assertFalse(self.endpoint.filter_rule.match(
            {}, publisher, event_type, {}, {}))


class ListenerTest(testtools.TestCase):
    """The listener over oslo.messaging's in-memory bus."""

    def setUp(self):
        super().setUp()
        self.conf = cfg.ConfigOpts()
        # What is set in a group is set for all that register the same object.
        self.conf.register_group(cfg.OptGroup('failover_engine'))
        engine_conf.register_opts(self.conf)
        self.conf([], default_config_files=[])
        self.conf.set_override('transport_url', 'fake:///',
                               'failover_engine')
        # Nova's own is another one than Cinder's.
        messaging.get_notification_transport(self.conf, url='fake:///')
        self.conf.set_override('control_exchange', 'nova')

    def _send(self, sample):
        self.conf.set_override('control_exchange', 'openstack')
        transport = messaging.get_notification_transport(
            self.conf, url='fake:///')
        notifier = messaging.Notifier(
            transport, sample['publisher_id'], driver='messagingv2',
            topics=['failover_notifications'])
        getattr(notifier, sample['priority'].lower())(
            {}, sample['event_type'], sample['payload'])

    def test_receives(self):
        received = threading.Event()
        own = mock.create_autospec(reconciler.Reconciler, instance=True)
        own.hint.side_effect = lambda *args: received.set()
        listener = notification_endpoint.listener(
            self.conf, notification_endpoint.Endpoint(own), 'threading')
        listener.start()
        self.addCleanup(listener.wait)
        self.addCleanup(listener.stop)
        for name in ('backend-failover-end.json',
                     'backend-failover-error.json'):
            received.clear()
            self._send(_sample(name))
            self.assertTrue(received.wait(10), name)

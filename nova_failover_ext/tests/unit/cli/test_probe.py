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

"""A probe goes the way of Cinder's notifications, up to the engine."""

import threading
from unittest import mock

from oslo_config import cfg
import oslo_messaging as messaging
import testtools

from nova_failover_ext.cli.checks import acting
from nova_failover_ext import conf as own_conf
from nova_failover_ext.engine.listener import notification_endpoint
from nova_failover_ext.engine.reconciler import notification_log
from nova_failover_ext.engine.reconciler import reconciler


class ProbeTest(testtools.TestCase):
    """With the listener of the engine, on a bus in this process."""

    def setUp(self):
        super().setUp()
        self.conf = cfg.ConfigOpts()
        # What is set in a group is set for all that register the same object.
        self.conf.register_group(cfg.OptGroup('failover_engine'))
        own_conf.register_opts(self.conf)
        self.conf([], default_config_files=[], default_config_dirs=[])
        self.conf.set_override('transport_url', 'fake:/', 'failover_engine')
        self.conf.set_override('notification_exchange', 'of-cinder',
                               'failover_engine')
        # As whoever connects to any bus does.
        messaging.get_notification_transport(self.conf, url='fake:/')
        self.notification_log = threading.Event()
        own = mock.create_autospec(reconciler.Reconciler, instance=True)
        own.notification_log = mock.create_autospec(
            notification_log.NotificationLog, instance=True)
        own.notification_log.note_probe.side_effect = (
            lambda _payload: self.notification_log.set())
        self.noted = own.notification_log.note_probe
        listener = notification_endpoint.listener(
            self.conf, notification_endpoint.Endpoint(own), 'threading')
        listener.start()
        self.addCleanup(listener.wait)
        self.addCleanup(listener.stop)

    def test_the_engine_hears_it(self):
        exchange = self.conf.control_exchange
        acting.publish(self.conf, 'nonce')
        self.assertTrue(self.notification_log.wait(60))
        self.noted.assert_called_once_with({'nonce': 'nonce'})
        self.assertEqual(exchange, self.conf.control_exchange)

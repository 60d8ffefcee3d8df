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

"""Gauges move while recovery runs, between two scans."""

import threading
from unittest import mock

from nova_failover_ext.engine.notifier import metrics
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base


class LiveFiguresTest(base.CoordinatorTestCase):
    """What is fetched is what is so at that moment."""

    def setUp(self):
        super().setUp()
        self.paused = set()
        self.dispatcher.counts.return_value = (0, 0)
        self.dispatcher.waited.return_value = 0.0
        self.dispatcher.limit.return_value = 16
        self.registry = metrics.Metrics(
            lambda: self.reconciler.figures(self.paused.__contains__)
        ).registry

    def value(self, name, backend=fakes.BACKEND, **labels):
        if backend:
            labels['backend'] = backend
        return self.registry.get_sample_value(
            'nova_failover_%s' % name, labels)

    def test_without_another_scan(self):
        self._hint()
        self.dispatcher.counts.return_value = (1, 0)
        self.assertEqual(1, self.value('servers', state='waiting'))
        self.dispatcher.counts.return_value = (0, 1)
        self.dispatcher.waited.return_value = 12.5
        self.assertEqual(
            [0, 1, 1, 1, 12.5, 16],
            [self.value('servers', state='waiting'),
             self.value('servers', state='recovering'),
             self.value('in_flight'), self.value('remaining'),
             self.value('oldest_waiting_seconds'), self.value('limit')])
        self.assertEqual(1, self._full_scan())

    def test_pauses(self):
        self._hint()
        self.assertEqual(0, self.value('paused'))
        self.paused.add(fakes.BACKEND)
        self.assertEqual(1, self.value('paused'))

    def test_the_gate(self):
        self.member = fakes.member(replication_status='failing-over')
        self._hint()
        self.assertEqual(0, self.value('gate_open'))
        self.member = fakes.member()
        self._hint()
        self.assertEqual(1, self.value('gate_open'))

    def test_hosts(self):
        self.assertEqual(0, self.value('silent_hosts', None))
        self.hosts.note_silent(fakes.CELL, 'compute1')
        self.hosts.note_up(fakes.CELL, 'compute2', False)
        self.assertEqual((1, 1), (self.value('silent_hosts', None),
                                  self.value('down_hosts', None)))

    def test_errors(self):
        self.nova.attachments.side_effect = exception.DatabaseUnavailable(
            reason='down')
        self._hint()
        self.assertEqual(1, self.value('scan_errors'))

    def test_a_name_that_somebody_mistyped(self):
        self.reconciler.report('nonsense')
        self.assertIsNone(self.value('limit', 'nonsense'))

    def test_another_engine_acts(self):
        self._hint()
        self.reconciler.follow()
        for name in ('limit', 'remaining'):
            self.assertIsNone(self.value(name))
        self.assertIsNone(self.value('silent_hosts', None))

    def test_a_scan_that_takes_long_keeps_nobody_waiting(self):
        self._hint()
        state = mock.Mock()
        with self.reconciler._context.backends.get(fakes.BACKEND).lock:
            asker = threading.Thread(target=lambda: state(
                self.value('remaining')), daemon=True)
            asker.start()
            asker.join(30)
        state.assert_called_once_with(1)

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

"""Repeating within bounds."""

import threading
from unittest import mock

import ddt
from oslo_db import exception as db_exc
import oslo_messaging

from cinder_failover_hooks import exception
from cinder_failover_hooks import retry
from cinder_failover_hooks.tests.unit import base


@ddt.ddt
class TestRetry(base.TestCase):
    """What is repeated, how often, and when it ends."""

    def setUp(self) -> None:
        """Never wait for real."""
        super().setUp()
        self.stopping = threading.Event()
        self.waits = self.useFixture(base.Patch(
            self.stopping, 'wait')).mock

    def _retry(self, forever: bool = False, **options: float) -> retry.Retry:
        return retry.Retry(self.config(**options), self.stopping, forever)

    @ddt.data(oslo_messaging.MessageDeliveryFailure('down'),
              db_exc.DBConnectionError('down'), ConnectionRefusedError())
    def test_transient_errors_are_repeated(self, error: Exception) -> None:
        """Broker or database away for a while."""
        function = mock.Mock(side_effect=[error, error, 'done'], spec=[])
        self.assertEqual('done', self._retry()('sending', function))
        self.assertEqual([mock.call(1.0), mock.call(2.0)],
                         self.waits.mock_calls)

    def test_waits_are_bounded(self) -> None:
        """They double up to the longest one."""
        function = mock.Mock(side_effect=[OSError()] * 6 + ['done'], spec=[])
        self._retry(retry_max_interval=5.0)('sending', function)
        self.assertEqual([1.0, 2.0, 4.0, 5.0, 5.0, 5.0],
                         [call.args[0] for call in self.waits.mock_calls])

    def test_our_own_errors_are_not_repeated(self) -> None:
        """They would not go away."""
        function = mock.Mock(side_effect=TypeError, spec=[])
        self.assertRaises(TypeError, self._retry(), 'sending', function)
        self.assertEqual(1, function.call_count)

    def test_it_ends_with_the_last_error(self) -> None:
        """A timeout of 0 tries once."""
        function = mock.Mock(side_effect=OSError('last'), spec=[])
        self.assertRaises(OSError, self._retry(retry_timeout=0), 'sending',
                          function)
        self.assertEqual(1, function.call_count)

    def test_forever(self) -> None:
        """Only success or the end of the process ends it."""
        made = self._retry(forever=True, retry_timeout=0)
        function = mock.Mock(side_effect=[OSError()] * 9 + ['done'], spec=[])
        self.assertEqual('done', made('sending', function))
        self.stopping.set()
        function = mock.Mock(side_effect=OSError, spec=[])
        self.assertRaises(exception.DeliveryStopped, made, 'sending', function)

    def test_the_end_of_the_process_ends_it(self) -> None:
        """Nobody waits ten minutes for a service to stop."""
        self.stopping.set()
        function = mock.Mock(side_effect=OSError, spec=[])
        self.assertRaises(exception.DeliveryStopped, self._retry(),
                          'sending', function)
        self.assertEqual(1, function.call_count)

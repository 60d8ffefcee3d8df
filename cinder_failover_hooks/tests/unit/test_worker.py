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

"""The one thread in the background."""

import functools
import threading
from unittest import mock

import fixtures

from cinder_failover_hooks.tests.unit import base
from cinder_failover_hooks import worker


class TestWorker(base.TestCase):
    """Order, isolation and bounds."""

    def setUp(self) -> None:
        """Keep what is logged."""
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.worker = worker.Worker('test')

    def test_jobs_run_in_order_in_another_thread(self) -> None:
        """Start is sent before end."""
        seen: list[tuple[int, threading.Thread]] = []
        for number in range(20):
            self.worker.submit('job', functools.partial(
                lambda number: seen.append(
                    (number, threading.current_thread())), number))
        self.worker.wait()
        self.assertEqual(list(range(20)), [number for number, _ in seen])
        self.assertEqual(1, len({thread for _, thread in seen}))
        self.assertIsNot(threading.current_thread(), seen[0][1])
        self.assertTrue(seen[0][1].daemon)

    def test_an_error_is_logged_once_and_the_next_job_runs(self) -> None:
        """One lost notification does not take the next one with it."""
        done = threading.Event()
        self.worker.submit('notification 1', lambda: 1 // 0)
        self.worker.submit('notification 2', done.set)
        self.worker.wait()
        self.assertTrue(done.is_set())
        self.assertEqual(1, self.log.output.count('Dropped notification 1'))
        self.assertNotIn('Dropped notification 2', self.log.output)

    def test_a_job_that_never_returns_does_not_block_the_caller(self) -> None:
        """The backlog is bounded; what does not fit is dropped and logged."""
        blocked, release = threading.Event(), threading.Event()
        self.addCleanup(self.worker.wait)
        self.addCleanup(release.set)

        def hang() -> None:
            blocked.set()
            release.wait()

        self.worker.submit('hanging', hang)
        self.assertTrue(blocked.wait(10))
        for _ in range(worker.BACKLOG):
            self.assertTrue(self.worker.submit('waiting', lambda: None))
        self.assertNotIn('Dropped', self.log.output)
        self.assertFalse(self.worker.submit('notification 3', lambda: None))
        self.assertIn('Dropped notification 3', self.log.output)

    def test_no_thread_before_the_first_job(self) -> None:
        """The process forks after the manager is made."""
        with mock.patch.object(threading, 'Thread', autospec=True) as thread:
            worker.Worker('idle')
            thread.assert_not_called()

    def test_no_room_for_a_thread(self) -> None:
        """The job is kept, and run when the next one finds room."""
        done = threading.Event()
        with mock.patch.object(threading.Thread, 'start', autospec=True,
                               side_effect=RuntimeError):
            self.worker.submit('notification 4', done.set)
        self.assertIn('Delayed notification 4', self.log.output)
        self.worker.submit('notification 5', lambda: None)
        self.worker.wait()
        self.assertTrue(done.is_set())

    def test_nothing_runs_after_stop(self) -> None:
        """The process ends: what waits is dropped."""
        done = threading.Event()
        self.worker.stop()
        self.worker.submit('late', done.set)
        self.worker.wait()
        self.assertFalse(done.is_set())

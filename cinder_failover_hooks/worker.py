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

"""Runs jobs one after the other in a thread of its own.

The module uses Python's own threads and queue, which are green in a process
that eventlet has patched. The thread is a daemon. The first job starts it,
because cinder-volume forks after it has created its manager.
"""

from collections.abc import Callable
import queue
import threading

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: Number of jobs that may wait. A failover queues two, a start queues one.
BACKLOG = 256

_Job = tuple[str, Callable[[], object]]


class Worker:
    """A queue of jobs and the one thread that runs them in order.

    :param name: name of the thread, for logs and reports
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.Queue[_Job] = queue.Queue(maxsize=BACKLOG)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        #: set when the process stops; a running job should then end soon
        self.stopping = threading.Event()

    def submit(self, what: str, job: Callable[[], object]) -> bool:
        """Queue a job; return at once and raise nothing.

        :param what: description for the log, should the job fail
        :param job: function without arguments; its result is ignored, its
            exceptions are logged
        :returns: whether the queue had room for the job
        """
        try:
            self._jobs.put_nowait((what, job))
            self._ensure_thread()
        except queue.Full:
            LOG.error('Dropped %s: too many notifications are queued.', what)
            return False
        except RuntimeError:
            # The system cannot start another thread. The job stays in the
            # queue until submitting the next job starts one.
            LOG.exception('Delayed %s: cannot start a thread.', what)
        return True

    def stop(self) -> None:
        """Tell the running job to end, and drop the jobs in the queue."""
        self.stopping.set()

    def wait(self) -> None:
        """Wait until every queued job has run."""
        self._jobs.join()

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(
                    target=self._run, name=self._name, daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        while True:
            what, job = self._jobs.get()
            try:
                if not self.stopping.is_set():
                    job()
            except Exception:
                # A failed notification must neither harm Cinder nor keep the
                # next notification from being sent.
                LOG.exception('Dropped %s. The service announces the state '
                              'of the backend when it starts again.', what)
            finally:
                self._jobs.task_done()

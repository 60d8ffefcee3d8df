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

"""Runs jobs one after the other, apart from whoever asks for them.

Python's own threads and queue are all it needs: in a process that eventlet
has patched they are green. The thread is a daemon and is started by the
first job, because cinder-volume forks after it has made its manager.
"""

from collections.abc import Callable
import queue
import threading

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: Jobs that may wait. There are two for a failover and one for a start.
BACKLOG = 256

_Job = tuple[str, Callable[[], object]]


class Worker:
    """A queue of jobs and the one thread that runs them in order.

    :param name: of the thread, for logs and reports
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.Queue[_Job] = queue.Queue(maxsize=BACKLOG)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        #: set when the process ends; jobs should then give up soon
        self.stopping = threading.Event()

    def submit(self, what: str, job: Callable[[], object]) -> bool:
        """Queue a job. Returns at once and raises nothing.

        :param what: says in the log what is lost if the job fails
        :param job: called without arguments; what it returns is ignored, what
            it raises is logged
        :returns: whether there was room for it
        """
        try:
            self._jobs.put_nowait((what, job))
            self._ensure_thread()
        except queue.Full:
            LOG.error('Dropped %s: too many notifications are waiting.', what)
            return False
        except RuntimeError:
            # The machine has no room for another thread. The job stays
            # queued for when the next one asks again.
            LOG.exception('Delayed %s: no thread to send it with.', what)
        return True

    def stop(self) -> None:
        """Tell the running job to give up, and drop those that wait."""
        self.stopping.set()

    def wait(self) -> None:
        """Wait until everything that was queued has been run."""
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
                # The boundary: nothing that goes wrong while notifying may
                # reach Cinder or keep the next notification from being sent.
                LOG.exception('Dropped %s. The state of the backend is '
                              'announced again when the service starts.', what)
            finally:
                self._jobs.task_done()

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

"""Repeats calls to the database or the message bus, within bounds."""

from collections.abc import Callable
import threading
from typing import TypeVar

from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_log import log as logging
import oslo_messaging
import tenacity

from cinder_failover_hooks import exception

LOG = logging.getLogger(__name__)

#: Errors that may be temporary. Any other exception is a defect of the hooks.
TRANSIENT = (oslo_messaging.MessagingException, db_exc.DBError, OSError)

_T = TypeVar('_T')


class Retry:
    """Calls a function until it succeeds, or a time limit is reached.

    :param conf: configuration with the ``[failover_hooks]`` options
    :param stopping: set when the process stops, which ends retrying
    :param forever: whether there is no time limit
    """

    def __init__(self, conf: cfg.ConfigOpts, stopping: threading.Event,
                 forever: bool = False) -> None:
        self._options = conf.failover_hooks
        self._stopping = stopping
        self._forever = forever

    def __call__(self, what: str, function: Callable[[], _T]) -> _T:
        """Call the function and return its result.

        :param what: description of the call for the debug log
        :param function: function without arguments
        :raises DeliveryStopped: the process is stopping
        :raises Exception: the last error of the function
        """
        def stop_early(state: tenacity.RetryCallState) -> None:
            LOG.debug('Attempt %d at %s failed, retrying.',
                      state.attempt_number, what)
            if self._stopping.is_set():
                raise exception.DeliveryStopped()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TRANSIENT),
            stop=(tenacity.stop_never if self._forever else
                  tenacity.stop_after_delay(self._options.retry_timeout)),
            wait=tenacity.wait_exponential(
                multiplier=self._options.retry_interval,
                max=self._options.retry_max_interval),
            sleep=self._sleep, before_sleep=stop_early, reraise=True)
        return retrying(function)

    def _sleep(self, seconds: float) -> None:
        # Unlike time.sleep, this returns as soon as the process stops.
        self._stopping.wait(seconds)

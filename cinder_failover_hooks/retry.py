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

"""Repeats what talks to the database or the message bus, within bounds."""

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

#: What may go away by itself. Anything else is an error of ours.
TRANSIENT = (oslo_messaging.MessagingException, db_exc.DBError, OSError)

_T = TypeVar('_T')


class Retry:
    """Calls a function until it succeeds, time runs out or we are stopped.

    :param conf: configuration with the ``[failover_hooks]`` options
    :param stopping: set when the process ends
    :param for_ever: whether only that ends it
    """

    def __init__(self, conf: cfg.ConfigOpts, stopping: threading.Event,
                 for_ever: bool = False) -> None:
        self._options = conf.failover_hooks
        self._stopping = stopping
        self._for_ever = for_ever

    def __call__(self, what: str, function: Callable[[], _T]) -> _T:
        """Return what the function returns.

        :param what: says in the debug log what is being repeated
        :param function: called without arguments
        :raises DeliveryStopped: the process ends
        :raises Exception: what the function raised at last
        """
        def stop_early(state: tenacity.RetryCallState) -> None:
            LOG.debug('Attempt %d at %s failed, trying again.',
                      state.attempt_number, what)
            if self._stopping.is_set():
                raise exception.DeliveryStopped()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TRANSIENT),
            stop=(tenacity.stop_never if self._for_ever else
                  tenacity.stop_after_delay(self._options.retry_timeout)),
            wait=tenacity.wait_exponential(
                multiplier=self._options.retry_interval,
                max=self._options.retry_max_interval),
            sleep=self._sleep, before_sleep=stop_early, reraise=True)
        return retrying(function)

    def _sleep(self, seconds: float) -> None:
        # Not time.sleep: the end of the process must not wait for us.
        self._stopping.wait(seconds)

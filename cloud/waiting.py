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
"""Waiting for conditions: each wait says what for, and has a bound."""

import collections.abc
import logging
import time
import typing

import tenacity

LOG = logging.getLogger(__name__)
T = typing.TypeVar('T')


class WaitTimeout(Exception):
    """What was waited for did not come about in time."""


def wait_for(what: str, check: collections.abc.Callable[[], T],
             timeout: float = 60, interval: float = 0.25,
             ignore: tuple[type[BaseException], ...] = ()) -> T:
    """Wait until a condition holds.

    :param what: what is waited for, for the log
    :param check: returns something true once the condition holds
    :param timeout: the bound in seconds
    :param interval: seconds between two looks
    :param ignore: exceptions of ``check`` that only mean "not yet"
    :returns: what ``check`` returned
    :raises WaitTimeout: when the bound is reached
    """
    LOG.debug('waiting up to %d s for %s', timeout, what)
    began = time.monotonic()
    again = (tenacity.retry_if_result(lambda result: not result)
             | tenacity.retry_if_exception_type(ignore))
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_delay(timeout), retry=again,
        wait=tenacity.wait_fixed(interval))
    try:
        result = retrying(check)
    except tenacity.RetryError as error:
        last = error.last_attempt
        reason = f' ({last.exception()})' if last.failed else ''
        raise WaitTimeout(
            f'waited {timeout:.0f} s in vain for {what}{reason}') from None
    LOG.debug('%s: after %.1f s', what, time.monotonic() - began)
    return result

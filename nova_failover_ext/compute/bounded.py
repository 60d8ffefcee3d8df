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

"""Runs a call that may hang for ever, and gives up waiting in time."""

from collections.abc import Callable
import concurrent.futures
from typing import Any, TypeVar

import futurist

_R = TypeVar('_R')


class TimedOut(Exception):
    """The call did not come back in time; it may still be hanging."""


def call(function: Callable[..., _R], timeout: float, *args: Any,
         **kwargs: Any) -> _R:
    """Call ``function`` and wait for it no longer than ``timeout``.

    Each call gets a thread of its own, so that one that hangs (a flush of a
    dead multipath device, an unmount of a dead share) holds up no other.

    :param function: what to call, with the remaining arguments
    :param timeout: seconds
    :returns: what the function returned
    :raises TimedOut: if it did not come back in time
    """
    executor = futurist.ThreadPoolExecutor(max_workers=1)
    try:
        future = executor.submit(function, *args, **kwargs)
        return future.result(timeout=timeout)
    except concurrent.futures.TimeoutError as error:
        raise TimedOut(f'no answer within {timeout:g} seconds') from error
    finally:
        executor.shutdown(wait=False)

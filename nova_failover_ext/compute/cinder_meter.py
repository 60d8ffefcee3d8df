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

"""Measures how Cinder and its array bear the recoveries of this host.

Upstream relied on, read in Nova 31 to 34: ``nova.volume.cinder.API`` raises
``CinderConnectionFailed`` where no connection came about, and errors of
cinderclient, which have a ``code``, as they are. Those of keystoneauth1 have
an ``http_status``.
"""

from collections.abc import Callable, Iterator
import contextlib
import threading
import time
from typing import Any, TypeVar

from keystoneauth1 import exceptions as keystone_exceptions
from nova import exception as nova_exception

from nova_failover_ext.api import load as loads
from nova_failover_ext.recovery import cinder_api

_R = TypeVar('_R')

_NO_CONNECTION = (keystone_exceptions.ConnectionError,
                  nova_exception.CinderConnectionFailed)
_TOO_MANY = 429


class Meter:
    """What one recovery has asked of Cinder so far."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.load = loads.Load()

    def add(self, seconds: float, refused: bool) -> None:
        """Count one request.

        :param seconds: how long it took
        :param refused: Cinder did not serve it, for a reason of its own
        """
        old = self.load
        self.load = loads.Load(
            old.calls + 1, old.seconds + seconds,
            max(old.slowest, seconds), old.refused + refused)


class MeasuredCinder(cinder_api.CinderAPI):
    """Cinder, with a meter for each recovery.

    A recovery asks Cinder in the thread that it runs in, so its meter is
    that of the thread. What is asked without a meter is not measured.
    """

    def __init__(self, volume_api: Any,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Remember Nova's API.

        :param volume_api: the nova.volume.cinder.API
        :param clock: seconds, never going back
        """
        super().__init__(volume_api)
        self._clock = clock
        self._own = threading.local()

    @contextlib.contextmanager
    def measured(self) -> Iterator[Meter]:
        """Measure what this thread asks of Cinder."""
        self._own.meter = Meter()
        try:
            yield self._own.meter
        finally:
            del self._own.meter

    def volume(self, *args: Any) -> cinder_api.Volume:
        """See :meth:`cinder.CinderAPI.volume`."""
        return self._noted(super().volume, *args)

    def ask(self, *args: Any) -> dict[str, Any]:
        """See :meth:`cinder.CinderAPI.ask`."""
        return self._noted(super().ask, *args)

    def attachment(self, *args: Any) -> cinder_api.Attachment | None:
        """See :meth:`cinder.CinderAPI.attachment`."""
        return self._noted(super().attachment, *args)

    def attachments(self, *args: Any) -> list[str]:
        """See :meth:`cinder.CinderAPI.attachments`."""
        return self._noted(super().attachments, *args)

    def update(self, *args: Any) -> dict[str, Any]:
        """See :meth:`cinder.CinderAPI.update`."""
        return self._noted(super().update, *args)

    def complete(self, *args: Any) -> None:
        """See :meth:`cinder.CinderAPI.complete`."""
        self._noted(super().complete, *args)

    def delete(self, *args: Any) -> None:
        """See :meth:`cinder.CinderAPI.delete`."""
        self._noted(super().delete, *args)

    def backends(self, *args: Any) -> dict[str, cinder_api.Backend]:
        """See :meth:`cinder.CinderAPI.backends`."""
        return self._noted(super().backends, *args)

    def _noted(self, call: Callable[..., _R], *args: Any) -> _R:
        begun = self._clock()
        refused = False
        try:
            return call(*args)
        # Whatever it is, it goes on to whom it is for.
        except Exception as error:
            refused = is_refusal(error.__cause__ or error)
            raise
        finally:
            meter = getattr(self._own, 'meter', None)
            if meter:
                meter.add(self._clock() - begun, refused)


def is_refusal(error: BaseException) -> bool:
    """Return whether an error says that Cinder has too much to do, or is down.

    :param error: of cinderclient, keystoneauth1 or nova.volume.cinder
    """
    if isinstance(error, _NO_CONNECTION):
        return True
    code = getattr(error, 'code', None) or getattr(error, 'http_status', 0)
    # nova.exception.NovaException has a code as well, which is its own.
    return (not isinstance(error, nova_exception.NovaException)
            and isinstance(code, int) and (code >= 500 or code == _TOO_MANY))

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

"""Asks an engine; what can go wrong becomes one sentence each."""

from collections.abc import Callable
from typing import Any, TypeVar

from kombu import exceptions as kombu_exception
import nova.context
from nova import rpc
import oslo_messaging as messaging
from oslo_utils import strutils

from nova_failover_ext import exception
from nova_failover_ext import rpcapi

_T = TypeVar('_T')


class EngineClient:
    """The engines, as the command line sees them."""

    def __init__(self, timeout: float) -> None:
        """Make the client; nothing is connected to yet.

        :param timeout: seconds to wait for an answer
        """
        self._timeout = timeout
        self._context = nova.context.get_admin_context()
        self._api = rpcapi.EngineAPI(
            rpc.get_client(rpcapi.EngineAPI.target()))

    def recover(self, backend: str) -> str:
        """Have an engine recover a backend.

        :returns: the request id under which it records
        :raises BrokerUnavailable: if the bus is down
        :raises EngineUnavailable: if no engine answers
        """
        return self._asked(lambda: self._api.recover_backend(
            self._context, backend, self._context.request_id,
            self._timeout))

    def status(self, backend: str) -> dict[str, Any]:
        """Return what an engine remembers, see ``EngineAPI.status``.

        :raises BrokerUnavailable: if the bus is down
        :raises EngineUnavailable: if no engine answers
        """
        return self._asked(lambda: self._api.status(
            self._context, backend, self._timeout))

    def has_asked(self, backend: str, failover_id: str) -> bool:
        """Tell whether every server was asked about since a request.

        An engine other than the one that took the request knows nothing of
        it; the next call may reach the right one.

        :param failover_id: what :meth:`recover` returned
        :raises BrokerUnavailable: if the bus is down
        :raises EngineUnavailable: if no engine answers
        """
        known = self.status(backend)
        return (failover_id in known.get('begun', ())
                and not known.get('unasked'))

    def _asked(self, call: Callable[[], _T]) -> _T:
        try:
            self._api.reach_bus(self._context)
            return call()
        except messaging.MessagingTimeout as exc:
            raise exception.EngineUnavailable(
                seconds='%g' % self._timeout) from exc
        except (messaging.MessageDeliveryFailure,
                kombu_exception.KombuError, OSError) as exc:
            raise exception.BrokerUnavailable(
                reason=_reason(exc)) from exc
        except messaging.MessagingException as exc:
            raise exception.EngineUnavailable(
                'The engine could not do it (%s); its log says more.'
                % type(exc).__name__) from exc


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return str(strutils.mask_password(lines[0])).rstrip('.')

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

from nova_failover_ext.api import requests
from nova_failover_ext.api import rpcapi
from nova_failover_ext.cli import errors
from nova_failover_ext import exception
from nova_failover_ext.recovery import masking

_T = TypeVar('_T')

#: What an engine refuses in a sentence for the operator, by the name that
#: the error has on the bus.
_REFUSALS: dict[str, type[exception.FailoverException]] = {
    exception.RecoveryPaused.__name__: errors.Paused,
    exception.NotPaused.__name__: errors.NotFound,
    exception.AlreadyExcluded.__name__: errors.Excluded,
    exception.NotExcluded.__name__: errors.NotFound,
    exception.DatabaseUnavailable.__name__: exception.DatabaseUnavailable,
    exception.DecisionsUnavailable.__name__: exception.DecisionsUnavailable}


class EngineClient:
    """The acting engine, as the command line sees it."""

    def __init__(self, timeout: float) -> None:
        """Make the client; nothing is connected to yet.

        :param timeout: seconds to wait for an answer; a call waits in the
            queue while another engine takes over
        """
        self._timeout = timeout
        self._context = nova.context.get_admin_context()
        self._api = rpcapi.EngineAPI(
            rpc.get_client(rpcapi.EngineAPI.target()))

    @property
    def failover_id(self) -> str:
        """The request id that requests of this command have."""
        return str(self._context.request_id)

    def recover(self, request: requests.Request) -> str:
        """Have the engine recover what is asked for.

        :returns: the request id under which it records
        :raises BrokerUnavailable: if the bus is down
        :raises EngineUnavailable: if no engine answers
        :raises Paused: if nothing would start now
        """
        return self._asked(lambda: self._api.recover(
            self._context, request.to_primitive(), self._timeout))

    def pause(self, pause: dict[str, Any]) -> dict[str, Any]:
        """Have no recovery start, see ``EngineAPI.pause``.

        Other exceptions are those of :meth:`recover`.

        :raises Paused: if just that is paused already
        """
        return self._asked(lambda: self._api.pause(
            self._context, pause, self._timeout))

    def resume(self, backend: str, who: str) -> dict[str, Any]:
        """Have recoveries start again, see ``EngineAPI.resume``.

        Other exceptions are those of :meth:`recover`.

        :raises NotFound: if just that is not paused
        :raises DecisionsUnavailable: if the engine cannot know that
        """
        return self._asked(lambda: self._api.resume(
            self._context, backend, who, self._timeout))

    def exclude(self, exclusion: dict[str, Any]) -> dict[str, Any]:
        """Have servers left alone, see ``EngineAPI.exclude``.

        Other exceptions are those of :meth:`recover`.

        :raises Excluded: if just that is excluded already
        :raises DecisionsUnavailable: if it cannot be saved
        :raises DatabaseUnavailable: if its hosts cannot be read
        """
        return self._asked(lambda: self._api.exclude(
            self._context, exclusion, self._timeout))

    def include(self, kind: str, text: str, who: str) -> dict[str, Any]:
        """Have servers recovered again, see ``EngineAPI.include``.

        Other exceptions are those of :meth:`recover`.

        :raises NotFound: if just that is not excluded
        :raises DecisionsUnavailable: if its end cannot be saved
        """
        return self._asked(lambda: self._api.include(
            self._context, kind, text, who, self._timeout))

    def acts(self, since: str) -> list[dict[str, str]]:
        """Return what operators have done, see ``EngineAPI.acts``.

        Other exceptions are those of :meth:`recover`.

        :raises DecisionsUnavailable: if the engine cannot read it
        """
        return self._asked(lambda: self._api.acts(
            self._context, since, self._timeout))

    def progress(self, backends: list[str]) -> dict[str, dict[str, Any]]:
        """Return how far it is, see ``EngineAPI.progress``.

        Parameters and exceptions are as those of :meth:`recover`.
        """
        return self._asked(lambda: self._api.progress(
            self._context, backends, self._timeout))

    def health(self) -> dict[str, Any]:
        """Return how the engine fares, see ``EngineAPI.health``.

        Exceptions are those of :meth:`recover`.
        """
        return self._asked(lambda: self._api.health(
            self._context, self._timeout))

    def status(self, backend: str) -> dict[str, Any]:
        """Return what the engine remembers, see ``EngineAPI.status``.

        Exceptions are those of :meth:`recover`.
        """
        return self._asked(lambda: self._api.status(
            self._context, backend, self._timeout))

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
                reason=masking.first_line(exc)) from exc
        except messaging.MessagingException as exc:
            raise _refused(exc) from exc


def _refused(error: Exception) -> exception.FailoverException:
    # The text of what nobody expects may hold anything.
    refusal = _REFUSALS.get(getattr(error, 'exc_type', None) or '')
    if refusal:
        return refusal(str(getattr(error, 'value', '')))
    return exception.EngineUnavailable(
        'The engine could not do it (%s); its log says more.'
        % type(error).__name__)

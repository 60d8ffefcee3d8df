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

"""The RPC interfaces between command line, engine and compute hosts."""

from typing import Any

import oslo_messaging as messaging

from nova_failover_ext.api import load as loads
from nova_failover_ext.recovery import results

#: RPC namespace of the endpoint inside nova-compute.
COMPUTE_NAMESPACE = 'failover'
#: Nova's own topic of nova-compute (nova.compute.rpcapi.RPC_TOPIC).
COMPUTE_TOPIC = 'compute'
#: Topic on which the engines listen, on the API cell's bus.
ENGINE_TOPIC = 'nova-failover-engine'


class ComputeFailoverAPI:
    """Client side of the endpoint that runs inside nova-compute.

    API version history:

    * 1.0 - Initial version: recover_server, ping
    """

    VERSION = '1.0'

    def __init__(self, client: Any) -> None:
        """Wrap a client of one cell's bus.

        :param client: what ``nova.rpc.get_client`` returns for
            :meth:`target`; it carries the cell's transport
        """
        self._client = client

    @classmethod
    def target(cls) -> messaging.Target:
        """Return the target that the client must be made with."""
        return messaging.Target(topic=COMPUTE_TOPIC, version=cls.VERSION,
                                namespace=COMPUTE_NAMESPACE)

    def recover_server(
            self, context: Any, host: str, server_id: str, failover_id: str,
            volumes: dict[str, str], timeout: float, heartbeat: float,
            policy: str | None = None
            ) -> tuple[results.ServerResult, loads.Load]:
        """Bring the connections of a server's volumes in sync with Cinder.

        :param context: a nova RequestContext
        :param host: the compute host that has the server
        :param server_id: the instance's uuid
        :param failover_id: request id of the failover, also that of the
            instance action
        :param volumes: the volumes to examine, volume id to the stamp for
            its mapping, see
            :func:`nova_failover_ext.recovery.staleness.stamp_for`
        :param timeout: seconds to wait for a host that is alive
        :param heartbeat: seconds to wait for a host that is not responding
        :param policy: overrules metadata and configuration, if it is given
        :returns: the result, and what the host has measured of Cinder
        :raises oslo_messaging.MessagingTimeout: if the host does not answer
        """
        client = self._client.prepare(
            server=host, timeout=timeout, call_monitor_timeout=heartbeat)
        answer = client.call(
            context, 'recover_server', server_id=server_id,
            failover_id=failover_id, volumes=volumes, policy=policy)
        return (results.ServerResult.from_primitive(answer),
                loads.Load.from_primitive(answer[loads.KEY]))

    def ping(self, context: Any, host: str,
             timeout: float) -> dict[str, Any]:
        """Ask whether the host's nova-compute is extended.

        :returns: ``{'host': str, 'version': str}``
        :raises oslo_messaging.MessagingTimeout: if it is not, or is down
        """
        client = self._client.prepare(server=host, timeout=timeout)
        return dict(client.call(context, 'ping'))


class EngineAPI:
    """Client side of the engines, for the command line.

    API version history:

    * 1.0 - Initial version: recover, progress, status, health, ping
    * 1.1 - Add pause and resume; health returns pauses and decisions
    * 1.2 - Add exclude and include; health returns exclusions
    * 1.3 - Add acts
    """

    VERSION = '1.3'
    #: What every engine understands, also an older one.
    BASE_VERSION = '1.0'

    def __init__(self, client: Any) -> None:
        """Wrap a client of the API cell's bus.

        :param client: what ``nova.rpc.get_client`` returns for
            :meth:`target`
        """
        self._client = client

    @classmethod
    def target(cls) -> messaging.Target:
        """Return the target that the client must be made with."""
        return messaging.Target(topic=ENGINE_TOPIC, version=cls.BASE_VERSION)

    def reach_bus(self, context: Any) -> None:
        """See that the bus is there, without waiting long for it.

        A call waits for ever for a bus that is down, whatever its time-out
        and ``retry`` (oslo.messaging 18: its connection for replies knows
        neither); a cast does not.

        :raises oslo_messaging.MessageDeliveryFailure: if there is no bus
        :raises kombu.exceptions.KombuError: the same, with RabbitMQ
        """
        self._client.prepare(retry=1).cast(context, 'ping')

    def recover(self, context: Any, request: dict[str, Any],
                timeout: float) -> str:
        """Have the engine scan a backend now, for some of its servers.

        It forgets its waits for them.

        :param request: see :meth:`.api.requests.Request.to_primitive`
        :param timeout: seconds to wait for an engine
        :returns: the request id that is recorded
        :raises oslo_messaging.MessagingTimeout: if no engine answers
        :raises oslo_messaging.RemoteError: ValueError, if the request is
            nonsense; RecoveryPaused, if nothing would start now
        """
        return str(self._client.prepare(timeout=timeout).call(
            context, 'recover', request=request))

    def pause(self, context: Any, pause: dict[str, Any],
              timeout: float) -> dict[str, Any]:
        """Have no recovery of a backend start, or of any.

        :param pause: see :meth:`.api.pauses.Pause.to_primitive`; the engine
            adds the time
        :param timeout: seconds to wait for an engine
        :returns: ``pauses`` and ``decisions``, see :meth:`health`
        :raises oslo_messaging.MessagingTimeout: if no engine answers
        :raises oslo_messaging.RemoteError: RecoveryPaused, if just that is
            paused already
        """
        return dict(self._client.prepare(timeout=timeout, version='1.1').call(
            context, 'pause', pause=pause))

    def resume(self, context: Any, backend: str, who: str,
               timeout: float) -> dict[str, Any]:
        """Have the recoveries of a backend, or of all, start again.

        :param backend: what is paused, '' for everything
        :param who: asks for it, as USER@HOST
        :param timeout: seconds to wait for an engine
        :returns: ``pauses`` and ``decisions``, see :meth:`health`
        :raises oslo_messaging.MessagingTimeout: if no engine answers
        :raises oslo_messaging.RemoteError: NotPaused, if just that is not
            paused
        """
        return dict(self._client.prepare(timeout=timeout, version='1.1').call(
            context, 'resume', backend=backend, who=who))

    def exclude(self, context: Any, exclusion: dict[str, Any],
                timeout: float) -> dict[str, Any]:
        """Have servers left alone.

        :param exclusion: see :meth:`.api.exclusions.Exclusion.to_primitive`;
            the engine adds the time
        :param timeout: seconds to wait for an engine
        :returns: ``exclusions``, see :meth:`health`
        :raises oslo_messaging.MessagingTimeout: if no engine answers
        :raises oslo_messaging.RemoteError: AlreadyExcluded, if just that is
            excluded already; DecisionsUnavailable or DatabaseUnavailable, if
            it cannot be saved
        """
        return dict(self._client.prepare(timeout=timeout, version='1.2').call(
            context, 'exclude', exclusion=exclusion))

    def include(self, context: Any, kind: str, text: str, who: str,
                timeout: float) -> dict[str, Any]:
        """Have servers recovered again that were excluded.

        :param kind: see :class:`.api.exclusions.Kind`
        :param text: the id or name of what is excluded
        :param who: asks for it, as USER@HOST
        :param timeout: seconds to wait for an engine
        :returns: ``exclusions``, see :meth:`health`
        :raises oslo_messaging.MessagingTimeout: if no engine answers
        :raises oslo_messaging.RemoteError: NotExcluded, if just that is not
            excluded; DecisionsUnavailable, if its end cannot be saved
        """
        return dict(self._client.prepare(timeout=timeout, version='1.2').call(
            context, 'include', kind=kind, text=text, who=who))

    def acts(self, context: Any, since: str,
             timeout: float) -> list[dict[str, str]]:
        """Return what operators have done, the latest first.

        :param since: leave out what is older, an ISO time, naive UTC
        :param timeout: seconds to wait for an engine
        :returns: see :meth:`.api.acts.Act.to_primitive`,
            :data:`.api.acts.MOST_ACTS` of them at most
        :raises oslo_messaging.MessagingTimeout: if no engine answers
        :raises oslo_messaging.RemoteError: DecisionsUnavailable, if that
            cannot be read
        """
        return list(self._client.prepare(timeout=timeout, version='1.3').call(
            context, 'acts', since=since))

    def progress(self, context: Any, backends: list[str],
                 timeout: float) -> dict[str, dict[str, Any]]:
        """Return how far the recovery of backends is, in a few numbers.

        :param backends: their names, none for all that are known
        :returns: by name: ``failover_id``, ``begun`` (ids of the requests
            whose round has begun), ``counts`` (servers by
            :class:`.api.server_state.ServerState`), ``in_flight``,
            ``waiting``,
            ``limit`` (servers that may be in flight), ``unasked`` (servers
            that the round has still to ask about), ``done`` (whether
            nothing is left to do now), ``last_checked`` and ``gate``
            (``open``, ``reason``, ``since`` and ``until``, ISO times or
            None)
        """
        return dict(self._client.prepare(timeout=timeout).call(
            context, 'progress', backends=backends))

    def health(self, context: Any, timeout: float) -> dict[str, Any]:
        """Return how the acting engine fares.

        :returns: ``host``, ``version``, ``leading_since`` (ISO time),
            ``coordination`` (name of the driver, '' without any),
            ``topics``, ``notification_log`` (ISO time of the latest
            notification by
            backend), ``nonces`` (of the latest probes that were received),
            and from 1.1 on ``pauses`` (those in effect, see
            :meth:`.api.pauses.Pause.to_primitive`) and ``decisions`` (what is
            wrong with their database, '' for nothing), and from 1.2 on
            ``exclusions`` (those in effect, see
            :meth:`.api.exclusions.Exclusion.to_primitive`)
        """
        return dict(self._client.prepare(timeout=timeout).call(
            context, 'health'))

    def status(self, context: Any, backend: str,
               timeout: float) -> dict[str, Any]:
        """Return what one engine remembers of a backend.

        :param timeout: seconds to wait for an engine
        :returns: ``reason``, ``failover_id``, ``last_checked``, ``servers``
            (by id: ``tries``, ``outcome``, ``reason`` and ``state``, a value
            of :class:`.api.server_state.ServerState`),
            ``in_flight`` and ``waiting`` (server ids), ``awaited`` (ids of
            the servers whose end others wait for at a barrier), ``begun``
            (ids of the requests whose round has begun) and ``unasked`` (ids of
            the servers that the latest round has still to ask about)
        :raises oslo_messaging.MessagingTimeout: if no engine answers
        """
        return dict(self._client.prepare(timeout=timeout).call(
            context, 'status', backend=backend))

    def ping(self, context: Any, timeout: float) -> dict[str, Any]:
        """Ask whether an engine is there.

        :returns: ``{'host': str, 'version': str}``
        :raises oslo_messaging.MessagingTimeout: if none answers
        """
        return dict(self._client.prepare(timeout=timeout).call(
            context, 'ping'))

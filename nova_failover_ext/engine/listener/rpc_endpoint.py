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

"""The engine's RPC endpoint, for the command line."""

from collections.abc import Callable
import dataclasses
import datetime
from typing import Any

from nova import rpc
from oslo_config import cfg
import oslo_messaging as messaging

from nova_failover_ext.api import acts as records
from nova_failover_ext.api import exclusions
from nova_failover_ext.api import pauses
from nova_failover_ext.api import requests
from nova_failover_ext.api import rpcapi
from nova_failover_ext.engine import act_recorder
from nova_failover_ext.engine import brake as brakes
from nova_failover_ext.engine import exclusion_memory
from nova_failover_ext.engine.reconciler import reconciler as reconcilers
from nova_failover_ext import exception


class Endpoint:
    """Server side of :class:`nova_failover_ext.api.rpcapi.EngineAPI`."""

    target = messaging.Target(version=rpcapi.EngineAPI.VERSION)

    def __init__(self, reconciler: reconcilers.Reconciler, host: str,
                 about: Callable[[], dict[str, Any]],
                 brake: brakes.Brake,
                 excluded: exclusion_memory.ExclusionMemory,
                 recorder: act_recorder.ActRecorder) -> None:
        """Remember whom to ask.

        :param host: name of this controller, for :meth:`ping`
        :param about: what else :meth:`health` tells
        :param brake: what operators have paused
        :param excluded: what operators have excluded
        :param recorder: what operators have done
        """
        self._reconciler = reconciler
        self._host = host
        self._about = about
        self._brake = brake
        self._excluded = excluded
        self._recorder = recorder

    @messaging.expected_exceptions(exception.RecoveryPaused)
    def recover(self, _context: Any, request: dict[str, Any]) -> str:
        """Scan some servers of a backend now.

        :returns: the request id that is recorded
        :raises ValueError: if the request is nonsense
        :raises RecoveryPaused: if nothing would start now
        """
        wanted = requests.Request.from_primitive(request)
        self._brake.refuse(wanted.backend)
        failover_id = self._reconciler.recover(wanted)
        self._record(records.What.RECOVER, wanted.backend, wanted.who,
                     str(dataclasses.replace(wanted,
                                             failover_id=failover_id)))
        return failover_id

    @messaging.expected_exceptions(exception.RecoveryPaused)
    def pause(self, _context: Any, pause: dict[str, Any]) -> dict[str, Any]:
        """Start no recovery of a backend, or of any.

        :returns: what is paused now
        :raises ValueError: if the pause is nonsense
        :raises RecoveryPaused: if just that is paused already
        """
        wanted = pauses.Pause.from_primitive(pause)
        wanted.check()
        said = self._brake.pause(wanted)
        self._record(records.What.PAUSE, wanted.subject, wanted.who,
                     wanted.reason)
        return said

    @messaging.expected_exceptions(exception.NotPaused,
                                   exception.DecisionsUnavailable)
    def resume(self, _context: Any, backend: str,
               who: str) -> dict[str, Any]:
        """Let the recoveries of a backend, or of all, start again.

        :param who: asks for it, as USER@HOST
        :returns: what is paused now
        :raises NotPaused: if just that is not paused
        :raises DecisionsUnavailable: if nobody knows whether it is paused
        """
        said = self._brake.resume(backend, who)
        self._record(records.What.RESUME, backend or 'every backend', who)
        return said

    @messaging.expected_exceptions(exception.AlreadyExcluded,
                                   exception.DatabaseUnavailable,
                                   exception.DecisionsUnavailable)
    def exclude(self, _context: Any,
                exclusion: dict[str, Any]) -> dict[str, Any]:
        """Leave servers alone.

        :returns: what is excluded now
        :raises ValueError: if the exclusion is nonsense
        :raises AlreadyExcluded: if just that is excluded already
        :raises FailoverException: if it cannot be saved
        """
        wanted = exclusions.Exclusion.from_primitive(exclusion)
        wanted.check()
        said = self._excluded.exclude(wanted)
        self._record(records.What.EXCLUDE, wanted.subject, wanted.who,
                     wanted.reason)
        return said

    @messaging.expected_exceptions(exception.NotExcluded,
                                   exception.DatabaseUnavailable,
                                   exception.DecisionsUnavailable)
    def include(self, _context: Any, kind: str, text: str,
                who: str) -> dict[str, Any]:
        """Recover servers again.

        :param who: asks for it, as USER@HOST
        :returns: what is excluded now
        :raises NotExcluded: if just that is not excluded
        :raises FailoverException: if that cannot be saved
        """
        known = exclusions.Kind(kind)
        said = self._excluded.include(known, text, who)
        self._record(records.What.INCLUDE, '%s %s' % (known.words, text), who)
        return said

    @messaging.expected_exceptions(exception.DecisionsUnavailable)
    def acts(self, _context: Any, since: str) -> list[dict[str, str]]:
        """Return what operators have done, the latest first.

        :param since: leave out what is older, an ISO time, naive UTC
        :raises DecisionsUnavailable: if that cannot be read
        """
        return [act.to_primitive() for act in self._recorder.read(
            datetime.datetime.fromisoformat(since))]

    def progress(self, _context: Any, backends: list[str]
                 ) -> dict[str, dict[str, Any]]:
        """Return how far backends are."""
        return self._reconciler.progress(backends)

    def health(self, _context: Any) -> dict[str, Any]:
        """Tell how this engine fares."""
        return {**self.ping(_context), **self._about(),
                **self._brake.report(), **self._excluded.report(),
                **self._reconciler.health()}

    def status(self, _context: Any, backend: str) -> dict[str, Any]:
        """Return what is remembered of a backend."""
        return self._reconciler.report(backend)

    def ping(self, _context: Any) -> dict[str, str]:
        """Tell that an engine is here."""
        return {'host': self._host, 'version': rpcapi.EngineAPI.VERSION}

    def _record(self, what: records.What, subject: str, who: str,
                reason: str = '') -> None:
        self._recorder.record(records.Act(what, subject, who or 'unknown',
                                       reason))


def server(conf: cfg.ConfigOpts, endpoint: Endpoint) -> Any:
    """Return a server on the API cell's bus; it is not started.

    Upstream relied on, read in Nova 31 to 34: ``nova.rpc.get_server``.
    """
    return rpc.get_server(
        messaging.Target(topic=rpcapi.ENGINE_TOPIC, server=conf.host),
        [endpoint])

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


"""Whether a guest that is powered off could be started again.

Nova connects all volumes of a server at a start, also those that have not
moved. What is in the way of that has to be found before the guest is off.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nova_failover_ext import exception
from nova_failover_ext.recovery import bounded
from nova_failover_ext.recovery import components
from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import ownership
from nova_failover_ext.recovery import probe

_WOULD_STAY_OFF = ('the guest needs a power cycle, after which Nova could not '
                   'start it: ')
_STAYS_OFF = ('the server is powered off in the midst of a recovery, and Nova '
              'could not start it: ')


class StartCheck:
    """Looks at one server as a whole."""

    def __init__(self, host_components: components.Components, context: Any,
                 instance: Any) -> None:
        """Remember the server.

        :param host_components: what to work with
        :param context: an admin's nova RequestContext
        :param instance: the nova.objects.Instance
        """
        self._components = host_components
        self._context = context
        self._instance = instance

    def run(self, others: Sequence[mapping.Mapping],
            guest_runs: bool) -> None:
        """Look at the server, and at its volumes that are not recovered now.

        :param others: these volumes; the stale ones have been looked at
        :param guest_runs: False if it was powered off by an earlier pass
        :raises RecoveryDeferred: if the guest could not be started
        """
        problem = next(filter(None, self._problems(others)), '')
        if problem:
            raise exception.RecoveryDeferred(
                reason=(_WOULD_STAY_OFF if guest_runs else _STAYS_OFF) +
                problem)

    def obstacles(self, volumes: Iterable[mapping.Mapping]) -> Iterator[str]:
        """Say what would keep this host from starting the guest.

        :param volumes: all of the server
        :returns: reasons, and empty strings
        :raises RecoveryDeferred: if that cannot be found out now
        """
        yield self._bounded(self._components.virt.server_obstacle,
                            self._context, self._instance)
        for volume in volumes:
            yield self.obstacle(volume)

    def obstacle(self, volume: mapping.Mapping) -> str:
        """Say what would keep this host from opening a volume anew.

        :param volume: its block device mapping
        :returns: a reason with what heals it, or an empty string
        :raises RecoveryDeferred: if that cannot be found out now
        """
        return self._bounded(self._components.virt.obstacle, self._context,
                             self._instance, volume)

    def _problems(self, others: Sequence[mapping.Mapping]) -> Iterator[str]:
        yield from self.obstacles(())
        for volume in others:
            problem = self._problem(volume)
            yield problem and f'volume {volume.volume_id}: {problem}'

    def _problem(self, volume: mapping.Mapping) -> str:
        if volume.unreadable:
            return ownership.UNREADABLE
        try:
            problem = self.obstacle(volume)
            if not problem:
                probe.probe(
                    volume.volume_id, volume.connection_info,
                    self._components.conf.failover_compute.reach_timeout)
        except exception.StorageUnreachable as error:
            return ('its storage cannot be reached from this host: '
                    f'{error.kwargs["reason"]}')
        except exception.RecoveryDeferred as error:
            return error.reason
        return problem

    def _bounded(self, function: Any, *args: Any) -> str:
        try:
            # A key manager is asked, which may not answer.
            return str(self._components.calls.call(
                ('obstacle', self._instance.uuid), function,
                self._components.conf.failover_compute.connect_timeout,
                *args))
        except bounded.TimedOut as error:
            raise exception.RecoveryDeferred(
                reason='it is not known whether the guest could be started '
                f'again: {error}') from error

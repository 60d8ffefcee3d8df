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

"""Recovers the servers of this host, each under its instance lock."""

from collections.abc import Callable
from collections.abc import Mapping as Dictionary
import dataclasses
import threading
from typing import Any

from nova import exception as nova_exception
from oslo_log import log as logging
from oslo_utils import timeutils

from nova_failover_ext.recovery import attempt
from nova_failover_ext.recovery import components
from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import masking
from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.recovery import prepare
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import states

LOG = logging.getLogger(__name__)
Outcome = results.Outcome


class Recovery:
    """Takes servers in, from the engine or from this host itself."""

    def __init__(self, host_components: components.Components) -> None:
        """Remember the host's parts.

        :param host_components: what to work with
        """
        self._components = host_components
        self._slots = threading.Semaphore(
            host_components.conf.failover_compute.max_concurrent_recoveries)

    def recover(self, context: Any, server_id: str,
                volumes: Dictionary[str, str],
                policy: policies.Policy | None = None
                ) -> results.ServerResult:
        """Bring the connections of a server's volumes in sync with Cinder.

        :param context: an admin's nova RequestContext; its request id is
            the failover id
        :param server_id: the instance's uuid
        :param volumes: volume id to the stamp for its mapping
        :param policy: None for what the server's metadata and the
            configuration say
        :returns: the outcome; expected failures are outcomes, not errors
        """
        return self._timed(server_id, self._in_slot, context, server_id,
                           volumes, policy)

    def catch_up(self, context: Any, instance: Any) -> bool:
        """Before Nova powers a guest on, do what waits for that.

        :param context: of Nova's operation, made an admin's
        :param instance: the nova.objects.Instance
        :returns: whether anything waited
        """
        waits = any(mapping.Mapping(bdm).waiting for bdm in
                    self._components.host.mappings(context, instance.uuid))
        if waits:
            result = self._timed(instance.uuid, self._catch_up, context,
                                 instance)
            LOG.info('Recovery of the volumes that waited for a power cycle '
                     'ended: %s', result.summary, instance=instance)
        return waits

    def _timed(self, server_id: str,
               function: Callable[..., results.ServerResult],
               *args: Any) -> results.ServerResult:
        with timeutils.StopWatch() as watch:
            result = self._components.host.locked(server_id, function, *args)
        return dataclasses.replace(result, seconds=watch.elapsed())

    def policy_of(self, instance: Any) -> policies.Policy:
        """Return what is to be done with a server's stale volumes."""
        return policies.chooser(self._components.conf)(instance.metadata)

    def _catch_up(self, context: Any,
                  instance: Any) -> results.ServerResult:
        # Nobody asks whether it still has to run: that is up to Nova.
        guest = prepare.Guest(self._components.virt.guest_runs(instance),
                              False)
        return attempt.Attempt(self._components, context, instance,
                               states.Disposition.POWERED_OFF,
                               guest).catch_up()

    def _in_slot(self, *args: Any) -> results.ServerResult:
        # Under the lock of the instance, which a task of Nova that hangs
        # keeps: one that waits for it must not take the turn of others.
        with self._slots:
            return self._locked(*args)

    def _locked(self, context: Any, server_id: str,
                volumes: Dictionary[str, str],
                policy: policies.Policy | None) -> results.ServerResult:
        try:
            instance = self._components.host.instance(context, server_id)
        except nova_exception.InstanceNotFound:
            return results.ServerResult(
                server_id, Outcome.SKIPPED, 'the server is deleted')
        chosen = policy or self.policy_of(instance)
        # Its lock is free then, but not the server.
        if self._components.calls.hangs(('power_on', server_id)):
            return results.ServerResult(
                server_id, Outcome.DEFERRED, 'its power on still hangs')
        try:
            runs = self._components.virt.guest_runs(instance)
        # Whatever the virt driver raises; there is nothing to record yet.
        except Exception as error:  # noqa: BLE001
            return results.ServerResult(
                server_id, Outcome.DEFERRED,
                'the hypervisor does not say whether the guest runs: '
                f'{type(error).__name__}: {masking.scrub(str(error))}')
        decision = states.decide(states.Facts(
            instance.vm_state, instance.task_state, instance.host,
            self._components.host.name, runs), chosen)
        outcome = {states.Disposition.DEFER: Outcome.DEFERRED,
                   states.Disposition.SKIP: Outcome.SKIPPED}.get(
                       decision.disposition)
        if outcome:
            return results.ServerResult(server_id, outcome, decision.reason)
        guest = prepare.Guest(
            runs, decision.disposition is states.Disposition.RUNNING, chosen)
        return attempt.Attempt(
            self._components, context, instance, decision.disposition,
            guest).run(volumes)

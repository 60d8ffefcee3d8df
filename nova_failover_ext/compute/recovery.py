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

"""One recovery of one server, from the lock to the result."""

from collections.abc import Mapping as Dictionary
import dataclasses
from typing import Any

from nova import exception as nova_exception
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import timeutils

from nova_failover_ext.compute import cinder
from nova_failover_ext.compute import commit
from nova_failover_ext.compute import mapping
from nova_failover_ext.compute import prepare
from nova_failover_ext.compute import record
from nova_failover_ext.compute import states
from nova_failover_ext.compute import upstream
from nova_failover_ext.compute.virt import base
from nova_failover_ext import exception
from nova_failover_ext import results
from nova_failover_ext import truth

LOG = logging.getLogger(__name__)
Outcome = results.Outcome


class Recovery:
    """Recovers servers of this host, each under its instance lock."""

    def __init__(self, conf: cfg.ConfigOpts, host: upstream.Host,
                 virt: base.VirtHost, api: cinder.CinderAPI) -> None:
        """Remember the host's parts.

        :param conf: with the group ``[failover_compute]``
        :param host: this compute host
        :param virt: its hypervisor and storage
        :param api: Cinder
        """
        self._conf = conf
        self._host = host
        self._virt = virt
        self._cinder = api

    def recover(self, context: Any, server_id: str,
                volumes: Dictionary[str, str]) -> results.ServerResult:
        """Bring the connections of a server's volumes to the truth.

        :param context: an admin's nova RequestContext; its request id is
            the failover id
        :param server_id: the instance's uuid
        :param volumes: volume id to the active_backend_id of its backend
        :returns: the outcome; expected failures are outcomes, not errors
        """
        with timeutils.StopWatch() as watch:
            result = self._host.locked(
                server_id, self._locked, context, server_id, volumes)
        return dataclasses.replace(result, seconds=watch.elapsed())

    def _locked(self, context: Any, server_id: str,
                volumes: Dictionary[str, str]) -> results.ServerResult:
        try:
            instance = self._host.instance(context, server_id)
        except nova_exception.InstanceNotFound:
            return results.ServerResult(
                server_id, Outcome.SKIPPED, 'the server is deleted')
        guest_runs = self._virt.guest_runs(instance)
        decision = states.decide(states.Facts(
            instance.vm_state, instance.task_state, instance.host,
            self._host.name, guest_runs))
        outcome = {states.Go.DEFER: Outcome.DEFERRED,
                   states.Go.SKIP: Outcome.SKIPPED}.get(decision.go)
        if outcome:
            return results.ServerResult(server_id, outcome, decision.reason)
        attempt = Attempt(
            self._conf, self._host, self._virt, self._cinder, context,
            instance)
        return attempt.run(volumes, guest_runs,
                           decision.go is states.Go.RUNNING)


class Attempt:
    """One attempt for one server, under its lock."""

    def __init__(self, conf: cfg.ConfigOpts, host: upstream.Host,
                 virt: base.VirtHost, api: cinder.CinderAPI,
                 context: Any, instance: Any) -> None:
        """Remember the parts and the server.

        :param instance: the nova.objects.Instance
        """
        self._conf = conf
        self._host = host
        self._preparation = prepare.Preparation(
            virt, api, context, instance)
        self._context = context
        self._instance = instance
        self._log: record.Record | None = None
        self._commit = commit.Commit(
            conf, host, virt, api, context, instance)
        self._infos: list[dict[str, Any]] = []
        self._others: list[mapping.Mapping] = []
        self._moved = False
        # A pass that was cut off has left its claim behind.
        self._claimed = instance.task_state == truth.TASK_STATE

    def run(self, volumes: Dictionary[str, str], guest_runs: bool,
            has_to_run: bool) -> results.ServerResult:
        """Ask, compare, and act where something is stale.

        :param volumes: volume id to the active_backend_id of its backend
        :param guest_runs: whether there is a running guest
        :param has_to_run: whether it has to run afterwards
        """
        # Only a power on ends what an earlier pass has begun.
        self._commit.powered_off = has_to_run and not guest_runs
        try:
            return self._run(volumes, guest_runs, has_to_run)
        except exception.RecoveryDeferred as error:
            return self._deferred(error)
        except exception.FailoverException as error:
            return self._failed(error)
        # Whatever libvirt or conductor raise outside of the named steps must
        # be recorded, and without secrets, like any other failure.
        except Exception as error:  # noqa: BLE001
            failure = exception.RecoveryFailed(
                step='unexpected', reason=f'{type(error).__name__}: {error}')
            failure.__cause__ = error
            return self._failed(failure)
        finally:
            self._let_go()

    def _run(self, volumes: Dictionary[str, str], guest_runs: bool,
             has_to_run: bool) -> results.ServerResult:
        found = self._ask(volumes, guest_runs, has_to_run)
        asked = [p for p in found if isinstance(p, prepare.Prepared)]
        if self._commit.powered_off and len(asked) < len(found):
            raise exception.RecoveryDeferred(
                reason='the server is powered off in the midst of a recovery '
                f'and not all its volumes are ready: {_reasons(found)}')
        stale = [item for item in asked if item.stale]
        if stale or self._commit.powered_off:
            self._log = self._record()
            self._act(stale, guest_runs, has_to_run)
            self._log.succeeded()
        self._settle(asked)
        return self._result(found)

    def _deferred(self, error: Exception) -> results.ServerResult:
        reason = record.reason_of(error, *self._secrets())
        if self._log or self._moved:
            (self._log or self._record()).deferred(reason)
        return self._bad(Outcome.DEFERRED, reason)

    def _failed(self, error: Exception) -> results.ServerResult:
        reason = record.reason_of(error, *self._secrets())
        LOG.error('%s', reason, instance=self._instance)
        (self._log or self._record()).failed(
            reason, error, *self._secrets())
        self._host.fault(self._context, self._instance, error, reason)
        return self._bad(Outcome.FAILED, reason)

    def _secrets(self) -> list[dict[str, Any]]:
        return [*self._infos, *self._commit.infos]

    def _record(self) -> record.Record:
        return record.Record(
            self._context, self._instance.uuid, self._host.name)

    def _ask(self, volumes: Dictionary[str, str], guest_runs: bool,
             has_to_run: bool) -> list[prepare.Prepared | prepare.Unfit]:
        mappings = [mapping.Mapping(bdm) for bdm in self._host.mappings(
            self._context, self._instance.uuid)]
        self._infos = [item.connection_info for item in mappings]
        self._others = [item for item in mappings
                        if item.volume_id not in volumes]
        mappings = [item for item in mappings if item.volume_id in volumes]
        self._moved = any(volumes.values()) or any(
            truth.STAMP in item.connection_info or item.begun
            for item in mappings)
        found = [self._preparation.ask(
            item, volumes[item.volume_id], guest_runs, has_to_run)
            for item in mappings]
        for item in found:
            if isinstance(item, prepare.Prepared):
                self._infos += [item.fresh, item.attachment.connection_info]
            else:
                self._others.append(item.volume)
        return found

    def _act(self, stale: list[prepare.Prepared], guest_runs: bool,
             has_to_run: bool) -> None:
        self._claim()
        for item in stale:
            self._preparation.reach(
                item, self._conf.failover_compute.reach_timeout)
        self._commit.run(stale, self._others, self._preparation.connector,
                         guest_runs, has_to_run)
        self._host.update_power_state(self._instance)

    def _claim(self) -> None:
        # The API refuses competing actions from here on.
        self._instance.task_state = truth.TASK_STATE
        # Also if the answer to the save gets lost.
        self._claimed = True
        try:
            self._instance.save(
                expected_task_state=[None, truth.TASK_STATE])
        except nova_exception.UnexpectedTaskStateError as error:
            self._claimed = False
            raise exception.RecoveryDeferred(
                reason='a task has just begun') from error

    def _let_go(self) -> None:
        # A guest that was powered off and not yet on again has to run once
        # the recovery is finished; the task state tells the next pass so,
        # and keeps Nova from taking the server for stopped.
        if not self._claimed or self._commit.powered_off:
            return
        self._instance.task_state = None
        try:
            self._instance.save(expected_task_state=truth.TASK_STATE)
        except (nova_exception.UnexpectedTaskStateError,
                nova_exception.InstanceNotFound):
            LOG.info('The server was deleted meanwhile or belongs to another '
                     'task', instance=self._instance)

    def _settle(self, asked: list[prepare.Prepared]) -> None:
        for item in asked:
            item.volume.stamp(item.active_backend_id)

    def _result(self, found: list[prepare.Prepared | prepare.Unfit]
                ) -> results.ServerResult:
        volumes = tuple(_volume_result(item) for item in found)
        outcomes = {volume.outcome for volume in volumes}
        for outcome in (Outcome.DEFERRED, Outcome.RECOVERED,
                        Outcome.UNCHANGED):
            if outcome in outcomes:
                return results.ServerResult(
                    self._instance.uuid, outcome, _reasons(found),
                    self._commit.power_cycled, volumes=volumes)
        return results.ServerResult(
            self._instance.uuid, Outcome.SKIPPED,
            'none of the volumes is attached any more')

    def _bad(self, outcome: Outcome, reason: str) -> results.ServerResult:
        return results.ServerResult(
            self._instance.uuid, outcome, reason, self._commit.power_cycled)


def _reasons(found: list[prepare.Prepared | prepare.Unfit]) -> str:
    return '; '.join(f'volume {item.volume.volume_id}: {item.reason}'
                     for item in found if isinstance(item, prepare.Unfit))


def _volume_result(item: prepare.Prepared | prepare.Unfit
                   ) -> results.VolumeResult:
    if isinstance(item, prepare.Unfit):
        outcome, reason = Outcome.DEFERRED, item.reason
    else:
        outcome = (Outcome.RECOVERED if item.stale else Outcome.UNCHANGED)
        reason = ''
    volume = item.volume
    return results.VolumeResult(
        volume.volume_id, outcome, reason, volume.bdm.attachment_id,
        volume.device_name, volume.root)

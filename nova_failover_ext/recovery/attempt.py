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

"""One attempt to recover one server, under its instance lock."""

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
import dataclasses
from typing import Any

from nova import exception as nova_exception
from oslo_log import log as logging

from nova_failover_ext import exception
from nova_failover_ext.recovery import commit
from nova_failover_ext.recovery import components
from nova_failover_ext.recovery import instance_action
from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import ownership
from nova_failover_ext.recovery import prepare
from nova_failover_ext.recovery import record
from nova_failover_ext.recovery import recovery_log
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery import states
from nova_failover_ext.recovery import step_context

LOG = logging.getLogger(__name__)
Outcome = results.Outcome
Found = Sequence[prepare.Prepared | prepare.Unfit]


class Attempt:
    """Asks, compares, acts where something is stale, and records it."""

    def __init__(self, host_components: components.Components, context: Any,
                 instance: Any,
                 disposition: states.Disposition,
                 guest: prepare.Guest) -> None:
        """Remember the parts and the server.

        :param host_components: what to work with
        :param context: an admin's nova RequestContext
        :param instance: the nova.objects.Instance
        :param disposition: RUNNING or POWERED_OFF
        :param guest: what is known of the server
        """
        self._components = host_components
        self._context = context
        self._instance = instance
        self._disposition = disposition
        self._guest = guest
        self._preparation = prepare.Preparation(
            host_components, context, instance, guest)
        self._commit: commit.Commit | None = None
        self._log: record.Record | None = None
        self._infos: list[dict[str, Any]] = []
        self._others: list[mapping.Mapping] = []
        self._moved = False
        self._found: Found = ()
        # A pass that was cut off has left its claim behind.
        self._claimed = instance.task_state == staleness.TASK_STATE

    def run(self, volumes: Dictionary[str, str]) -> results.ServerResult:
        """Bring the volumes in sync with Cinder.

        :param volumes: volume id to the stamp for its mapping
        """
        try:
            result = self._guarded(self._run, volumes)
        finally:
            problem = self._let_go()
        if not problem:
            return result
        outcome = (result.outcome if result.outcome is Outcome.FAILED
                   else Outcome.DEFERRED)
        return self._answer(
            outcome, '; '.join(filter(None, (result.reason, problem))),
            result.volumes)

    def catch_up(self) -> results.ServerResult:
        """Exchange the records of the volumes that wait for a power cycle.

        Nova is about to power the guest on, and has the task_state.
        """
        return self._guarded(self._catch_up)

    def _guarded(self, function: Any, *args: Any) -> results.ServerResult:
        try:
            result: results.ServerResult = function(*args)
            return result
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

    def _run(self, volumes: Dictionary[str, str]) -> results.ServerResult:
        # For what a failing claim may tell.
        self._infos = [item.connection_info for item in self._mappings()]
        self._claim()
        found = self._found = self._ask(volumes)
        asked = [p for p in found if isinstance(p, prepare.Prepared)]
        if found and not asked and self._moved:
            raise exception.RecoveryDeferred(reason=_unfit(found))
        if self._is_off and len(asked) < len(found):
            raise exception.RecoveryDeferred(
                reason='the server is powered off in the midst of a recovery '
                f'and not all its volumes are ready: {_unfit(found)}')
        stale = [item for item in asked if item.stale]
        actions = states.actions(self._disposition, self._guest.policy,
                                 self._guest.runs,
                                 [item.disk for item in stale])
        pending: dict[str, str] = {}
        if self._is_off or not _only_wait(stale, actions):
            pending = self._act(stale, actions, found).pending
        elif stale:
            pending = {item.volume.volume_id: commit.AT_POWER_CYCLE
                       for item in stale}
        self._stamp([item for item in asked if not item.stale and
                     staleness.needs_question(
                         item.volume.connection_info, item.stamp)])
        return self._result(found, pending)

    def _stamp(self, unstamped: list[prepare.Prepared]) -> None:
        for item in unstamped:
            with step_context.step('stamp'):
                item.volume.reload(self._components.host.mapping(
                    self._context, self._instance.uuid,
                    item.volume.volume_id))
                item.volume.renew(item.fresh)
                item.volume.stamp(item.stamp)

    @property
    def _is_off(self) -> bool:
        # Only a power on ends what an earlier pass has begun.
        if self._commit:
            return self._commit.powered_off
        return self._guest.has_to_run and not self._guest.runs

    def _act(self, stale: list[prepare.Prepared],
             actions: list[states.Action], found: Found) -> commit.Commit:
        self._log = self._record()
        self._log.begun()
        self._tell(stale, actions)
        made = self._new_commit()
        made.run(stale, actions, self._guest.runs, self._guest.has_to_run)
        with step_context.step('power_state'):
            self._components.host.update_power_state(self._instance)
        self._end(made, found)
        return made

    def _tell(self, stale: list[prepare.Prepared],
              actions: list[states.Action]) -> None:
        recovery_log.begun(self._context.request_id, self._instance, stale,
                           actions)
        if states.Action.POWER_CYCLE in actions or self._is_off:
            recovery_log.power_cycle(self._instance, states.cycle_reason(
                self._guest.policy, self._guest.runs,
                [item.disk for item in stale]))

    def _new_commit(self) -> commit.Commit:
        made = commit.Commit(
            self._components, self._context, self._instance, self._others)
        made.powered_off = self._is_off
        self._commit = made
        return made

    def _end(self, made: commit.Commit, found: Found) -> None:
        if not self._log:
            return
        with step_context.step('record'):
            left = _left(found, made.pending)
            if left:
                self._log.deferred(left, done=True)
            else:
                self._log.succeeded()

    def _catch_up(self) -> results.ServerResult:
        found = self._ask({item.volume_id: '' for item in self._mappings()
                           if item.waiting})
        stale = [item for item in found if isinstance(item, prepare.Prepared)]
        if len(stale) < len(found):
            raise exception.RecoveryDeferred(reason=_unfit(found))
        self._log = self._record()
        self._log.begun()
        recovery_log.begun(self._context.request_id, self._instance, stale,
                           [states.Action.EXCHANGE] * len(stale))
        made = self._new_commit()
        made.powered_off = False
        made.catch_up(stale)
        self._end(made, found)
        return self._result(found, made.pending)

    def _deferred(self, error: Exception) -> results.ServerResult:
        reason = record.reason_of(error, *self._secrets())
        if self._log or self._moved:
            (self._log or self._record()).deferred(reason)
        return self._answer(Outcome.DEFERRED, reason, tuple(
            _put_off(item, reason) for item in self._found))

    def _failed(self, error: Exception) -> results.ServerResult:
        reason = record.reason_of(error, *self._secrets())
        LOG.error('%s', reason, instance=self._instance)
        (self._log or self._record()).failed(
            reason, error, *self._secrets())
        self._components.host.fault(self._context, self._instance, error,
                                    _for_owner(error))
        return self._answer(Outcome.FAILED, reason)

    def _secrets(self) -> list[dict[str, Any]]:
        return self._infos + self._preparation.infos

    def _record(self) -> record.Record:
        return record.Record(
            self._context, self._instance, self._components.host.name)

    def _ask(self, volumes: Dictionary[str, str]) -> Found:
        mappings = self._mappings()
        self._infos = [item.connection_info for item in mappings]
        self._others = [item for item in mappings
                        if item.volume_id not in volumes]
        mappings = [item for item in mappings if item.volume_id in volumes]
        self._moved = any(volumes.values()) or any(
            staleness.STAMP in item.connection_info or item.begun
            for item in mappings)
        problems = ownership.problems(mappings)
        found = [prepare.Unfit(item, problems[item.bdm.id])
                 if item.bdm.id in problems else
                 self._preparation.ask(item, volumes[item.volume_id])
                 for item in mappings]
        self._others += [item.volume for item in found
                         if isinstance(item, prepare.Unfit) or not item.stale]
        return found

    def _mappings(self) -> list[mapping.Mapping]:
        return ownership.used_by_nova(
            mapping.Mapping(bdm) for bdm in self._components.host.mappings(
                self._context, self._instance.uuid))

    def _claim(self) -> None:
        # The API refuses competing actions from here on, such as a migration,
        # whose destination saves connection_info of its own.
        self._instance.task_state = staleness.TASK_STATE
        # Also if the answer to the save gets lost.
        self._claimed = True
        with step_context.step('claim'):
            try:
                self._instance.save(
                    expected_task_state=[None, staleness.TASK_STATE])
            except nova_exception.UnexpectedTaskStateError as error:
                self._claimed = False
                raise exception.RecoveryDeferred(
                    reason='a task has just begun') from error
        # Saving has read the row again.
        if self._instance.host != self._components.host.name:
            raise exception.RecoveryDeferred(
                reason='the server has just moved to another host')

    def _let_go(self) -> str:
        """Clear the task state; return why that could not be done."""
        # A guest that was powered off and not yet on again has to run once
        # the recovery is finished; the task state tells the next pass so,
        # and keeps Nova from taking the server for stopped.
        if not self._claimed or self._is_off:
            return ''
        self._instance.task_state = None
        try:
            self._instance.save(expected_task_state=staleness.TASK_STATE)
        except (nova_exception.UnexpectedTaskStateError,
                nova_exception.InstanceNotFound):
            LOG.info('The server was deleted meanwhile or belongs to another '
                     'task', instance=self._instance)
        # Without a conductor nobody can; the next pass does it.
        except Exception as error:  # noqa: BLE001
            reason = record.reason_of(error, *self._secrets())
            LOG.error('The task_state cannot be cleared: %s', reason,
                      instance=self._instance)
            return ('the task_state cannot be cleared: '
                    f'{type(error).__name__}: {reason}')
        return ''

    def _result(self, found: Found,
                pending: dict[str, str]) -> results.ServerResult:
        detached = self._commit.detached if self._commit else set()
        volumes = tuple(_volume_result(item, pending, detached)
                        for item in found)
        outcomes = {volume.outcome for volume in volumes}
        reasons = _left(found, pending)
        if not found:
            return self._answer(Outcome.SKIPPED,
                                'none of the volumes is attached any more')
        if reasons:
            outcome = Outcome.DEFERRED
        elif outcomes & {Outcome.RECOVERED, Outcome.DETACHED}:
            outcome = Outcome.RECOVERED
        else:
            outcome = Outcome.UNCHANGED
        return self._answer(outcome, reasons, volumes)

    def _answer(self, outcome: Outcome, reason: str,
                volumes: tuple[results.VolumeResult, ...] = ()
             ) -> results.ServerResult:
        cycled = bool(self._commit and self._commit.power_cycled)
        return results.ServerResult(
            self._instance.uuid, outcome, reason, cycled, volumes=volumes)


def _for_owner(error: Exception) -> str:
    # The reason may name portals of the storage, and commands of the host.
    step = (error.kwargs.get('step', '')
            if isinstance(error, exception.FailoverException) else '')
    return (f'The recovery of the volumes failed in step {step}. An '
            'administrator sees the reason in the events of the server, '
            f'action {instance_action.ACTION}.')


def _only_wait(stale: list[prepare.Prepared],
               actions: list[states.Action]) -> bool:
    """Return whether all was done that can be done while the guest runs."""
    return all(
        action is states.Action.WAIT and item.volume.waiting
        for item, action in zip(stale, actions, strict=True))


def _unfit(found: Found) -> str:
    return _text({item.volume.volume_id: item.reason for item in found
                  if isinstance(item, prepare.Unfit)})


def _left(found: Found, pending: dict[str, str]) -> str:
    return '; '.join(filter(None, (_unfit(found), _text(pending))))


def _text(reasons: dict[str, str]) -> str:
    return '; '.join(f'volume {volume_id}: {reason}'
                     for volume_id, reason in reasons.items())


def _put_off(item: prepare.Prepared | prepare.Unfit,
             reason: str) -> results.VolumeResult:
    """Return the result of a volume whose server is deferred as a whole."""
    result = _volume_result(item, {}, set())
    if isinstance(item, prepare.Prepared) and item.stale:
        return dataclasses.replace(result, outcome=Outcome.DEFERRED,
                                   reason=reason)
    return result


def _volume_result(item: prepare.Prepared | prepare.Unfit,
                   pending: dict[str, str],
                   detached: set[str]) -> results.VolumeResult:
    volume = item.volume
    reason = pending.get(volume.volume_id, '')
    if isinstance(item, prepare.Unfit):
        outcome, reason = Outcome.DEFERRED, item.reason
    elif volume.volume_id in detached:
        outcome = Outcome.DETACHED
    elif volume.waiting:
        outcome = Outcome.DEFERRED
    else:
        outcome = Outcome.RECOVERED if item.stale else Outcome.UNCHANGED
    return results.VolumeResult(
        volume.volume_id, outcome, reason, volume.bdm.attachment_id,
        volume.device_name, volume.root)

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

"""The replication part of the test driver.

The folders with the replicas take the place of an array. The model updates
are those of a driver in ``drivers``, which a test can choose.
"""

import collections.abc
import functools
import inspect
import pathlib
import time
from typing import Any

from cinder import exception
from cinder import objects
from cinder.objects import fields
from eventlet import patcher
from eventlet import tpool

from cinder_failover_hooks import drivers
from cinder_failover_hooks import statuses
from cinder_failover_hooks.testing import pool
from cinder_failover_hooks.testing import script
from cinder_failover_hooks.testing import sparse

#: The new active backend id, the updates of volumes and those of groups.
Outcome = tuple[str, list[dict[str, Any]], list[dict[str, Any]]]
Method = collections.abc.Callable[..., Any]
_TARGETS = ('secondary_id', 'secondary_backend_id', 'active_backend_id')


def scripted(method: Method) -> Method:
    """Wrap a method of the driver so that a test can control its calls.

    :param method: the method; the first volume among its arguments is the
        subject of a call
    :returns: the wrapped method
    """
    signature = inspect.signature(method)

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        subject = next((value for value in (*args, *kwargs.values())
                        if isinstance(value, objects.Volume)), None)
        given = signature.bind(self, *args, **kwargs).arguments
        call = script.Call(
            method.__name__, self.host, getattr(subject, 'id', None),
            next((given[name] for name in _TARGETS if name in given), None))
        self.test_script.enter(call)
        result = method(self, *args, **kwargs)
        self.test_script.leave(call)
        return result
    return wrapper


def _beside(function: Method, *args: Any) -> Any:
    """Call what takes long, in a thread where the service has no other.

    :param function: what to call
    :param args: its arguments
    :returns: what it returns
    """
    if patcher.is_monkey_patched('thread'):
        return tpool.execute(function, *args)
    return function(*args)


class Replication:
    """The replication methods of a driver.

    :ivar pools: the sites by backend id
    :ivar active_backend_id: the active site, None for the primary
    :ivar test_script: the instructions of a test
    """

    configuration: Any
    host: str
    pools: dict[str, pool.Pool]
    active_backend_id: str | None
    test_script: script.Script

    @property
    def _targets(self) -> list[str]:
        """Return the backend ids of the replication devices."""
        return [name for name in self.pools if name != statuses.PRIMARY]

    @property
    def _active_site(self) -> str:
        """Return the backend id of the active site."""
        return self.active_backend_id or statuses.PRIMARY

    def _site_of(self, volume: Any) -> pool.Pool:
        """Return the site of a volume.

        A volume in a group that has failed over alone records its site.
        """
        return self.pools[volume.replication_driver_data or self._active_site]

    def _replicate_from(self, filename: str, site: str) -> None:
        """Set the site from which the writes of a volume are copied."""
        folder = self.configuration.file_replication_path
        if folder:
            scratch = pathlib.Path(folder) / f'.{filename}'
            scratch.write_text(site)
            scratch.rename(pathlib.Path(folder) / filename)

    def _forget(self, filename: str) -> None:
        """Stop the replication of a volume."""
        folder = self.configuration.file_replication_path
        if folder:
            (pathlib.Path(folder) / filename).unlink(missing_ok=True)

    # The whole backend

    @scripted
    def failover_host(self, context: Any, volumes: Any,
                      secondary_id: str | None = None,
                      groups: Any = None) -> Outcome:
        """Fail over or back in a service that is not clustered.

        :param context: the request context
        :param volumes: the replicated volumes
        :param secondary_id: the target, ``default`` to fail back
        :param groups: the replicated groups
        :returns: the new active backend id, volume and group updates
        :raises exception.InvalidReplicationTarget: for an unknown target
        """
        result = self._fail_over(volumes, secondary_id, groups or [])
        self.active_backend_id = result[0] or None
        return result

    @scripted
    def failover(self, context: Any, volumes: Any,
                 secondary_id: str | None = None,
                 groups: Any = None) -> Outcome:
        """Fail the volumes over in a service of a cluster.

        The driver does not switch yet. The parameters and the result are
        those of :meth:`failover_host`.
        """
        return self._fail_over(volumes, secondary_id, groups or [])

    @scripted
    def failover_completed(self, context: Any,
                           active_backend_id: str | None = None) -> None:
        """Switch the driver to the new active site.

        :param context: the request context
        :param active_backend_id: the new active backend id
        :raises exception.InvalidReplicationTarget: the imitated driver raises
            it
        """
        issues = self.test_script.behaviour().known_issues
        if (drivers.KnownIssue.CLUSTERED_FAILBACK_REFUSED in issues
                and not active_backend_id):
            raise exception.InvalidReplicationTarget(
                reason='the replication target does not exist')
        if (drivers.KnownIssue.MEMBERS_IGNORE_TARGET in issues
                and active_backend_id):
            return
        self.active_backend_id = active_backend_id or None

    def _fail_over(self, volumes: Any, requested: str | None,
                   groups: Any) -> Outcome:
        behaviour = self.test_script.behaviour()
        if drivers.KnownIssue.TAKES_NO_GROUPS in behaviour.known_issues:
            raise TypeError('failover_host() got an unexpected keyword '
                            "argument 'groups'")
        repeated = ((requested == statuses.PRIMARY)
                    == (self._active_site == statuses.PRIMARY))
        if repeated and (drivers.KnownIssue.SECOND_FAILOVER_IGNORED
                         in behaviour.known_issues):
            return self.active_backend_id or '', [], []
        target = self._choose(requested, self._active_site)
        self._require_old_side(behaviour)
        self._delay()
        failback = target == statuses.PRIMARY
        self._move([volume for volume in volumes
                    if not self.test_script.fails(volume.id)], target)
        status = (fields.ReplicationStatus.ENABLED if failback
                  else fields.ReplicationStatus.FAILED_OVER)
        return ('' if failback else target,
                [update for volume in volumes for update
                 in self._update(behaviour, volume, failback)],
                [{'group_id': group.id,
                  'updates': {'replication_status': status}}
                 for group in groups])

    def _move(self, volumes: Any, target: str) -> None:
        if target == statuses.PRIMARY:
            self._resynchronize(volumes, self.pools[target])
        for volume in volumes:
            self._replicate_from(volume.name, self.pools[target].name)

    def _update(self, behaviour: drivers.Driver, volume: Any,
                failback: bool) -> list[dict[str, Any]]:
        fails = self.test_script.fails(volume.id)
        update = {(False, False): behaviour.failed_over,
                  (False, True): behaviour.failed_back,
                  (True, False): behaviour.failover_error,
                  (True, True): behaviour.failback_error}[fails, failback]
        if fails and (drivers.KnownIssue.UPDATE_WITHOUT_ID
                      in behaviour.known_issues):
            return [update.as_dict()]
        # The failover of a backend includes groups that were at another site.
        updates = self.test_script.updates(
            volume.id, {**update.as_dict(), 'replication_driver_data': None})
        if updates is None:
            return []
        return [{'volume_id': volume.id, 'updates': updates}]

    def _choose(self, requested: str | None, active: str) -> str:
        """Return the target of a failover.

        :param requested: the requested target, None to choose one
        :param active: the backend id of the active site
        :returns: a key of the pools
        :raises exception.InvalidReplicationTarget: there is no such target
        """
        target = requested or next(
            (name for name in self._targets if name != active), '')
        if target not in self.pools or target == active:
            raise exception.InvalidReplicationTarget(
                reason=f'{requested} is not a target for a failover from '
                       f'{active}')
        return target

    def _require_old_side(self, behaviour: drivers.Driver) -> None:
        """Fail like a driver that needs the site that it leaves."""
        if (behaviour.old_side != drivers.OldSide.YES
                or self.pools[self._active_site].answers()):
            return
        if drivers.KnownIssue.FAILS_WITHOUT_PRIMARY in behaviour.known_issues:
            raise TypeError("'NoneType' object is not subscriptable")
        raise exception.VolumeBackendAPIException(
            data=f'{self._active_site} does not answer')

    def _delay(self) -> None:
        """Delay the failover for as long as a test requests."""
        if not self.configuration.file_control_path:
            return
        folder = pathlib.Path(self.configuration.file_control_path)
        if (folder / 'failover-delay').exists():
            seconds = float((folder / 'failover-delay').read_text())
            (folder / 'failing-over').touch()
            time.sleep(seconds)
            (folder / 'failing-over').unlink()

    def _resynchronize(self, volumes: Any, target: pool.Pool) -> None:
        """Copy the writes that a returning site has missed.

        :param volumes: the replicated volumes
        :param target: the returning site
        :raises exception.VolumeBackendAPIException: the site does not answer
        """
        for volume in volumes:
            try:
                new = not target.path(volume.name).exists()
                if new:
                    target.make(volume.name, volume.size)
                source = self._site_of(volume)
                if source is not target:
                    _beside(sparse.copy, source.path(volume.name),
                            target.path(volume.name), pool.MARK,
                            self._changed(volume, new))
            except OSError as exc:
                raise exception.VolumeBackendAPIException(
                    data=f'{volume.name} cannot be copied to '
                         f'{target.name}: {exc}') from exc

    def _changed(self, volume: Any,
                 new: bool) -> list[tuple[int, int]] | None:
        """What a site has missed of a volume, None if that is not known."""
        folder = self.configuration.file_missed_path
        if new or not folder:
            return None
        return sparse.noted(pathlib.Path(folder) / volume.name)

    # Replication groups

    @scripted
    def enable_replication(self, context: Any, group: Any,
                           volumes: Any) -> tuple[Any, Any]:
        """Replicate a group.

        :param context: the request context
        :param group: the group
        :param volumes: its volumes
        :returns: updates of the group and of its volumes
        """
        return self._group_updates(volumes, fields.ReplicationStatus.ENABLED)

    @scripted
    def disable_replication(self, context: Any, group: Any,
                            volumes: Any) -> tuple[Any, Any]:
        """Stop replicating a group; see :meth:`enable_replication`."""
        return self._group_updates(volumes, fields.ReplicationStatus.DISABLED)

    @scripted
    def failover_replication(self, context: Any, group: Any, volumes: Any,
                             secondary_backend_id: str | None = None
                             ) -> tuple[Any, Any]:
        """Fail a single group over or back.

        :param context: the request context
        :param group: the group
        :param volumes: its volumes
        :param secondary_backend_id: the target, ``default`` to fail back
        :returns: updates of the group and of its volumes
        :raises exception.InvalidReplicationTarget: for an unknown target
        """
        active = next((volume.replication_driver_data for volume in volumes),
                      None) or self._active_site
        target = self._choose(secondary_backend_id, active)
        self._move([volume for volume in volumes
                    if not self.test_script.fails(volume.id)], target)
        site = None if target == self._active_site else target
        status = (fields.ReplicationStatus.ENABLED
                  if target == statuses.PRIMARY
                  else fields.ReplicationStatus.FAILED_OVER)
        return self._group_updates(volumes, status,
                                   replication_driver_data=site)

    def _group_updates(self, volumes: Any, status: str,
                       **more: Any) -> tuple[Any, Any]:
        updates = []
        for volume in volumes:
            usual = {'replication_status': status, **more}
            if self.test_script.fails(volume.id):
                usual = {'replication_status': fields.ReplicationStatus.ERROR}
            update = self.test_script.updates(volume.id, usual)
            if update is not None:
                updates.append({'id': volume.id, **update})
        return {'replication_status': status}, updates

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


"""What the driver to test with does when it fails over.

The folders that hold the replicas are the array; what is told to Cinder
follows ``drivers``, for one of which a test may ask it to be taken.
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

from cinder_failover_hooks import drivers
from cinder_failover_hooks.testing import pool
from cinder_failover_hooks.testing import script
from cinder_failover_hooks.testing import sparse

FAILBACK = 'default'
#: The new active backend id, the updates of volumes and those of groups.
Outcome = tuple[str, list[dict[str, Any]], list[dict[str, Any]]]
Method = collections.abc.Callable[..., Any]
_TARGETS = ('secondary_id', 'secondary_backend_id', 'active_backend_id')


def scripted(method: Method) -> Method:
    """Let a test have its say about a method of the driver.

    :param method: the method; the first volume among its arguments is the one
        that it is about
    :returns: the method
    """
    names = inspect.signature(method)

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        subject = next((value for value in (*args, *kwargs.values())
                        if isinstance(value, objects.Volume)), None)
        given = names.bind(self, *args, **kwargs).arguments
        call = script.Call(
            method.__name__, self.host, getattr(subject, 'id', None),
            next((given[name] for name in _TARGETS if name in given), None))
        self.wanted.enter(call)
        result = method(self, *args, **kwargs)
        self.wanted.leave(call)
        return result
    return wrapper


class Replication:
    """The part of a driver that replicates.

    :ivar pools: the sites by their backend id
    :ivar active_backend_id: where the backend is, None for the primary
    :ivar wanted: what a test wants
    """

    configuration: Any
    host: str
    pools: dict[str, pool.Pool]
    active_backend_id: str | None
    wanted: script.Script

    @property
    def _targets(self) -> list[str]:
        """The backend ids of the replication devices."""
        return [name for name in self.pools if name != FAILBACK]

    @property
    def _here(self) -> str:
        """The backend id of the site that the backend is at."""
        return self.active_backend_id or FAILBACK

    def _site_of(self, volume: Any) -> pool.Pool:
        """The site that a volume is used at.

        A group that has failed over alone has a site of its own.
        """
        return self.pools[volume.replication_driver_data or self._here]

    def _replicate_from(self, filename: str, site: str) -> None:
        """Say from which site the writes of a volume are copied."""
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
        """Fail over or back, for a service that is not clustered.

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
        """Fail the volumes over, the driver stays; see :meth:`failover_host`.

        For a service of a cluster.
        """
        return self._fail_over(volumes, secondary_id, groups or [])

    @scripted
    def failover_completed(self, context: Any,
                           active_backend_id: str | None = None) -> None:
        """Use the new site from now on.

        :param context: the request context
        :param active_backend_id: the new active backend id
        :raises exception.InvalidReplicationTarget: where a driver would
        """
        mines = self.wanted.behaviour().landmines
        if (drivers.Landmine.CLUSTERED_FAILBACK_REFUSED in mines
                and not active_backend_id):
            raise exception.InvalidReplicationTarget(
                reason='there is no target of that name')
        if (drivers.Landmine.MEMBERS_IGNORE_TARGET in mines
                and active_backend_id):
            return
        self.active_backend_id = active_backend_id or None

    def _fail_over(self, volumes: Any, wanted: str | None,
                   groups: Any) -> Outcome:
        behaviour = self.wanted.behaviour()
        if drivers.Landmine.TAKES_NO_GROUPS in behaviour.landmines:
            raise TypeError('failover_host() got an unexpected keyword '
                            "argument 'groups'")
        if (drivers.Landmine.SECOND_FAILOVER_IGNORED in behaviour.landmines
                and (wanted == FAILBACK) == (self._here == FAILBACK)):
            return self.active_backend_id or '', [], []
        target = self._choose(wanted, self._here)
        self._ask_old_side(behaviour)
        self._take_time()
        failback = target == FAILBACK
        self._move([volume for volume in volumes
                    if not self.wanted.fails(volume.id)], target)
        status = (fields.ReplicationStatus.ENABLED if failback
                  else fields.ReplicationStatus.FAILED_OVER)
        return ('' if failback else target,
                [update for volume in volumes for update
                 in self._update(behaviour, volume, failback)],
                [{'group_id': group.id,
                  'updates': {'replication_status': status}}
                 for group in groups])

    def _move(self, volumes: Any, target: str) -> None:
        if target == FAILBACK:
            self._catch_up(volumes, self.pools[target])
        for volume in volumes:
            self._replicate_from(volume.name, self.pools[target].name)

    def _update(self, behaviour: drivers.Driver, volume: Any,
                failback: bool) -> list[dict[str, Any]]:
        fails = self.wanted.fails(volume.id)
        words = {(False, False): behaviour.failed_over,
                 (False, True): behaviour.failed_back,
                 (True, False): behaviour.failover_error,
                 (True, True): behaviour.failback_error}[fails, failback]
        if fails and (drivers.Landmine.UPDATE_WITHOUT_ID
                      in behaviour.landmines):
            return [words.as_dict()]
        # A volume is where its backend is, also if its group was elsewhere.
        updates = self.wanted.updates(
            volume.id, {**words.as_dict(), 'replication_driver_data': None})
        if updates is None:
            return []
        return [{'volume_id': volume.id, 'updates': updates}]

    def _choose(self, wanted: str | None, active: str) -> str:
        """Find the target of a failover.

        :param wanted: what the operator asked for, if anything
        :param active: where it is
        :returns: a key of the pools
        :raises exception.InvalidReplicationTarget: when there is none
        """
        target = wanted or next(
            (name for name in self._targets if name != active), '')
        if target not in self.pools or target == active:
            raise exception.InvalidReplicationTarget(
                reason=f'{wanted} is no target to fail over to from '
                       f'{active}')
        return target

    def _ask_old_side(self, behaviour: drivers.Driver) -> None:
        """Fail as a driver does that needs the site that it leaves."""
        if (behaviour.old_side != drivers.OldSide.YES
                or self.pools[self._here].answers()):
            return
        if drivers.Landmine.FAILS_WITHOUT_PRIMARY in behaviour.landmines:
            raise TypeError("'NoneType' object is not subscriptable")
        raise exception.VolumeBackendAPIException(
            data=f'{self._here} does not answer')

    def _take_time(self) -> None:
        """Take as long as a test wants the failover to take."""
        if not self.configuration.file_control_path:
            return
        folder = pathlib.Path(self.configuration.file_control_path)
        if (folder / 'failover-delay').exists():
            seconds = float((folder / 'failover-delay').read_text())
            (folder / 'failing-over').touch()
            time.sleep(seconds)
            (folder / 'failing-over').unlink()

    def _catch_up(self, volumes: Any, target: pool.Pool) -> None:
        """Copy what a returning site has missed.

        :param volumes: the replicated volumes
        :param target: the returning site
        :raises exception.VolumeBackendAPIException: when it is not there
        """
        for volume in volumes:
            try:
                if not target.path(volume.name).exists():
                    target.make(volume.name, volume.size)
                source = self._site_of(volume)
                if source is not target:
                    sparse.copy(source.path(volume.name),
                                target.path(volume.name), tail=pool.MARK)
            except OSError as error:
                raise exception.VolumeBackendAPIException(
                    data=f'{volume.name} cannot be brought back to '
                         f'{target.name}: {error}') from error

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
        """Stop to replicate a group; see :meth:`enable_replication`."""
        return self._group_updates(volumes, fields.ReplicationStatus.DISABLED)

    @scripted
    def failover_replication(self, context: Any, group: Any, volumes: Any,
                             secondary_backend_id: str | None = None
                             ) -> tuple[Any, Any]:
        """Fail a group over or back, and nothing else of the backend.

        :param context: the request context
        :param group: the group
        :param volumes: its volumes
        :param secondary_backend_id: the target, ``default`` to fail back
        :returns: updates of the group and of its volumes
        :raises exception.InvalidReplicationTarget: for an unknown target
        """
        active = next((volume.replication_driver_data for volume in volumes),
                      None) or self._here
        target = self._choose(secondary_backend_id, active)
        self._move([volume for volume in volumes
                    if not self.wanted.fails(volume.id)], target)
        place = None if target == self._here else target
        status = (fields.ReplicationStatus.ENABLED if target == FAILBACK
                  else fields.ReplicationStatus.FAILED_OVER)
        return self._group_updates(volumes, status,
                                   replication_driver_data=place)

    def _group_updates(self, volumes: Any, status: str,
                       **more: Any) -> tuple[Any, Any]:
        updates = []
        for volume in volumes:
            words = {'replication_status': status, **more}
            if self.wanted.fails(volume.id):
                words = {'replication_status': fields.ReplicationStatus.ERROR}
            update = self.wanted.updates(volume.id, words)
            if update is not None:
                updates.append({'id': volume.id, **update})
        return {'replication_status': status}, updates

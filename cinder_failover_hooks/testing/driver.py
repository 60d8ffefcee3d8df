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
"""A Cinder driver for a replicated backend that is made of two folders.

Each pool is a "site". A volume whose type has
``replication_enabled='<is> True'`` is a file at both; the mark in its last
sector tells a guest which of them it reads. Somebody else copies a guest's
writes from the active site to the other one (in the little cloud the file
systems below the pools do); the driver says by ``file_replication_path``
what to copy, and copies back what was missed when it fails back.
"""

import pathlib
import time
from typing import Any

from cinder import exception
from cinder.image import image_utils
from cinder import interface
from cinder.objects import fields
from cinder.volume import driver
from cinder.volume import volume_utils
from oslo_config import cfg
from oslo_log import log as logging

from cinder_failover_hooks.testing import loops
from cinder_failover_hooks.testing import options
from cinder_failover_hooks.testing import pool
from cinder_failover_hooks.testing import sparse

LOG = logging.getLogger(__name__)

FAILBACK = 'default'
#: The new active backend id, the updates of volumes and those of groups.
Outcome = tuple[str, list[dict[str, Any]], list[dict[str, Any]]]


@interface.volumedriver
class ReplicatedFileDriver(driver.VolumeDriver):
    """Volumes as files in folders, replicated, and able to fail over."""

    VERSION = '1.0.0'
    CI_WIKI_NAME = 'none'
    SUPPORTS_ACTIVE_ACTIVE = True

    def __init__(self, *args: Any, active_backend_id: str | None = None,
                 **kwargs: Any) -> None:
        """Read the options.

        :param active_backend_id: where the backend has failed over to
        """
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(options.OPTS)
        self.active_backend_id = active_backend_id or None
        self.pools: dict[str, pool.Pool] = {}

    @classmethod
    def get_driver_options(cls) -> list[cfg.Opt]:
        """The options of this driver.

        :returns: a list of options
        """
        return options.OPTS

    def do_setup(self, context: Any) -> None:
        """Find the pools: the own one, and one per replication device."""
        conf = self.configuration
        self.pools = {FAILBACK: pool.Pool(conf.file_site_name,
                                          conf.file_pool_path)}
        for device in conf.safe_get('replication_device') or []:
            self.pools[device['backend_id']] = pool.Pool(
                device.get('site', device['backend_id']), device['path'])

    def check_for_setup_error(self) -> None:
        """Nothing can be wrong but the path of the pool.

        :raises exception.VolumeBackendAPIException: when it is not set
        """
        if not self.configuration.file_pool_path:
            raise exception.VolumeBackendAPIException(
                data='file_pool_path is not set')

    # Helpers

    @property
    def _targets(self) -> list[str]:
        """The backend ids of the replication devices."""
        return [name for name in self.pools if name != FAILBACK]

    @property
    def _active(self) -> pool.Pool:
        """The pool that is in use."""
        return self.pools[self.active_backend_id or FAILBACK]

    def _is_replicated(self, volume: Any) -> bool:
        """Whether a volume's type asks for replication."""
        specs = volume.volume_type.extra_specs if volume.volume_type else {}
        return bool(self._targets) and volume_utils.is_replicated_spec(
            specs or {})

    def _pools_of(self, volume: Any) -> list[pool.Pool]:
        """The pools that hold a volume, the active one first."""
        if not self._is_replicated(volume):
            return [self._active]
        others = [each for each in self.pools.values()
                  if each is not self._active]
        return [self._active, *others]

    def _path(self, volume: Any) -> pathlib.Path:
        """The file of a volume at the active site."""
        return self._active.path(volume.name)

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

    def _publish(self, volume: Any, size: int) -> dict[str, Any]:
        """Give a volume that was filled at the active site its final form.

        :param volume: the volume
        :param size: its size in GiB
        :returns: the model update
        """
        pools = self._pools_of(volume)
        pools[0].make(volume.name, size)
        for other in pools[1:]:
            other.make(volume.name, size)
            sparse.copy(pools[0].path(volume.name),
                        other.path(volume.name), tail=pool.MARK)
        status = fields.ReplicationStatus.DISABLED
        if len(pools) > 1:
            self._replicate_from(volume.name, pools[0].name)
            status = fields.ReplicationStatus.ENABLED
        return {'replication_status': status}

    def _copy_here(self, source: str, volume: Any) -> dict[str, Any]:
        """Fill a volume from a file of the active site."""
        origin = self._active.path(source)
        size = max(1, origin.stat().st_size // pool.GIB)
        self._active.make(volume.name, size)
        sparse.copy(origin, self._path(volume), tail=pool.MARK)
        return self._publish(volume, volume.size)

    # Volumes and snapshots

    def create_volume(self, volume: Any) -> dict[str, Any]:
        """Make an empty volume.

        :param volume: the volume
        :returns: the model update
        """
        return self._publish(volume, volume.size)

    def delete_volume(self, volume: Any) -> None:
        """Remove a volume from each site that can be reached.

        :param volume: the volume
        """
        self._forget(volume.name)
        for each in self._pools_of(volume):
            loops.release(each.path(volume.name))
            try:
                each.remove(volume.name)
            except OSError as error:
                LOG.warning('Volume %s stays at %s: %s', volume.name,
                            each.name, error)

    def create_cloned_volume(self, volume: Any,
                             src_vref: Any) -> dict[str, Any]:
        """Make a volume from another one."""
        return self._copy_here(src_vref.name, volume)

    def create_snapshot(self, snapshot: Any) -> None:
        """Make a snapshot, a copy at the active site."""
        self._active.make(snapshot.name, snapshot.volume_size)
        sparse.copy(self._active.path(snapshot.volume_name),
                    self._active.path(snapshot.name), tail=pool.MARK)

    def delete_snapshot(self, snapshot: Any) -> None:
        """Remove a snapshot."""
        self._active.remove(snapshot.name)

    def create_volume_from_snapshot(self, volume: Any,
                                    snapshot: Any) -> dict[str, Any]:
        """Make a volume from a snapshot."""
        return self._copy_here(snapshot.name, volume)

    def extend_volume(self, volume: Any, new_size: int) -> None:
        """Make a volume larger at each site."""
        for each in self._pools_of(volume):
            each.make(volume.name, new_size)

    def copy_image_to_volume(self, context: Any, volume: Any,
                             image_service: Any, image_id: str,
                             disable_sparse: bool = False) -> dict[str, Any]:
        """Fill a volume from an image, at each site."""
        image_utils.fetch_to_raw(
            context, image_service, image_id, str(self._path(volume)),
            self.configuration.volume_dd_blocksize, size=volume.size,
            run_as_root=False)
        return self._publish(volume, volume.size)

    def copy_volume_to_image(self, context: Any, volume: Any,
                             image_service: Any, image_meta: Any) -> None:
        """Make an image from a volume."""
        volume_utils.upload_volume(
            context, image_service, image_meta, str(self._path(volume)),
            volume, run_as_root=False)

    # Connections

    def ensure_export(self, context: Any, volume: Any) -> None:
        """Nothing to export: the host sees the folder."""

    def create_export(self, context: Any, volume: Any, connector: Any) -> None:
        """Nothing to export: the host sees the folder."""

    def remove_export(self, context: Any, volume: Any) -> None:
        """Remove what other sites' connections left behind."""
        self._release_others(volume)

    def _release_others(self, volume: Any) -> None:
        """Remove loop devices over the sites that are not active."""
        for each in self.pools.values():
            if each is not self._active:
                loops.release(each.path(volume.name))

    def initialize_connection(self, volume: Any,
                              connector: Any) -> dict[str, Any]:
        """Say how the active site's file is reached; may be asked often.

        :param volume: the volume
        :param connector: of the host that wants to connect
        :returns: connection_info
        """
        path = self._path(volume)
        kind = self.configuration.file_connection_type
        if kind == 'local':
            self._release_others(volume)
            path = pathlib.Path(loops.ensure(path))
        data = {'device_path': str(path), 'volume_id': volume.id,
                'access_mode': 'rw', 'discard': False}
        if self.configuration.file_auth_password:
            data.update(auth_method='CHAP', auth_username='little',
                        auth_password=self.configuration.file_auth_password)
        return {'driver_volume_type': kind, 'data': data}

    def terminate_connection(self, volume: Any, connector: Any,
                             **kwargs: Any) -> None:
        """Take the connection down; nothing of a dead site is touched."""
        for each in self.pools.values():
            loops.release(each.path(volume.name))

    # Replication

    def failover_host(self, context: Any, volumes: Any,
                      secondary_id: str | None = None,
                      groups: Any = None) -> Outcome:
        """Fail over or back, for a service that is not clustered.

        :param context: the request context
        :param volumes: the replicated volumes
        :param secondary_id: the target, ``default`` to fail back
        :param groups: groups, of which this driver has none
        :returns: the new active backend id, volume and group updates
        :raises exception.InvalidReplicationTarget: for an unknown target
        """
        result = self.failover(context, volumes, secondary_id, groups)
        self.failover_completed(context, result[0])
        return result

    def failover(self, context: Any, volumes: Any,
                 secondary_id: str | None = None,
                 groups: Any = None) -> Outcome:
        """Fail the volumes over; see :meth:`failover_host`."""
        target = self._choose(secondary_id)
        self._take_time()
        status = fields.ReplicationStatus.FAILED_OVER
        if target == FAILBACK:
            status = fields.ReplicationStatus.ENABLED
            self._catch_up(volumes, self.pools[target])
        for volume in volumes:
            self._replicate_from(volume.name, self.pools[target].name)
        updates = [{'volume_id': volume.id,
                    'updates': {'replication_status': status}}
                   for volume in volumes]
        return ('' if target == FAILBACK else target), updates, []

    def failover_completed(self, context: Any,
                           active_backend_id: str | None = None) -> None:
        """Use the new site from now on.

        :param context: the request context
        :param active_backend_id: the new active backend id
        """
        self.active_backend_id = active_backend_id or None

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

    def _choose(self, wanted: str | None) -> str:
        """Find the target of a failover.

        :param wanted: what the operator asked for, if anything
        :returns: a key of the pools
        :raises exception.InvalidReplicationTarget: when there is none
        """
        active = self.active_backend_id or FAILBACK
        target = wanted or next(iter(self._targets), '')
        if target not in self.pools or target == active:
            raise exception.InvalidReplicationTarget(
                reason=f'{wanted} is no target to fail over to from '
                       f'{active}')
        return target

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
                sparse.copy(self._path(volume), target.path(volume.name),
                            tail=pool.MARK)
            except OSError as error:
                raise exception.VolumeBackendAPIException(
                    data=f'{volume.name} cannot be brought back to '
                         f'{target.name}: {error}') from error

    def _update_volume_stats(self) -> None:
        """Tell the scheduler about the backend."""
        self._stats = {
            'volume_backend_name':
                self.configuration.safe_get('volume_backend_name'),
            'vendor_name': 'Open Source',
            'driver_version': self.VERSION,
            'storage_protocol': 'file',
            'total_capacity_gb': 1000,
            'free_capacity_gb': 900,
            'multiattach': True,
            'thin_provisioning_support': True,
            'max_over_subscription_ratio': '20.0',
            'replication_enabled': bool(self._targets),
            'replication_type': ['async'],
            'replication_targets': self._targets,
        }

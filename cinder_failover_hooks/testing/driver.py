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

"""The test driver of Cinder: a replicated backend made of folders.

Each pool is a "site". A volume whose type has
``replication_enabled='<is> True'`` is a file at every site. The mark in its
last sector shows a guest from which site it reads. The driver does not copy
the writes of a guest to the other sites; in the little cloud the file systems
below the pools do. The driver writes to ``file_replication_path`` which site
is active, and copies missed writes when it fails back.
"""

import pathlib
from typing import Any

from cinder import exception
from cinder.image import image_utils
from cinder import interface
from cinder.objects import fields
from cinder.volume import driver
from cinder.volume import volume_utils
from oslo_config import cfg
from oslo_log import log as logging

from cinder_failover_hooks import drivers
from cinder_failover_hooks import statuses
from cinder_failover_hooks.testing import loops
from cinder_failover_hooks.testing import options
from cinder_failover_hooks.testing import pool
from cinder_failover_hooks.testing import replication
from cinder_failover_hooks.testing import script
from cinder_failover_hooks.testing import sparse

LOG = logging.getLogger(__name__)


@interface.volumedriver
class ReplicatedFileDriver(replication.Replication, driver.VolumeDriver):
    """A driver with files as volumes that replicates and fails over."""

    VERSION = '1.0.0'
    CI_WIKI_NAME = 'none'
    SUPPORTS_ACTIVE_ACTIVE = True

    def __init__(self, *args: Any, active_backend_id: str | None = None,
                 **kwargs: Any) -> None:
        """Read the options.

        :param active_backend_id: the active site, None for the primary
        """
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(options.OPTS)
        self.active_backend_id = active_backend_id or None
        self.pools: dict[str, pool.Pool] = {}
        self.test_script = script.Script(self.configuration.file_control_path)

    @classmethod
    def get_driver_options(cls) -> list[cfg.Opt]:
        """Return the options of this driver."""
        return options.OPTS

    def do_setup(self, context: Any) -> None:
        """Find the pools of the primary and of the replication devices."""
        conf = self.configuration
        self.pools = {statuses.PRIMARY: pool.Pool(
            conf.file_site_name, conf.file_pool_path)}
        for device in conf.safe_get('replication_device') or []:
            self.pools[device['backend_id']] = pool.Pool(
                device.get('site', device['backend_id']), device['path'])

    def check_for_setup_error(self) -> None:
        """Check the path of the pool.

        :raises exception.VolumeBackendAPIException: the path is not set
        """
        if not self.configuration.file_pool_path:
            raise exception.VolumeBackendAPIException(
                data='file_pool_path is not set')

    # Helpers

    def _is_replicated(self, volume: Any) -> bool:
        """Return whether the type of a volume requests replication."""
        specs = volume.volume_type.extra_specs if volume.volume_type else {}
        return bool(self._targets) and volume_utils.is_replicated_spec(
            specs or {})

    def _pools_of(self, volume: Any) -> list[pool.Pool]:
        """Return the pools with a volume, the one of its site first."""
        here = self._site_of(volume)
        if not self._is_replicated(volume):
            return [here]
        return [here, *(each for each in self.pools.values()
                        if each is not here)]

    def _path(self, volume: Any) -> pathlib.Path:
        """Return the file of a volume at its site."""
        return self._site_of(volume).path(volume.name)

    def _release(self, path: pathlib.Path) -> None:
        """Remove the loop devices of a file if the driver uses them."""
        if self.configuration.file_connection_type == 'local':
            loops.release(path)

    def _publish(self, volume: Any, size: int) -> dict[str, Any]:
        """Replicate a volume that was filled at the active site.

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

    def _copy_here(self, site: pool.Pool, source: str,
                   volume: Any) -> dict[str, Any]:
        """Fill a volume from a file at a site."""
        origin, target = site.path(source), self._site_of(volume)
        size = max(1, origin.stat().st_size // pool.GIB)
        target.make(volume.name, size)
        sparse.copy(origin, target.path(volume.name), tail=pool.MARK)
        return self._publish(volume, volume.size)

    # Volumes and snapshots

    @replication.scripted
    def create_volume(self, volume: Any) -> dict[str, Any]:
        """Create an empty volume.

        :param volume: the volume
        :returns: the model update
        """
        return self._publish(volume, volume.size)

    @replication.scripted
    def delete_volume(self, volume: Any) -> None:
        """Delete a volume at each site that answers.

        :param volume: the volume
        """
        self._forget(volume.name)
        for each in self._pools_of(volume):
            self._release(each.path(volume.name))
            try:
                each.remove(volume.name)
            except OSError as exc:
                LOG.warning('Could not delete volume %s at %s: %s',
                            volume.name, each.name, exc)

    @replication.scripted
    def create_cloned_volume(self, volume: Any,
                             src_vref: Any) -> dict[str, Any]:
        """Create a volume from another one."""
        return self._copy_here(self._site_of(src_vref), src_vref.name, volume)

    @replication.scripted
    def create_snapshot(self, snapshot: Any) -> None:
        """Create a snapshot: a copy at the site of its volume."""
        here = self._site_of(snapshot.volume)
        here.make(snapshot.name, snapshot.volume_size)
        sparse.copy(here.path(snapshot.volume_name),
                    here.path(snapshot.name), tail=pool.MARK)

    @replication.scripted
    def delete_snapshot(self, snapshot: Any) -> None:
        """Delete a snapshot."""
        self._site_of(snapshot.volume).remove(snapshot.name)

    @replication.scripted
    def create_volume_from_snapshot(self, volume: Any,
                                    snapshot: Any) -> dict[str, Any]:
        """Create a volume from a snapshot."""
        return self._copy_here(self._site_of(snapshot.volume), snapshot.name,
                               volume)

    @replication.scripted
    def extend_volume(self, volume: Any, new_size: int) -> None:
        """Extend a volume at each site."""
        for each in self._pools_of(volume):
            each.make(volume.name, new_size)

    def copy_image_to_volume(self, context: Any, volume: Any,
                             image_service: Any, image_id: str,
                             disable_sparse: bool = False) -> dict[str, Any]:
        """Fill a volume from an image at each site."""
        image_utils.fetch_to_raw(
            context, image_service, image_id, str(self._path(volume)),
            self.configuration.volume_dd_blocksize, size=volume.size,
            run_as_root=False)
        return self._publish(volume, volume.size)

    def copy_volume_to_image(self, context: Any, volume: Any,
                             image_service: Any, image_meta: Any) -> None:
        """Create an image from a volume."""
        volume_utils.upload_volume(
            context, image_service, image_meta, str(self._path(volume)),
            volume, run_as_root=False)

    # Connections

    @replication.scripted
    def ensure_export(self, context: Any, volume: Any) -> None:
        """Do nothing: the host has access to the folder."""

    @replication.scripted
    def create_export(self, context: Any, volume: Any, connector: Any) -> None:
        """Do nothing: the host has access to the folder."""

    @replication.scripted
    def remove_export(self, context: Any, volume: Any) -> None:
        """Remove the loop devices at the other sites."""
        self._release_others(volume)

    def _release_others(self, volume: Any) -> None:
        """Remove the loop devices of a volume at its inactive sites."""
        here = self._site_of(volume)
        for each in self.pools.values():
            if each is not here:
                self._release(each.path(volume.name))

    @replication.scripted
    def initialize_connection(self, volume: Any,
                              connector: Any) -> dict[str, Any]:
        """Return the connection to the file at the active site.

        Repeated calls are safe.

        :param volume: the volume
        :param connector: the connector of the host
        :returns: connection_info
        """
        path = self._path(volume)
        if not self.test_script.behaviour().changes:
            path = self.pools[statuses.PRIMARY].path(volume.name)
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

    @replication.scripted
    def terminate_connection(self, volume: Any, connector: Any,
                             **kwargs: Any) -> None:
        """Remove the connection without access to the files.

        :param volume: the volume
        :param connector: the connector of the host
        :raises exception.VolumeBackendAPIException: the imitated driver raises
            it because it cannot unmap the volume
        """
        if drivers.KnownIssue.TERMINATE_RAISES in (
                self.test_script.behaviour().known_issues) and not all(
                    each.answers() for each in self._pools_of(volume)):
            raise exception.VolumeBackendAPIException(
                data=f'{volume.name} cannot be unmapped')
        for each in self.pools.values():
            self._release(each.path(volume.name))

    def _update_volume_stats(self) -> None:
        """Update the capabilities of the backend."""
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
            'replication_type': [self.configuration.file_replication_mode],
            'replication_targets': self._targets,
            'group_replication_enabled': bool(self._targets),
            'consistent_group_replication_enabled': bool(self._targets),
        }

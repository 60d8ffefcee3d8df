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
from cinder_failover_hooks.testing import loops
from cinder_failover_hooks.testing import options
from cinder_failover_hooks.testing import pool
from cinder_failover_hooks.testing import replication
from cinder_failover_hooks.testing import script
from cinder_failover_hooks.testing import sparse

LOG = logging.getLogger(__name__)


@interface.volumedriver
class ReplicatedFileDriver(replication.Replication, driver.VolumeDriver):
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
        self.wanted = script.Script(self.configuration.file_control_path)

    @classmethod
    def get_driver_options(cls) -> list[cfg.Opt]:
        """The options of this driver.

        :returns: a list of options
        """
        return options.OPTS

    def do_setup(self, context: Any) -> None:
        """Find the pools: the own one, and one per replication device."""
        conf = self.configuration
        self.pools = {replication.FAILBACK: pool.Pool(
            conf.file_site_name, conf.file_pool_path)}
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

    def _is_replicated(self, volume: Any) -> bool:
        """Whether a volume's type asks for replication."""
        specs = volume.volume_type.extra_specs if volume.volume_type else {}
        return bool(self._targets) and volume_utils.is_replicated_spec(
            specs or {})

    def _pools_of(self, volume: Any) -> list[pool.Pool]:
        """The pools that hold a volume, the one that it is used at first."""
        here = self._site_of(volume)
        if not self._is_replicated(volume):
            return [here]
        return [here, *(each for each in self.pools.values()
                        if each is not here)]

    def _path(self, volume: Any) -> pathlib.Path:
        """The file of a volume at the site that it is used at."""
        return self._site_of(volume).path(volume.name)

    def _release(self, path: pathlib.Path) -> None:
        """Remove loop devices over a file, where there may be any."""
        if self.configuration.file_connection_type == 'local':
            loops.release(path)

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

    def _copy_here(self, site: pool.Pool, source: str,
                   volume: Any) -> dict[str, Any]:
        """Fill a volume from a file of a site."""
        origin, target = site.path(source), self._site_of(volume)
        size = max(1, origin.stat().st_size // pool.GIB)
        target.make(volume.name, size)
        sparse.copy(origin, target.path(volume.name), tail=pool.MARK)
        return self._publish(volume, volume.size)

    # Volumes and snapshots

    @replication.scripted
    def create_volume(self, volume: Any) -> dict[str, Any]:
        """Make an empty volume.

        :param volume: the volume
        :returns: the model update
        """
        return self._publish(volume, volume.size)

    @replication.scripted
    def delete_volume(self, volume: Any) -> None:
        """Remove a volume from each site that can be reached.

        :param volume: the volume
        """
        self._forget(volume.name)
        for each in self._pools_of(volume):
            self._release(each.path(volume.name))
            try:
                each.remove(volume.name)
            except OSError as error:
                LOG.warning('Volume %s stays at %s: %s', volume.name,
                            each.name, error)

    @replication.scripted
    def create_cloned_volume(self, volume: Any,
                             src_vref: Any) -> dict[str, Any]:
        """Make a volume from another one."""
        return self._copy_here(self._site_of(src_vref), src_vref.name, volume)

    @replication.scripted
    def create_snapshot(self, snapshot: Any) -> None:
        """Make a snapshot, a copy at the site of its volume."""
        here = self._site_of(snapshot.volume)
        here.make(snapshot.name, snapshot.volume_size)
        sparse.copy(here.path(snapshot.volume_name),
                    here.path(snapshot.name), tail=pool.MARK)

    @replication.scripted
    def delete_snapshot(self, snapshot: Any) -> None:
        """Remove a snapshot."""
        self._site_of(snapshot.volume).remove(snapshot.name)

    @replication.scripted
    def create_volume_from_snapshot(self, volume: Any,
                                    snapshot: Any) -> dict[str, Any]:
        """Make a volume from a snapshot."""
        return self._copy_here(self._site_of(snapshot.volume), snapshot.name,
                               volume)

    @replication.scripted
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

    @replication.scripted
    def ensure_export(self, context: Any, volume: Any) -> None:
        """Nothing to export: the host sees the folder."""

    @replication.scripted
    def create_export(self, context: Any, volume: Any, connector: Any) -> None:
        """Nothing to export: the host sees the folder."""

    @replication.scripted
    def remove_export(self, context: Any, volume: Any) -> None:
        """Remove what other sites' connections left behind."""
        self._release_others(volume)

    def _release_others(self, volume: Any) -> None:
        """Remove loop devices over the sites that it is not used at."""
        here = self._site_of(volume)
        for each in self.pools.values():
            if each is not here:
                self._release(each.path(volume.name))

    @replication.scripted
    def initialize_connection(self, volume: Any,
                              connector: Any) -> dict[str, Any]:
        """Say how the active site's file is reached; may be asked often.

        :param volume: the volume
        :param connector: of the host that wants to connect
        :returns: connection_info
        """
        path = self._path(volume)
        if not self.wanted.behaviour().changes:
            path = self.pools[replication.FAILBACK].path(volume.name)
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
        """Take the connection down; nothing of a dead site is touched.

        :param volume: the volume
        :param connector: of the host that was connected
        :raises exception.VolumeBackendAPIException: where a driver would that
            cannot unmap
        """
        if drivers.Landmine.TERMINATE_RAISES in (
                self.wanted.behaviour().landmines) and not all(
                    each.answers() for each in self._pools_of(volume)):
            raise exception.VolumeBackendAPIException(
                data=f'{volume.name} cannot be unmapped')
        for each in self.pools.values():
            self._release(each.path(volume.name))

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
            'replication_type': [self.configuration.file_replication_mode],
            'replication_targets': self._targets,
            'group_replication_enabled': bool(self._targets),
            'consistent_group_replication_enabled': bool(self._targets),
        }

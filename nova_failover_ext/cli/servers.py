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

"""Finds where one server's volumes are, without reading all others.

Upstream relied on, read in Nova 31 to 34: ``nova.objects``: InstanceMapping,
BlockDeviceMappingList. Cinder shows an admin the host of a volume as
``os-vol-host-attr:host``, ``HOST@BACKEND#POOL``.
"""

from collections.abc import Iterable
from typing import Any

from cinderclient import exceptions as cinder_exception
from keystoneauth1 import exceptions as ks_exception
import nova.context
from nova import exception as nova_exception
from nova import objects
from oslo_db import exception as db_exception
import sqlalchemy as sa

from nova_failover_ext.cli import errors
from nova_failover_ext import exception

_DB_ERRORS = (db_exception.DBError, db_exception.CantStartEngineError,
              sa.exc.SQLAlchemyError)


def hosts_of(servers: Iterable[str], client: Any) -> dict[str, set[str]]:
    """Return where the volumes of servers are.

    :param servers: their ids
    :param client: a cinderclient of an admin
    :returns: by server, the hosts that Cinder names, without the pools
    :raises NotFound: if there is no such server
    :raises CinderUnavailable: if Cinder cannot be asked
    :raises DatabaseUnavailable: if a database cannot be read
    """
    return {server: {host for volume in _volumes_of(server)
                     if (host := _host_of(volume, client))}
            for server in servers}


def _volumes_of(server: str) -> list[str]:
    context = nova.context.get_admin_context()
    try:
        mapping = objects.InstanceMapping.get_by_instance_uuid(
            context, server)
        if mapping.cell_mapping is None:
            return []
        with nova.context.target_cell(
                context, mapping.cell_mapping) as cctxt:
            found = objects.BlockDeviceMappingList.get_by_instance_uuid(
                cctxt, server)
    except nova_exception.InstanceMappingNotFound as exc:
        raise errors.NotFound(
            'There is no server with the id %s; to name a server by its name, '
            'name the BACKEND as well.' % server) from exc
    except _DB_ERRORS as exc:
        raise exception.DatabaseUnavailable(
            reason='server %s (%s)' % (server, type(exc).__name__)) from exc
    return [bdm.volume_id for bdm in found if bdm.is_volume
            and bdm.volume_id]


def _host_of(volume: str, client: Any) -> str:
    try:
        host = getattr(client.volumes.get(volume),
                       'os-vol-host-attr:host', None)
    except cinder_exception.NotFound:
        return ''
    except (cinder_exception.ClientException,
            ks_exception.ClientException) as exc:
        raise exception.CinderUnavailable(
            reason='volume %s (%s)' % (volume, type(exc).__name__)) from exc
    return (host or '').partition('#')[0]

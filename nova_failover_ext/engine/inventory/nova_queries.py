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

"""The statements on Nova's databases.

The one module of the engine that uses what Nova keeps private, read in Nova
31 to 34:

* ``nova.db.main.models``: BlockDeviceMapping, Instance, InstanceMetadata,
  InstanceAction, InstanceActionEvent, Migration and the columns named below;
* ``nova.db.main.api.pick_context_manager_reader``: opens a session on the
  database of the cell that the context is targeted at;
* ``nova.objects.ServiceList``; ``nova.servicegroup.API.service_is_up``;
* ``nova.objects.AggregateList`` and ``HostMappingList``; a host in no
  availability zone is in ``[DEFAULT] default_availability_zone``
  (``nova.availability_zones.get_host_availability_zone``).

Nova's objects would load one server or volume per query; each function here
is one statement, but for :func:`host_groups`.
"""

import datetime
import json
from typing import Any

from nova.compute import vm_states
import nova.conf
import nova.context
from nova.db.main import api as db_api
from nova.db.main import models
from nova import objects
from nova import servicegroup
import sqlalchemy as sa

from nova_failover_ext.engine import model
from nova_failover_ext.recovery import instance_action
from nova_failover_ext.recovery import policy
from nova_failover_ext.recovery import staleness


_PRIORITY_KEY = 'failover:priority'
_METADATA_KEYS = (_PRIORITY_KEY, policy.METADATA_KEY)
#: What Nova itself takes for no connection_info, and leaves out.
_NOTHING = ('', '{}', 'null', '[]')
_BDM = models.BlockDeviceMapping
_INSTANCE = models.Instance
_META = models.InstanceMetadata
_ACTION = models.InstanceAction
_EVENT = models.InstanceActionEvent
_MIGRATION = models.Migration
#: As nova.db.main.api.migration_get_in_progress_by_host_and_node has it.
_ENDED = ('confirmed', 'reverted', 'error', 'failed', 'completed',
          'cancelled', 'done')


@db_api.pick_context_manager_reader
def mappings_of_volumes(context: Any,
                        volume_ids: tuple[str, ...]) -> list[Any]:
    """Return the mappings that name the volumes, with their instances."""
    return list(_mappings(context).filter(_BDM.volume_id.in_(volume_ids)))


@db_api.pick_context_manager_reader
def servers_of_volumes(context: Any,
                       volume_ids: tuple[str, ...]) -> list[Any]:
    """Return the ids of the servers with mappings that name the volumes."""
    return list(context.session.query(_BDM.instance_uuid).filter(
        _BDM.deleted == 0, _BDM.volume_id.in_(volume_ids)).distinct())


@db_api.pick_context_manager_reader
def mappings_of_servers(context: Any,
                        server_ids: tuple[str, ...]) -> list[Any]:
    """Return the mappings of volumes of the servers, with the instances."""
    return list(_mappings(context).filter(
        _BDM.volume_id.isnot(None), _BDM.instance_uuid.in_(server_ids)))


@db_api.pick_context_manager_reader
def rows_of_volumes(context: Any, volume_ids: tuple[str, ...]) -> list[Any]:
    """Return what names the volumes, with what Nova itself leaves out."""
    return list(_rows(context).filter(_BDM.volume_id.in_(volume_ids)))


@db_api.pick_context_manager_reader
def metadata(context: Any, server_ids: tuple[str, ...]) -> list[Any]:
    """Return the metadata of the servers that is ours."""
    return list(context.session.query(
        _META.instance_uuid, _META.key, _META.value).filter(
        _META.deleted == 0, _META.key.in_(_METADATA_KEYS),
        _META.instance_uuid.in_(server_ids)))


@db_api.pick_context_manager_reader
def servers_of_priorities(context: Any, values: tuple[str, ...],
                          number: int) -> list[Any]:
    """Return the ids of the servers with some priorities, lowest first.

    :param number: how many at most
    """
    return list(context.session.query(_META.instance_uuid).filter(
        _META.deleted == 0, _META.key == _PRIORITY_KEY,
        _META.value.in_(values)).order_by(_META.value).limit(number))


@db_api.pick_context_manager_reader
def servers_migrating(context: Any,
                      server_ids: tuple[str, ...]) -> list[Any]:
    """Return which of the servers have a migration in progress."""
    return list(context.session.query(_MIGRATION.instance_uuid).filter(
        _MIGRATION.deleted == 0, _MIGRATION.status.notin_(_ENDED),
        _MIGRATION.instance_uuid.in_(server_ids)).distinct())


@db_api.pick_context_manager_reader
def recoveries(context: Any, server_ids: tuple[str, ...]) -> list[Any]:
    """Return the latest recovery of each server, with its last event."""
    latest = sa.select(sa.func.max(_ACTION.id)).where(
        _ACTION.action == instance_action.ACTION,
        _ACTION.instance_uuid.in_(server_ids),
    ).group_by(_ACTION.instance_uuid)
    # Each try is an event of the action; the last one tells where it is.
    last_event = sa.select(sa.func.max(_EVENT.id)).where(
        _EVENT.action_id == _ACTION.id).correlate(_ACTION).scalar_subquery()
    return list(context.session.query(
        _ACTION.instance_uuid, _ACTION.request_id, _ACTION.start_time,
        _ACTION.message, _EVENT.result, _EVENT.details,
        _EVENT.finish_time,
    ).outerjoin(_EVENT, _EVENT.id == last_event).filter(
        _ACTION.id.in_(latest)))


@db_api.pick_context_manager_reader
def servers_named(context: Any, text: str) -> list[Any]:
    """Return the servers with that id or name, as the database compares."""
    return list(context.session.query(
        _INSTANCE.uuid, _INSTANCE.display_name).filter(
        _INSTANCE.deleted == 0, sa.or_(_INSTANCE.uuid == text,
                                       _INSTANCE.display_name == text)))


@db_api.pick_context_manager_reader
def projects_like(context: Any, project_id: str) -> list[Any]:
    """Return the ids of projects that have servers and match one id.

    There may be several where the database compares without case.
    """
    return list(context.session.query(_INSTANCE.project_id).filter(
        _INSTANCE.deleted == 0,
        _INSTANCE.project_id == project_id).distinct())


def computes_up(context: nova.context.RequestContext) -> dict[str, bool]:
    """Tell of each compute host of the cell whether its service is up."""
    group = servicegroup.API()
    services = objects.ServiceList.get_by_binary(
        context, 'nova-compute', include_disabled=True)
    return {s.host: bool(group.service_is_up(s)) for s in services}


def host_groups(context: nova.context.RequestContext) -> model.HostGroups:
    """Return the compute hosts with their aggregates and zones."""
    hosts = frozenset(
        one.host for one in objects.HostMappingList.get_all(context))
    zones: dict[str, set[str]] = {}
    aggregates = []
    for one in objects.AggregateList.get_all(context):
        aggregates.append(model.Aggregate(
            str(one.id), one.name, frozenset(one.hosts)))
        if one.availability_zone:
            zones.setdefault(one.availability_zone, set()).update(one.hosts)
    zones.setdefault(nova.conf.CONF.default_availability_zone, set()).update(
        hosts.difference(*zones.values()))
    return model.HostGroups(hosts, tuple(aggregates), {
        name: frozenset(members) for name, members in zones.items()})


def stamp(connection_info: str | None) -> tuple[str | None, bool]:
    """Return what a recovery has written into a mapping's connection_info.

    :returns: the stamp, None for none, and whether a recovery has begun and
        not ended
    """
    # The rest of it may hold secrets and goes no further than here.
    try:
        parsed = json.loads(connection_info or '{}')
    except ValueError:
        return None, False
    if not isinstance(parsed, dict):
        return None, False
    if staleness.IN_PROGRESS_MARKER in parsed:
        return None, True
    value = parsed.get(staleness.STAMP)
    return (value if isinstance(value, str) else None), False


def info_state(connection_info: str | None) -> model.InfoState:
    """Return whether a mapping's connection_info is one."""
    try:
        parsed = json.loads(connection_info or '{}') or {}
    except ValueError:
        return model.InfoState.UNREADABLE
    if not isinstance(parsed, dict):
        return model.InfoState.UNREADABLE
    return model.InfoState.PRESENT if parsed else model.InfoState.EMPTY


def recovery(row: Any) -> model.Recovery:
    """Return what a row of :func:`recoveries` tells."""
    return model.Recovery(
        server_id=row.instance_uuid, failover_id=row.request_id or '',
        started_at=_utc(row.start_time), finished_at=_utc(row.finish_time),
        result=row.result, message=row.details or row.message)


def _utc(when: datetime.datetime | None) -> datetime.datetime | None:
    return when and when.replace(tzinfo=datetime.UTC)


def _mappings(context: Any) -> Any:
    return _rows(context).filter(sa.or_(
        sa.func.coalesce(_BDM.connection_info, '').notin_(_NOTHING),
        # It has none until it is unshelved, and is shown with the rest.
        _INSTANCE.vm_state == vm_states.SHELVED_OFFLOADED))


def _rows(context: Any) -> Any:
    return context.session.query(
        _BDM.volume_id, _BDM.attachment_id, _BDM.device_name,
        _BDM.boot_index, _BDM.connection_info, _BDM.instance_uuid,
        _INSTANCE.uuid, _INSTANCE.display_name, _INSTANCE.project_id,
        _INSTANCE.host, _INSTANCE.vm_state, _INSTANCE.task_state,
        _INSTANCE.deleted,
    ).outerjoin(_INSTANCE, _INSTANCE.uuid == _BDM.instance_uuid).filter(
        _BDM.deleted == 0)

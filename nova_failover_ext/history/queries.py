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

"""Queries of Nova's instance actions, which tell of past recoveries.

Each function reads the cell that its context is targeted at. What is private
in Nova and used here, read in Nova 31 to 34:

* ``nova.db.main.models``: InstanceAction (indexed by request and by server),
  InstanceActionEvent, Instance and the columns named below;
* ``nova.db.main.api.pick_context_manager_reader``.
"""

import datetime
from typing import Any

from nova.db.main import api as db_api
from nova.db.main import models
import sqlalchemy as sa

from nova_failover_ext.recovery import instance_action

_ACTION = models.InstanceAction
_EVENT = models.InstanceActionEvent
_INSTANCE = models.Instance


@db_api.pick_context_manager_reader
def latest_id(context: Any) -> int:
    """Return the id of the latest action of any kind, 0 if there is none."""
    return context.session.query(sa.func.max(_ACTION.id)).scalar() or 0


@db_api.pick_context_manager_reader
def start_after(context: Any, low: int) -> datetime.datetime | None:
    """Return when the first action after an id began, None without one."""
    return context.session.query(_ACTION.start_time).filter(
        _ACTION.id > low, _ACTION.start_time.is_not(None)).order_by(
            _ACTION.id).limit(1).scalar()


def total_rows_of(context: Any, since: datetime.datetime,
                  server_ids: tuple[str, ...]) -> list[Any]:
    """Return what :func:`total_rows_between` does, of these servers only."""
    return _total_rows(context, since, _ACTION.instance_uuid.in_(server_ids))


def total_rows_between(context: Any, since: datetime.datetime, low: int,
                       high: int) -> list[Any]:
    """Return how many servers ended how, by failover and latest result.

    :param since: the earliest start, naive in UTC as Nova's columns are
    :param low: the id of the last action that is left out
    :param high: the id of the last action that is counted
    """
    return _total_rows(context, since, sa.and_(
        _ACTION.id > low, _ACTION.id <= high))


@db_api.pick_context_manager_reader
def named_rows(context: Any, names: tuple[str, ...]) -> list[Any]:
    """Return the servers with these ids or names, deleted ones as well.

    Nova has no index by name: its table of instances is walked.
    """
    return list(context.session.query(
        _INSTANCE.uuid, _INSTANCE.display_name).filter(sa.or_(
            _INSTANCE.uuid.in_(names), _INSTANCE.display_name.in_(names))))


@db_api.pick_context_manager_reader
def action_rows(context: Any, failover_id: str) -> list[Any]:
    """Return a failover's actions, one for each server that it began."""
    return list(context.session.query(
        _ACTION.id, _ACTION.instance_uuid, _ACTION.start_time,
        _INSTANCE.display_name, _INSTANCE.project_id, _INSTANCE.host,
    ).outerjoin(_INSTANCE, _INSTANCE.uuid == _ACTION.instance_uuid).filter(
        _ACTION.request_id == failover_id,
        _ACTION.action == instance_action.ACTION,
    ).order_by(_ACTION.id))


@db_api.pick_context_manager_reader
def event_rows(context: Any, action_ids: tuple[int, ...]) -> list[Any]:
    """Return the tries of actions, in the order of time."""
    # Not their traceback: it is long and nobody shows it here.
    return list(context.session.query(
        _EVENT.action_id, _EVENT.start_time, _EVENT.finish_time,
        _EVENT.host, _EVENT.result, _EVENT.details,
    ).filter(_EVENT.action_id.in_(action_ids)).order_by(_EVENT.id))


@db_api.pick_context_manager_reader
def latest_rows(context: Any, server_ids: tuple[str, ...]) -> list[Any]:
    """Return the latest recovery of each server that had one."""
    latest = sa.select(sa.func.max(_ACTION.id)).where(
        _ACTION.action == instance_action.ACTION,
        _ACTION.instance_uuid.in_(server_ids),
    ).group_by(_ACTION.instance_uuid)
    return list(context.session.query(
        _ACTION.id, _ACTION.instance_uuid, _ACTION.request_id,
    ).filter(_ACTION.id.in_(latest)))


@db_api.pick_context_manager_reader
def _total_rows(context: Any, since: datetime.datetime,
                which: Any) -> list[Any]:
    last_event = sa.select(sa.func.max(_EVENT.id)).where(
        _EVENT.action_id == _ACTION.id).correlate(_ACTION).scalar_subquery()
    return list(context.session.query(
        _ACTION.request_id, _EVENT.result,
        sa.func.count(_ACTION.id).label('servers'),
        sa.func.min(_ACTION.start_time).label('started'),
        sa.func.max(_EVENT.finish_time).label('ended'),
    ).outerjoin(_EVENT, _EVENT.id == last_event).filter(
        _ACTION.action == instance_action.ACTION, _ACTION.start_time >= since,
        which,
    ).group_by(_ACTION.request_id, _EVENT.result))

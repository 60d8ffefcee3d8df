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


"""Fills the template of the page."""

import dataclasses
import datetime
import enum
from typing import Any

import jinja2
import markupsafe
from oslo_utils import strutils

from nova_failover_ext.report import figures
from nova_failover_ext.report import report_data as reports
from nova_failover_ext.report import views

_TEMPLATE = 'report.html.j2'


def render(data: reports.ReportData) -> str:
    """Return the page."""
    # Before anything is quoted or cut, which could hide a secret from it.
    data = _scrubbed(data)
    seconds = [s for entry in data.entries
               if (s := data.seconds(entry)) is not None]
    sentence, style = views.headline(data.entries)
    axis = views.scale(data)
    return _environment().get_template(_TEMPLATE).render(
        data=data, headline=sentence, style=style,
        shares=views.shares(data.entries),
        figures=views.key_figures(seconds),
        pictures=views.pictures(seconds), timed=len(seconds),
        groups=views.open_groups(data), axis=axis,
        projects=views.projects(data, axis))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader('nova_failover_ext.report'),
        autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_scrub)
    environment.filters.update(
        moment=_moment, clock=_clock, duration=figures.duration)
    return environment


def _scrubbed(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value
    if isinstance(value, str):
        return strutils.mask_password(value)
    if isinstance(value, tuple):
        return tuple(_scrubbed(one) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{
            field.name: _scrubbed(getattr(value, field.name))
            for field in dataclasses.fields(value)})
    return value


def _scrub(value: Any) -> Any:
    # What is markup already has been here, part by part.
    if isinstance(value, str) and not isinstance(value, markupsafe.Markup):
        return strutils.mask_password(value)
    return value


def _moment(when: datetime.datetime | None) -> str:
    return when.strftime('%Y-%m-%d %H:%M:%S UTC') if when else '-'


def _clock(when: datetime.datetime | None) -> str:
    return when.strftime('%H:%M:%S') if when else '-'

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

"""Finds what an operator names in the whole cloud, by id or name."""

from collections.abc import Iterable
from typing import Any

from nova_failover_ext.api import exclusions
from nova_failover_ext.cli import errors
from nova_failover_ext.cli import project_names
from nova_failover_ext.engine import model
from nova_failover_ext import exception

Kind = exclusions.Kind


def find(nova: Any, kind: Kind, text: str) -> tuple[str, str]:
    """Return what is meant.

    :param nova: see :class:`.engine.inventory.nova_reader.NovaReader`
    :returns: its id, and its name; twice the same if it has only one
    :raises NotFound: if there is none
    :raises UsageError: if several have the name
    :raises FailoverException: if Nova or Keystone cannot be asked
    """
    if kind is Kind.SERVER:
        return _server(nova, text)
    if kind is Kind.PROJECT:
        return _project(nova, text)
    groups = nova.host_groups()
    if kind is Kind.AGGREGATE:
        known = aggregate(groups, text)
        return known.id, known.name
    _require(kind, text, groups.zones if kind is Kind.ZONE else groups.hosts)
    return text, text


def aggregate(groups: model.HostGroups, text: str) -> model.Aggregate:
    """Return an aggregate by its id or name.

    :raises NotFound: if there is none
    """
    known = groups.aggregate(text)
    if known is None:
        raise errors.NotFound('There is no aggregate %s.' % text)
    return known


def hosts_within(groups: model.HostGroups, aggregates: Iterable[str],
                 zones: Iterable[str]) -> frozenset[str]:
    """Return the compute hosts that are in aggregates and zones.

    :param aggregates: ids or names, any of them; none for all hosts
    :param zones: names, any of them; none for all hosts
    :raises NotFound: if there is no such aggregate or zone
    """
    chosen = [aggregate(groups, text).hosts for text in aggregates]
    hosts = frozenset().union(*chosen) if chosen else groups.hosts
    zones = list(zones)
    for zone in zones:
        _require(Kind.ZONE, zone, groups.zones)
    in_zones = [groups.zones[zone] for zone in zones]
    return hosts & frozenset().union(*in_zones) if in_zones else hosts


def _require(kind: Kind, text: str, known: Iterable[str]) -> None:
    if text not in known:
        raise errors.NotFound('There is no %s %s.' % (
            'compute host' if kind is Kind.HOST else kind.words, text))


def _server(nova: Any, text: str) -> tuple[str, str]:
    found, problems = nova.servers_named(text)
    if text in found:
        return text, found[text] or text
    if problems:
        # There may be another of that name, or the one that is meant.
        raise exception.DatabaseUnavailable(
            reason='cell %s: %s' % (problems[0].cell, problems[0].reason))
    if not found:
        raise errors.NotFound('There is no server %s.' % text)
    if len(found) > 1:
        raise errors.UsageError(
            'Several servers have the name %s; use one of the ids %s.'
            % (text, ', '.join(sorted(found))))
    return next(iter(found)), text


def _project(nova: Any, text: str) -> tuple[str, str]:
    # Whose servers are there need not be known to Keystone any more.
    return (text, text) if nova.has_project(text) else project_names.find(
        text)

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

"""Which servers an operator means, as options and as pure functions."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
import dataclasses
from typing import Any

from nova_failover_ext.api import server_state
from nova_failover_ext.cli import errors
from nova_failover_ext.recovery import policy


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add --project, --host, --aggregate, --availability-zone, --server."""
    parser.add_argument(
        '--project', action='append', default=[], metavar='PROJECT',
        help='only servers of this project, by its name or id; may be given '
             'more than once')
    parser.add_argument(
        '--host', action='append', default=[], metavar='NAME',
        help='only servers of this compute host; may be given more than once')
    parser.add_argument(
        '--aggregate', action='append', default=[], metavar='AGGREGATE',
        help='only servers on the hosts of this aggregate, by its name or '
             'id; may be given more than once')
    parser.add_argument(
        '--availability-zone', action='append', default=[], metavar='ZONE',
        help='only servers on the hosts of this availability zone; may be '
             'given more than once')
    parser.add_argument(
        '--server', action='append', default=[], metavar='SERVER',
        help='only this server, by its name or id; may be given more than '
             'once')


def add_states(parser: argparse.ArgumentParser) -> None:
    """Add --state."""
    parser.add_argument(
        '--state', action='append', default=[],
        choices=[state.value for state in server_state.ServerState],
        help='only servers in this state; may be given more than once')


def add_orders(parser: argparse.ArgumentParser) -> None:
    """Add what tells how, how many and how urgent."""
    parser.add_argument(
        '--policy', choices=[choice.value for choice in policy.Policy],
        help='what is done with stale volumes, whatever metadata and '
             'configuration say; each compute host has to run this release')
    parser.add_argument(
        '--priority-at-most', type=int, choices=range(1, 6), default=5,
        metavar='N', help='leave out less urgent servers; priorities go from '
        '1, the most urgent, to 5')
    parser.add_argument(
        '--limit', type=_count, metavar='N',
        help='recover no more than N servers, the most urgent first')
    parser.add_argument(
        '--barrier', action='store_true',
        help='start less urgent servers only once the recovery of all more '
             'urgent ones of the backend has ended')


def request(arguments: argparse.Namespace, backend: str,
            servers: Iterable[str] | None = None) -> Any:
    """Return the request that the arguments are about.

    :param servers: ids of servers, None for those of the arguments
    :returns: a :class:`nova_failover_ext.api.requests.Request`
    :raises UsageError: if they contradict each other
    """
    from nova_failover_ext.api import requests
    values = {'ignore_stamps': 'stale', 'policy': 'policy',
              'priority_at_most': 'priority_at_most', 'limit': 'limit',
              'barrier': 'barrier'}
    with errors.refusing_nonsense():
        return requests.Request(
            backend, projects=tuple(arguments.project),
            servers=tuple(arguments.server if servers is None else servers),
            **{name: getattr(arguments, option)
               for name, option in values.items()
               if hasattr(arguments, option)})


def resolve(wanted: Any, arguments: argparse.Namespace,
            there: Sequence[Any], backend: str, nova: Any) -> Any:
    """Return a request that names projects and servers by their ids.

    :param wanted: the request that the arguments are about
    :param there: each :class:`nova_failover_ext.engine.model.Server` that has
        a volume of the backend
    :param backend: its name
    :param nova: reads which hosts are in aggregates and zones
    :raises NotFound: if something that is named is not there
    :raises UsageError: if several servers or projects have the name
    :raises FailoverException: if Nova or Keystone cannot be asked
    """
    from nova_failover_ext.cli import server_names
    projects = project_ids(wanted.projects, there)
    return server_names.resolve(
        dataclasses.replace(wanted, projects=projects), arguments.host, there,
        backend, hosts_within(arguments, nova))


def project_ids(named: Iterable[str], there: Iterable[Any]) -> tuple[str, ...]:
    """Return the ids of projects that are named by id or name.

    Keystone is asked only for what is not the id of one that is there.

    :param there: each :class:`nova_failover_ext.engine.model.Server`
    :raises NotFound: if there is no such project
    :raises UsageError: if several have the name
    :raises FailoverException: if Keystone cannot be asked
    """
    from nova_failover_ext.cli import project_names
    known = {server.project_id for server in there}
    return tuple(text if text in known else project_names.find(text)[0]
                 for text in named)


def hosts_within(arguments: argparse.Namespace,
                 nova: Any) -> frozenset[str] | None:
    """Return the hosts of the aggregates and zones that are named.

    :param nova: reads which hosts are in them
    :returns: names of hosts; None if neither is named
    :raises NotFound: if there is no such aggregate or zone
    :raises FailoverException: if Nova's database cannot be read
    """
    if not (arguments.aggregate or arguments.availability_zone):
        return None
    from nova_failover_ext.cli import targets
    return targets.hosts_within(
        nova.host_groups(), arguments.aggregate, arguments.availability_zone)


def narrows(arguments: argparse.Namespace) -> bool:
    """Return whether only some servers of a backend are meant."""
    return bool(arguments.project or arguments.host or arguments.aggregate
                or arguments.availability_zone or arguments.server)


def spread(arguments: argparse.Namespace, hosts: Mapping[str, set[str]],
           backends: Iterable[Any]) -> list[Any]:
    """Return a request for each backend that has volumes of some servers.

    :param hosts: by server, what Cinder names as the host of its volumes
    :param backends: those that are replicated
    :raises NotFound: if a server has no volume on any of them
    """
    asked = {backend.name: [server for server in arguments.server
                            if hosts[server] & _names(backend)]
             for backend in backends}
    missing = set(hosts) - {s for servers in asked.values() for s in servers}
    if missing:
        raise errors.NotFound(
            'No volume of server %s is on a replicated backend.'
            % ', '.join(sorted(missing)))
    return [request(arguments, name, servers)
            for name, servers in asked.items() if servers]


def judge(records: Any, wanted: Any, excluded: Any) -> Any:
    """Return the plan that an engine would make for a request.

    :param records: see :class:`.engine.inventory.snapshot.Records`
    :param excluded: :class:`nova_failover_ext.api.exclusions.Exclusions`
    :returns: a plan of the servers that are asked for
    :raises NotFound: if a server or project that is named is not there
    """
    from nova_failover_ext.engine.planner import server_plans
    if wanted.policy:
        chosen = policy.Policy(wanted.policy)
        records = dataclasses.replace(records, attachments=tuple(
            dataclasses.replace(a, server=dataclasses.replace(
                a.server, policy=chosen)) for a in records.attachments))
    asked = (frozenset(a.server.id for a in records.attachments)
             if wanted.ignore_stamps else frozenset())
    found = records.judge(server_plans.PlanOptions(servers=asked))
    return narrow(found.excluding(excluded), wanted)


def narrow(found: Any, wanted: Any) -> Any:
    """Leave out of a plan what a request is not about.

    :param found: a
        :class:`nova_failover_ext.engine.inventory.snapshot.BackendPlan`
    :param wanted: the request
    :raises NotFound: if a server or project that is named is not there
    """
    _require('server', wanted.servers,
             (s.server.id for s in found.servers), found)
    _require('project', wanted.projects,
             (s.server.project_id for s in found.servers), found)
    from nova_failover_ext.engine.planner import filters
    admitted = [s for s in found.servers
                if filters.admits(wanted, s.server, s.priority)]
    if not admitted and (wanted.servers or wanted.projects):
        raise errors.NotFound('No server with a volume of %s is all of what '
                              'was asked for.' % found.backend.name)
    return dataclasses.replace(
        found, servers=tuple(_limited(admitted, wanted.limit)))


def only(found: Any, servers: frozenset[str]) -> Any:
    """Leave all but some servers out of a plan.

    :param servers: their ids; those that are not there any more are missing
    """
    return dataclasses.replace(found, servers=tuple(
        s for s in found.servers if s.server.id in servers))


def _names(backend: Any) -> set[str]:
    # A volume of a clustered backend may name its cluster's host.
    return {name for member in backend.members
            for name in (member.host, member.cluster) if name}


def _limited(servers: list[Any], limit: int | None) -> list[Any]:
    from nova_failover_ext.engine.planner import server_plans
    chosen = [s.server.id for s in servers
              if s.verdict is server_plans.Verdict.RECOVER]
    beyond = frozenset(chosen[limit:] if limit is not None else ())
    return [s for s in servers if s.server.id not in beyond]


def _require(kind: str, named: Iterable[str], there: Iterable[str],
             found: Any) -> None:
    missing = sorted(set(named) - set(there))
    if missing:
        raise errors.NotFound('No %s %s has a volume of %s.' % (
            kind, ', '.join(missing), found.backend.name))


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError('%s is less than 1' % text)
    return value

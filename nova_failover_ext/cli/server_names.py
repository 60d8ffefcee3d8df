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

"""Finds the servers that an operator names; pure functions."""

from collections.abc import Collection, Iterable, Sequence
import dataclasses
from typing import Any

from nova_failover_ext.cli import errors


def resolve(wanted: Any, hosts: Sequence[str], there: Iterable[Any],
            backend: str, within: frozenset[str] | None = None) -> Any:
    """Return a request that names each of its servers by its id.

    :param wanted: a :class:`nova_failover_ext.api.requests.Request`, whose
        servers are named by id or by name
    :param hosts: names of compute hosts; only servers there are meant, none
        for wherever they are
    :param there: each :class:`nova_failover_ext.engine.model.Server` that has
        a volume of the backend
    :param backend: its name
    :param within: names of compute hosts; only servers there are meant,
        whether each of them has one or not; None for wherever they are
    :raises NotFound: if there is no such server or host
    :raises UsageError: if several servers have the name
    """
    if not (wanted.servers or hosts or within is not None):
        return wanted
    known = {server.id: server for server in there}
    found = [_id_of(text, known, backend) for text in wanted.servers]
    if hosts:
        _require_hosts(hosts, known, backend)
        found = _on_hosts(found or sorted(known), hosts, known, backend)
    if within is not None:
        found = _on_hosts(found or sorted(known), within, known, backend)
    return dataclasses.replace(wanted, servers=tuple(dict.fromkeys(found)))


def _id_of(text: str, known: dict[str, Any], backend: str) -> str:
    if text in known:
        return text
    named = sorted(server.id for server in known.values()
                   if server.name == text and not server.deleted)
    if not named:
        raise errors.NotFound('No server %s has a volume of %s.'
                              % (text, backend))
    if len(named) > 1:
        raise errors.UsageError('Several servers have the name %s; use one of '
                                'the ids %s.' % (text, ', '.join(named)))
    return named[0]


def _require_hosts(hosts: Sequence[str], known: dict[str, Any],
                   backend: str) -> None:
    missing = sorted(set(hosts) - {
        server.host for server in known.values() if not server.deleted})
    if missing:
        raise errors.NotFound('No server on host %s has a volume of %s.'
                              % (', '.join(missing), backend))


def _on_hosts(found: Iterable[str], hosts: Collection[str],
              known: dict[str, Any], backend: str) -> list[str]:
    chosen = [server for server in found if known[server].host in hosts
              and not known[server].deleted]
    if not chosen:
        raise errors.NotFound('No server with a volume of %s is all of what '
                              'was asked for.' % backend)
    return chosen

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

"""Which waiting servers may start under the caps, as a pure decision."""

import collections
from collections.abc import Iterable
import dataclasses


@dataclasses.dataclass(frozen=True)
class Work:
    """The recovery of one server's volumes of one backend.

    :ivar cell: uuid of the server's cell
    :ivar target: active_backend_id of ``backend``
    :ivar volumes: volume id to the stamp for its mapping
    """

    server_id: str
    host: str
    cell: str
    backend: str
    failover_id: str
    priority: int
    target: str
    volumes: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class Caps:
    """How many servers may be in flight."""

    total: int
    per_backend: int
    per_host: int


def pick(waiting: Iterable[Work], in_flight: Iterable[Work],
         caps: Caps) -> list[Work]:
    """Choose what may start now, the most urgent first.

    A server is never chosen while it is in flight, nor twice.

    :param waiting: in any order
    :param in_flight: what has started and not ended
    """
    running = list(in_flight)
    backends = collections.Counter(work.backend for work in running)
    hosts = collections.Counter(work.host for work in running)
    servers = {work.server_id for work in running}
    chosen: list[Work] = []
    for work in sorted(waiting, key=lambda w: (w.priority, w.server_id)):
        if len(running) + len(chosen) >= caps.total:
            break
        if (work.server_id in servers
                or backends[work.backend] >= caps.per_backend
                or hosts[work.host] >= caps.per_host):
            continue
        chosen.append(work)
        servers.add(work.server_id)
        backends[work.backend] += 1
        hosts[work.host] += 1
    return chosen

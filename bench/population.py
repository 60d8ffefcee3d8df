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

"""The servers and volumes of a simulated cloud, as plain data."""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import random
import uuid


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """A server with a root and a data volume.

    A volume's attachment has the id of the volume.

    :ivar host: its compute host
    :ivar volumes: ids of its volumes, the root first
    :ivar recorded: for each volume the active_backend_id of the site that
        its mapping leads to, '' for home, None if that was never recorded
    :ivar vm_state: such as active
    :ivar priority: as its metadata has it, '' if they have none
    """

    id: str
    host: str
    volumes: tuple[str, str]
    recorded: tuple[str | None, str | None] = ('', '')
    vm_state: str = 'active'
    priority: str = ''


def servers(number: int, hosts: Sequence[str],
            seed: int = 1) -> list[Server]:
    """Return that many active servers, the same ones for the same seed.

    :param number: how many
    :param hosts: their compute hosts, in turns
    :param seed: other servers and volumes for another one
    """
    ids = _ids(seed)
    return [Server(next(ids), hosts[at % len(hosts)],
                   (next(ids), next(ids))) for at in range(number)]


def _ids(seed: int) -> Iterator[str]:
    bits = random.Random(seed)
    while True:
        yield str(uuid.UUID(int=bits.getrandbits(128)))

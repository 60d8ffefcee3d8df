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
"""Which hosts there are, with their names, addresses and memory."""

import dataclasses

from cloud import settings

#: The first two numbers of each address; the third is that of the link.
NETWORK = '10.77'
#: Link 0 is for management, 1 and 2 are the paths to the storage.
LINKS = (0, 1, 2)
#: The machine's own place on link 0.
GATEWAY = f'{NETWORK}.0.1'
#: Where the agent of each host listens.
AGENT_PORT = 7000
#: What a host can reach of the control plane, on its own 127.0.0.1.
SERVICES = ('rabbitmq', 'keystone', 'placement', 'glance', 'neutron',
            'cinder', 'nova')


@dataclasses.dataclass(frozen=True)
class Host:
    """A host.

    :ivar name: its name, which is also the name of a site
    :ivar number: the last number of its addresses
    :ivar megabytes: its memory, which is only taken when it is used
    """

    name: str
    number: int
    megabytes: int

    def address(self, link: int) -> str:
        """Its address on a link."""
        return f'{NETWORK}.{link}.{self.number}'

    def tap(self, link: int) -> str:
        """The name of its end of a link in the cloud's namespace."""
        return f'{self.name}-{link}'

    def mac(self, link: int) -> str:
        """Its hardware address on a link."""
        return f'52:54:00:77:{link:02x}:{self.number:02x}'


COMPUTES = (Host('compute1', 21, 3072), Host('compute2', 22, 3072))
SITES = tuple(Host(name, number, 256) for number, name
              in enumerate((*settings.SITES, 'plain'), 11))
HOSTS = {host.name: host for host in (*SITES, *COMPUTES)}

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
"""Where the cloud lives: its folders, ports, names and passwords."""

import dataclasses
import json
import pathlib

from cloud import bootstrap

DEFAULT_ROOT = pathlib.Path('/var/tmp/failover-cloud')
DEFAULT_PORT_BASE = 23000

#: Offsets from the port base.
PORTS = {
    'mariadb': 6,
    'ceph_mon': 10,
    'ceph_mon_v1': 11,
    # The other daemons of a site take theirs from here on.
    'ceph_first': 12,
    'ceph_last': 39,
    'rabbitmq': 72,
    'rabbitmq_dist': 73,
    'epmd': 69,
    'keystone': 50,
    'placement': 78,
    'glance': 92,
    'neutron': 96,
    'cinder': 76,
    'nova': 74,
}
REGION = 'little'
HOST = 'little'
#: Two more cinder-volume services, which some tests start, and their cluster.
CLUSTER = 'pair'
MEMBERS = ('member-one', 'member-two')
SITES = ('primary', 'secondary')
PROJECTS = ('alpha', 'beta')
#: Kinds of storage, see cloud.storage.storage_kinds; those below have compute
#: hosts with a kernel of their own.
KINDS = ('files', 'iscsi', 'nfs', 'ceph')
HOSTED = ('iscsi', 'nfs')
#: Services that there is a patch series for.
PATCHED = ('nova', 'cinder')

#: A connection secret that must never show up in what our code writes.
CANARY = 'canary-5f2d71c0e4'


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that tells one cloud from another.

    :ivar root: the state root; all that a cloud writes is below it
    :ivar port_base: the first of a hundred ports on 127.0.0.1
    :ivar connection_type: Nova's volume type, ``gpfs`` or ``local``
    :ivar failover: whether this project's services are used in the place
        of the stock ones
    :ivar patched: whether Nova and Cinder have the patch series instead
    :ivar kinds: the kinds of storage, the one that is tried first
    """

    root: pathlib.Path = DEFAULT_ROOT
    port_base: int = DEFAULT_PORT_BASE
    connection_type: str = 'gpfs'
    failover: bool = True
    patched: bool = False
    kinds: tuple[str, ...] = KINDS[:1]
    cache: pathlib.Path = dataclasses.field(
        default_factory=bootstrap.cache_folder)
    checkout: pathlib.Path = bootstrap.CHECKOUT
    password: str = 'little-secret'
    canary: str = CANARY
    region: str = REGION
    host: str = HOST
    cluster: str = CLUSTER
    members: tuple[str, ...] = MEMBERS

    @property
    def file(self) -> pathlib.Path:
        """Where the settings of an existing cloud are kept."""
        return self.root / 'cloud.json'

    @property
    def etc(self) -> pathlib.Path:
        """Folder of the rendered configuration, one below per service."""
        return self.root / 'etc'

    @property
    def log(self) -> pathlib.Path:
        """Folder of the logs."""
        return self.root / 'log'

    @property
    def run(self) -> pathlib.Path:
        """Folder of pid files and sockets."""
        return self.root / 'run'

    @property
    def storage(self) -> pathlib.Path:
        """Folder of the sites; a shared mount, see cloud.storage."""
        return self.root / 'storage'

    @property
    def hosted(self) -> bool:
        """Whether there are compute hosts with a kernel of their own."""
        return any(kind in HOSTED for kind in self.kinds)

    @property
    def local(self) -> bool:
        """Whether the machine itself is a compute host."""
        return any(kind not in HOSTED for kind in self.kinds)

    @property
    def instances(self) -> pathlib.Path:
        """Folder of Nova's instances."""
        return self.root / 'nova' / 'instances'

    @property
    def clouds_yaml(self) -> pathlib.Path:
        """Credentials of the administrator and of each tenant."""
        return self.root / 'clouds.yaml'

    @property
    def libvirt_uri(self) -> str:
        """How to reach this cloud's own libvirtd."""
        socket = self.root / 'libvirt' / 'run' / 'libvirt-sock'
        return f'qemu+unix:///system?socket={socket}'

    def port(self, name: str) -> int:
        """The port of a service.

        :param name: a key of :data:`PORTS`
        :returns: the port number
        """
        return self.port_base + PORTS[name]

    def url(self, name: str) -> str:
        """The base URL of an HTTP service, without a trailing slash.

        :param name: a key of :data:`PORTS`
        :returns: the URL
        """
        return f'http://127.0.0.1:{self.port(name)}'

    def venv(self, name: str) -> pathlib.Path:
        """The virtual environment of a service.

        :param name: for example ``nova``
        :returns: its folder
        """
        if self.patched and name in PATCHED:
            name += '-patched'
        return self.cache / 'venvs' / name

    def database_url(self, name: str) -> str:
        """SQLAlchemy URL of a database.

        :param name: name of the database
        :returns: the URL
        """
        return (f'mysql+pymysql://cloud:{self.password}@127.0.0.1:'
                f'{self.port("mariadb")}/{name}?charset=utf8')

    @property
    def transport_url(self) -> str:
        """oslo.messaging URL of the broker."""
        return (f'rabbit://cloud:{self.password}@127.0.0.1:'
                f'{self.port("rabbitmq")}/')

    def save(self) -> None:
        """Write the settings down for the commands that come later."""
        self.root.mkdir(parents=True, exist_ok=True)
        kept = {'port_base': self.port_base, 'failover': self.failover,
                'patched': self.patched, 'kinds': self.kinds,
                'connection_type': self.connection_type}
        self.file.write_text(json.dumps(kept, indent=1))


def load(root: pathlib.Path, **changes) -> Settings:
    """The settings of the cloud in a folder.

    :param root: the state root
    :param changes: values that override what is kept there
    :returns: the settings, the default ones where no cloud is
    """
    root = root.resolve()
    kept = {}
    if (root / 'cloud.json').exists():
        kept = json.loads((root / 'cloud.json').read_text())
    kept.update({key: value for key, value in changes.items()
                 if value is not None})
    if 'kinds' in kept:
        kept['kinds'] = tuple(kept['kinds'])
    return Settings(root=root, **kept)

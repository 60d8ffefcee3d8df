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

"""What kind of volume a volume is."""

import dataclasses
from typing import Any

from nova_failover_ext.testing import backends
from nova_failover_ext.testing import connections

#: What a volume is encrypted with; os-brick knows it under the same name.
#: LUKS can be opened by QEMU itself, plain is dm-crypt over the device.
LUKS = 'luks'
PLAIN = 'plain'


@dataclasses.dataclass(frozen=True)
class Encryption:
    """How a volume is encrypted, as its volume type says.

    :ivar provider: :data:`LUKS` or :data:`PLAIN`
    :ivar key_id: id of the key in the key manager
    :ivar cipher: such as aes-xts-plain64
    :ivar key_size: in bits
    :ivar control_location: front-end, which is the compute host
    """

    provider: str = LUKS
    key_id: str = '00000000-0000-0000-0000-000000000000'
    cipher: str = 'aes-xts-plain64'
    key_size: int = 256
    control_location: str = 'front-end'


@dataclasses.dataclass(frozen=True)
class Kind:
    """What kind of volume a volume is; frozen, so that it can be shared.

    :ivar replicated: whether it moves when its backend fails over; the
        others of that backend end in error, as in Cinder
    :ivar backend: the backend it is on: ``repl`` can fail over, ``plain``
        cannot
    :ivar connection: a key of ``connections.TYPES``
    :ivar multiattach: whether several servers may have it
    :ivar read_only: whether Cinder hands it out with access mode ``ro``
    :ivar encryption: how it is encrypted, None for not at all
    :ivar size: in GiB
    """

    replicated: bool = True
    backend: str = 'repl'
    connection: str = 'local'
    multiattach: bool = False
    read_only: bool = False
    encryption: Encryption | None = None
    size: int = 1

    @property
    def host(self) -> str:
        """The volume's backend, as ``host@backend``."""
        return f'{backends.HOST}@{self.backend}'

    @property
    def pool(self) -> str:
        """The volume's pool, as ``host@backend#pool``."""
        return f'{self.host}#{self.backend}'

    def connection_info(self, volume_id: str, site: str,
                        secret: str) -> dict[str, Any]:
        """Return what Cinder says of where a volume of this kind is.

        What ``_parse_connection_options`` adds to a driver's answer (read
        in ``cinder.volume.manager``, Cinder 29) is in it.

        :param volume_id: the volume
        :param site: where it is
        :param secret: a secret of the connection
        """
        info = connections.TYPES[self.connection](volume_id, site, secret)
        info['data'].update(
            qos_specs=None, access_mode='ro' if self.read_only else 'rw',
            encrypted=self.encryption is not None, cacheable=False)
        return info

    def encryption_metadata(self) -> dict[str, Any]:
        """Return what GET /volumes/{id}/encryption shows."""
        if self.encryption is None:
            return {'encryption_key_id': None}
        shown = dataclasses.asdict(self.encryption)
        return {'encryption_key_id': shown.pop('key_id'), **shown}

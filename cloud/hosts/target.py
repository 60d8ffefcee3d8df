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
"""The iSCSI target of a site: LIO of its kernel, by way of configfs.

Runs within the site's agent, and is to the volume driver what the management
interface of an array is. Which volumes have which LUN is kept in a file, so
that they have it again after the site was lost. Only the standard library may
be imported here.
"""

import contextlib
import json
import os
import pathlib
import secrets
import subprocess
import typing

CONFIG = pathlib.Path('/sys/kernel/config')
CORE = CONFIG / 'target' / 'core'
FABRIC = CONFIG / 'target' / 'iscsi'
MODULES = ('target_core_mod', 'target_core_file', 'iscsi_target_mod')
PORT = 3260
#: Any initiator may log in and write. Its access lasts beyond its session.
ATTRIBUTES = {'generate_node_acls': 1, 'demo_mode_write_protect': 0,
              'cache_dynamic_acls': 1, 'authentication': 0}
USER = 'little'


class TargetError(Exception):
    """The target does not do what it was asked for."""


class Lun(typing.TypedDict):
    """A volume that is exported.

    :ivar lun: its number
    :ivar serial: what its WWN is made of
    :ivar hosts: the hosts that it is exported to
    """

    lun: int
    serial: str
    hosts: list[str]


class Target:
    """The target of one site.

    :ivar iqn: its name, which ends with that of the site
    :ivar portals: where it listens, a path each
    """

    def __init__(self, site: str, pool: str, table: str,
                 addresses: list[str]) -> None:
        """Only remembers.

        :param site: name of the site
        :param pool: folder of the volumes
        :param table: the file that keeps the LUNs
        :param addresses: of the two paths
        """
        self.iqn = f'iqn.2026-01.cloud.little:{site}'
        self.portals = [f'{address}:{PORT}' for address in addresses]
        self._pool = pathlib.Path(pool)
        self._table = pathlib.Path(table)
        self._group = FABRIC / self.iqn / 'tpgt_1'

    def serve(self) -> None:
        """Open the target with the LUNs that the site had before."""
        subprocess.run(['modprobe', '-a', *MODULES], check=True)
        if not CONFIG.is_mount():
            subprocess.run(['mount', '-t', 'configfs', 'none', CONFIG],
                           check=True)
        self._group.mkdir(parents=True, exist_ok=True)
        for portal in self.portals:
            (self._group / 'np' / portal).mkdir(exist_ok=True)
        for name, value in ATTRIBUTES.items():
            (self._group / 'attrib' / name).write_text(str(value))
        for volume, lun in self.luns().items():
            self._add(volume, lun)
        (self._group / 'enable').write_text('1')

    def luns(self) -> dict[str, Lun]:
        """What is exported, by the name of the volume."""
        try:
            return json.loads(self._table.read_text())
        except FileNotFoundError:
            return {}

    def _keep(self, luns: dict[str, Lun]) -> None:
        scratch = self._table.with_suffix('.new')
        scratch.write_text(json.dumps(luns, indent=1))
        scratch.rename(self._table)

    def export(self, volume: str, host: str, serial: str, chap: bool = False,
               lowest: bool = False) -> dict[str, typing.Any]:
        """Export a volume to a host; what is exported keeps its number.

        :param volume: name of the volume
        :param host: name of the host
        :param serial: what its WWN is to be made of, hexadecimal digits
        :param chap: ask for a secret, a new one each time
        :param lowest: give the lowest free number, as most arrays do, not
            one that no volume has had before
        :returns: the IQN, the portals, the LUN, and the secret
        :raises TargetError: when there is no such volume
        """
        luns = self.luns()
        if volume not in luns:
            luns[volume] = {'lun': self._number(luns, lowest),
                            'serial': serial, 'hosts': []}
        lun = luns[volume]
        if host not in lun['hosts']:
            lun['hosts'].append(host)
        self._add(volume, lun)
        self._keep(luns)
        return {'iqn': self.iqn, 'portals': self.portals, 'lun': lun['lun'],
                'secret': self._secret(chap), 'user': USER}

    def _number(self, luns: dict[str, Lun], lowest: bool) -> int:
        """A number for a LUN."""
        taken = {each['lun'] for each in luns.values()}
        if lowest:
            return min(set(range(len(taken) + 1)) - taken)
        counter = self._table.with_suffix('.last')
        last = int(counter.read_text()) if counter.exists() else 0
        counter.write_text(str(last + 1))
        return last + 1

    def _secret(self, wanted: bool) -> str:
        """Change the secret of the target, or want none."""
        secret = secrets.token_hex(8) if wanted else ''
        if wanted:
            (self._group / 'auth/userid').write_text(USER)
            (self._group / 'auth/password').write_text(secret)
        (self._group / 'attrib/authentication').write_text(
            str(int(wanted)))
        return secret

    def _add(self, volume: str, lun: Lun) -> None:
        """Make a LUN, unless it is there."""
        file = self._pool / volume
        place = self._group / 'lun' / f'lun_{lun["lun"]}'
        if (place / 'port').exists():
            return
        if not file.exists():
            raise TargetError(f'there is no {volume}')
        store = CORE / f'fileio_{lun["lun"]}' / lun['serial']
        store.mkdir(parents=True, exist_ok=True)
        if (store / 'enable').read_text().strip() != '1':
            (store / 'control').write_text(
                f'fd_dev_name={file},fd_dev_size={file.stat().st_size}')
            (store / 'wwn/vpd_unit_serial').write_text(lun['serial'])
            (store / 'enable').write_text('1')
        place.mkdir(exist_ok=True)
        os.symlink(store, place / 'port')

    def unexport(self, volume: str, host: str = '') -> bool:
        """Take a volume from a host, or from all of them.

        :param volume: name of the volume
        :param host: name of the host, '' for all
        :returns: whether it is still exported to others
        """
        luns = self.luns()
        if volume not in luns:
            return False
        lun = luns[volume]
        lun['hosts'] = [each for each in lun['hosts']
                        if host not in (each, '')]
        if not lun['hosts']:
            self._remove(lun)
            del luns[volume]
        self._keep(luns)
        return volume in luns

    def _remove(self, lun: Lun) -> None:
        """Remove a LUN and its backing store."""
        place = self._group / 'lun' / f'lun_{lun["lun"]}'
        store = CORE / f'fileio_{lun["lun"]}' / lun['serial']
        with contextlib.suppress(FileNotFoundError):
            (place / 'port').unlink()
        for folder in (place, store, store.parent):
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()

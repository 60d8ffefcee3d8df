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
"""A compute host: initiator, multipath, libvirtd and nova-compute."""

import pathlib
import typing
import uuid

from cloud.hosts import machine
from cloud import render
from cloud.services import registry
from cloud import waiting

#: What OpenStack's guides give, and a poll that is quick enough to wait for.
MULTIPATH = """defaults {{
    user_friendly_names no
    find_multipaths no
    polling_interval 2
}}
overrides {{
    {overrides}
}}
blacklist {{
    devnode "^(ubd|loop|ram)"
}}
"""


class Compute(machine.Machine):
    """A compute host of Nova."""

    # dm_crypt does not load before the ciphers do.
    modules = ('iscsi_tcp', 'sd_mod', 'sg', 'loop', 'dm_mod', 'dm_multipath',
               'dm_round_robin', 'dm_service_time', 'aes', 'hmac', 'cbc',
               'ecb', 'xts', 'dm_crypt', 'algif_skcipher', 'nfs', 'nfsv4')

    @property
    def instances(self) -> pathlib.Path:
        """The folder of Nova's instances, on the machine."""
        return self.folder / 'instances'

    @property
    def state(self) -> pathlib.Path:
        """What nova-compute keeps, such as the identity of its host."""
        return self.folder / 'state'

    @property
    def log(self) -> pathlib.Path:
        """The log of nova-compute."""
        return self.folder / 'nova-compute.log'

    def boot(self) -> None:
        """Boot it, and start what nova-compute stands on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.instances.mkdir(exist_ok=True)
        self.state.mkdir(exist_ok=True)
        super().boot()
        if self.call('pid', name='libvirtd'):
            return
        self._write('/etc/iscsi/initiatorname.iscsi',
                    f'InitiatorName=iqn.2026-01.cloud.little:{self.host.name}\n')
        self._write('/run/lock/iscsi/none', '')
        self.set_multipath()
        # A guest that migrates has its files at the same path everywhere.
        self.run('mkdir', '-p', self.conf.instances)
        self.run('mount', '--bind', self.instances, self.conf.instances)
        self._start('iscsid', 'iscsid', '-f')
        self._start('multipathd', 'multipathd', '-d', '-s')
        self._start_libvirtd()

    def _start_libvirtd(self) -> None:
        """Start libvirtd, which is reached from the other host as well."""
        identity = uuid.uuid5(uuid.NAMESPACE_URL, str(self.folder))
        self._write('/etc/libvirt/qemu.conf',
                    render.text_of('qemu.conf.j2', self.conf))
        self._write('/etc/libvirt/libvirtd.conf', render.text_of(
            'libvirtd.conf.j2', self.conf, identity=identity,
            listen=self.host.address(0)))
        self._start('libvirtd', 'libvirtd', '--listen')
        waiting.wait_for(f'libvirtd of {self.host.name}',
                         lambda: self.virsh('list') is not None, 60)

    def set_multipath(self, queue: bool = False) -> None:
        """Configure multipathd, which takes it up if it runs.

        :param queue: keep what a dead device is asked for until a path
            returns, for ever (``no_path_retry queue``)
        """
        self._write('/etc/multipath.conf', MULTIPATH.format(
            overrides='no_path_retry queue' if queue else ''))
        if self.call('pid', name='multipathd'):
            self.run('multipathd', 'reconfigure')

    def start_nova(self) -> None:
        """Start nova-compute, unless it runs; does not wait."""
        service = (registry.NOVA_COMPUTE_FAILOVER if self.conf.failover
                   else registry.NOVA_COMPUTE)
        file = self.folder / 'etc' / service.config
        render.render('nova.conf.j2', file, self.conf, name=service.name,
                      file=file, compute={
                          'name': self.host.name, 'state': self.state,
                          'address': self.host.address(0)})
        self.call('refresh')
        venv = self.conf.venv(service.venv)
        self.call('start', name=service.name, log=str(self.log),
                  argv=[f'{venv}/bin/{service.program}', '--config-file',
                        str(file)],
                  env={**service.environment(self.conf),
                       'PYTHONDONTWRITEBYTECODE': '1'})

    def stop_nova(self, kill: bool = False) -> None:
        """Stop nova-compute.

        :param kill: at once, as a crash does
        """
        self.call('stop', name=registry.NOVA_COMPUTE.name, kill=kill)

    def _start(self, name: str, *argv: str) -> None:
        self.call('start', name=name, argv=list(argv),
                  log=str(self.folder / f'{name}.log'))

    def _write(self, path: str, text: str) -> None:
        self.call('write', path=path, text=text)

    # Looking

    def look(self) -> dict[str, typing.Any]:
        """What it has of the storage; see ``cloud.hosts.look``."""
        return self.call('look')

    def virsh(self, *words: object) -> str | None:
        """Run virsh on it.

        :param words: the command
        :returns: its output, or None when it failed
        """
        try:
            return self.run('virsh', '-q', *words, timeout=30)
        except machine.HostError:
            return None

    def domain_xml(self, domain: str) -> str | None:
        """The live definition of a guest.

        :param domain: name or UUID
        :returns: its XML, or None when there is no such domain
        """
        return self.virsh('dumpxml', domain)

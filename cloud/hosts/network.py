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
"""The network of the hosts, in a namespace of the cloud's own.

Each link is a bridge in there. Nothing of it can be seen by the machine, and
nothing but the relay connects the two.
"""

import json
import logging
import pathlib
import shutil

from cloud.hosts import host_plan
from cloud import processes
from cloud import settings

LOG = logging.getLogger(__name__)


class Network:
    """The namespace with its bridges and the relay.

    :ivar name: name of the namespace
    """

    def __init__(self, conf: settings.Settings) -> None:
        """Only names it.

        :param conf: the settings
        """
        self.conf = conf
        self.name = f'failover-cloud-{conf.port_base}'
        self.file = pathlib.Path('/run/netns') / self.name
        self.relay = processes.Daemon('hosts-relay', conf.run, conf.log)

    @property
    def enter(self) -> list[object]:
        """What to put before a command that runs in the namespace.

        Not ``ip netns exec``, which makes a namespace of mounts as well: sites
        that are mounted later would not be seen in there.
        """
        return ['nsenter', f'--net={self.file}']

    def agent(self, host: host_plan.Host) -> pathlib.Path:
        """The socket of a host's agent on the machine.

        :param host: the host
        :returns: a Unix socket
        """
        return self.conf.run / 'agents' / host.name

    def start(self) -> None:
        """Make the namespace, and start the relay."""
        if not self.file.exists():
            processes.run(['ip', 'netns', 'add', self.name])
            self._ip('link', 'set', 'lo', 'up')
            for link in host_plan.LINKS:
                self._ip('link', 'add', f'br{link}', 'type', 'bridge')
                self._ip('link', 'set', f'br{link}', 'up')
            self._ip('addr', 'add', f'{host_plan.GATEWAY}/24', 'dev', 'br0')
        self._start_relay()

    def _start_relay(self) -> None:
        """Start what connects the namespace and the machine."""
        if self.relay.process():
            return
        ports = [self.conf.port(name) for name in host_plan.SERVICES]
        hosts = {host.name: [host.address(0), host_plan.AGENT_PORT]
                 for host in host_plan.HOSTS.values()}
        folder = self.agent(host_plan.SITES[0]).parent
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.relay.start(
            [self.conf.venv('tool') / 'bin' / 'python', '-m',
             'cloud.hosts.relay', self.file, host_plan.GATEWAY,
             json.dumps(ports), folder, json.dumps(hosts)],
            {'PYTHONPATH': str(self.conf.checkout)})
        self.relay.ready(lambda: all(
            (folder / name).exists() for name in hosts))

    def plug(self, host: host_plan.Host) -> None:
        """Make a host's taps and put them on their bridges.

        :param host: the host
        """
        there = {each['ifname'] for each in json.loads(
            self._ip('-json', 'link', 'show'))}
        for link in host_plan.LINKS:
            tap = host.tap(link)
            if tap not in there:
                self._ip('tuntap', 'add', tap, 'mode', 'tap')
                self._ip('link', 'set', tap, 'master', f'br{link}')
            self._ip('link', 'set', tap, 'up')

    def cut(self, host: host_plan.Host, *links: int) -> None:
        """Cut links of a host; those that it has to others stay.

        :param host: the host
        :param links: the links, all of them if none is named
        """
        for link in links or host_plan.LINKS:
            self._ip('link', 'set', host.tap(link), 'down')

    def mend(self, host: host_plan.Host) -> None:
        """Mend all links of a host.

        :param host: the host
        """
        for link in host_plan.LINKS:
            self._ip('link', 'set', host.tap(link), 'up')

    def stop(self) -> None:
        """Remove the namespace with all that is in it."""
        self.relay.stop(1)
        if self.file.exists():
            processes.run(['ip', 'netns', 'delete', self.name])

    def _ip(self, *words: str) -> str:
        """Run ``ip`` in the namespace."""
        return processes.run([*self.enter, 'ip', *words])

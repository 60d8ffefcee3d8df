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
"""RabbitMQ of the cloud's own, apart from any that the machine runs.

It has its own node name, ports, port mapper, cookie and folders.
"""

import logging
import socket

from cloud import processes
from cloud import render
from cloud import settings

LOG = logging.getLogger(__name__)

SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'
CONTROL = '/usr/lib/rabbitmq/bin/rabbitmqctl'


class Broker:
    """The message broker of one cloud."""

    def __init__(self, conf: settings.Settings) -> None:
        """Only names it.

        :param conf: the settings
        """
        self.conf = conf
        self.folder = conf.root / 'rabbitmq'
        self.daemon = processes.Daemon('rabbitmq', conf.run, conf.log)
        self.mapper = processes.Daemon('epmd', conf.run, conf.log)

    @property
    def environment(self) -> dict[str, str]:
        """What keeps this broker apart from others."""
        folder = str(self.folder)
        return {
            'HOME': folder,
            'ERL_EPMD_PORT': str(self.conf.port('epmd')),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'RABBITMQ_NODENAME': f'cloud{self.conf.port_base}@localhost',
            'RABBITMQ_NODE_IP_ADDRESS': '127.0.0.1',
            'RABBITMQ_NODE_PORT': str(self.conf.port('rabbitmq')),
            'RABBITMQ_DIST_PORT': str(self.conf.port('rabbitmq_dist')),
            'RABBITMQ_MNESIA_BASE': f'{folder}/mnesia',
            'RABBITMQ_LOG_BASE': f'{folder}/log',
            'RABBITMQ_CONFIG_FILE': f'{folder}/rabbitmq',
            'RABBITMQ_CONF_ENV_FILE': f'{folder}/environment',
            'RABBITMQ_ENABLED_PLUGINS_FILE': f'{folder}/enabled_plugins',
            'RABBITMQ_PID_FILE': f'{folder}/pid',
            # One scheduler that does not spin: there are few cores here.
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS':
                '+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none'
                ' -kernel inet_dist_use_interface {127,0,0,1}',
        }

    def start(self) -> None:
        """Start the broker with its port mapper."""
        self.folder.mkdir(parents=True, exist_ok=True)
        render.render('rabbitmq.conf.j2', self.folder / 'rabbitmq.conf',
                      self.conf)
        (self.folder / 'enabled_plugins').write_text('[].\n')
        (self.folder / 'environment').write_text('')
        self.mapper.start(
            ['epmd', '-port', self.conf.port('epmd'),
             '-address', '127.0.0.1'], self.environment)
        self.mapper.ready(lambda: self._listens('epmd'))
        self.daemon.start([SERVER], self.environment)
        self.daemon.ready(lambda: self._listens('rabbitmq'))

    def _listens(self, port: str) -> bool:
        """Whether something takes connections on a port."""
        try:
            address = ('127.0.0.1', self.conf.port(port))
            socket.create_connection(address, 1).close()
        except OSError:
            return False
        return True

    def stop(self, timeout: float = 20) -> None:
        """Stop the broker; the port mapper, too.

        :param timeout: seconds it gets to end in an orderly way
        """
        self.daemon.stop(timeout)
        self.mapper.stop()

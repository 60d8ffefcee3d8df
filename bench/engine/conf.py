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


"""Where a bench lives, and the nova.conf of its processes."""

from collections.abc import Mapping
import os
import pathlib
import sys

from cloud import settings

ROOT = pathlib.Path('/var/tmp/failover-bench')
PORT_BASE = 25000
CELLS = ('nova', 'nova_cell2')
#: Logs in to the databases for the simulated hosts, so that the statements
#: of the engine are counted apart.
HOSTS_USER = 'hosts'

#: Of every process: Nova on native threads, and the same packages as here.
ENVIRONMENT = {'OS_NOVA_DISABLE_EVENTLET_PATCHING': 'true',
               'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}

_TEXT = """\
[DEFAULT]
host = {host}
transport_url = {bus}
control_exchange = nova
state_path = {root}
log_file = {root}/log/{host}.log
service_down_time = 864000
rpc_response_timeout = 60
executor_thread_pool_size = {threads}
[api_database]
connection = {api}
[database]
connection = {cell0}
[cinder]
auth_type = none
endpoint = {cinder}/v3
endpoint_template = {cinder}/v3
[keystone_authtoken]
auth_type = none
[oslo_messaging_notifications]
driver = messagingv2
transport_url = {bus}
[oslo_concurrency]
lock_path = {root}/lock
[failover_engine]
{options}
"""


def load(root: pathlib.Path, port_base: int) -> settings.Settings:
    """Return the settings of the bench in a folder.

    :param root: all that it writes is below
    :param port_base: the first of a hundred ports on 127.0.0.1
    """
    return settings.Settings(root=root.resolve(), port_base=port_base,
                             cache=root.resolve() / 'cache')


def write(conf: settings.Settings, host: str,
          options: Mapping[str, object] | None = None,
          threads: int = 64) -> pathlib.Path:
    """Write the nova.conf of a process.

    :param host: its name
    :param options: of ``[failover_engine]``
    :param threads: of each of its RPC servers
    :returns: the file
    """
    file = conf.etc / host / 'nova.conf'
    for folder in (file.parent, conf.log, conf.root / 'lock'):
        folder.mkdir(parents=True, exist_ok=True)
    file.write_text(_TEXT.format(
        host=host, root=conf.root, threads=threads, bus=conf.transport_url,
        api=conf.database_url('nova_api'),
        cell0=conf.database_url('nova_cell0'), cinder=conf.url('cinder'),
        options='\n'.join(f'{key} = {value}'
                          for key, value in (options or {}).items())))
    file.chmod(0o640)
    return file


def names(count: int) -> list[str]:
    """Return the names of the simulated hosts."""
    return ['host-%d' % number for number in range(count)]

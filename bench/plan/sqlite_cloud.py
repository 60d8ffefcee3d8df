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

"""A cloud of two cells in files of SQLite, and its nova.conf."""

import dataclasses
import pathlib
from typing import Any
import uuid

from bench import population

CELLS = 2
HOSTS = 100
#: Where the backend has failed over to.
TARGET = 'second'
_CONF = """
[DEFAULT]
transport_url = fake://
log_file = {folder}/log
service_down_time = 86400
[api_database]
connection = sqlite:///{folder}/api.sqlite
[database]
connection = sqlite:///{folder}/cell0.sqlite
[cinder]
auth_type = none
endpoint_template = http://127.0.0.1:{port}/v3
[failover_engine]
batch_size = {batch}
"""

def make(folder: pathlib.Path, volumes: int) -> None:
    """Make the API database and those of the cells.

    :param volumes: how many in all, two for each server
    """
    from nova_failover_ext import startup
    startup.choose_threads()
    # Only now, because what they import must not come before.
    from nova.db.api import models as api_models
    from nova.db.main import models

    from bench import filler
    api = 'sqlite:///%s/api.sqlite' % folder
    cells = [filler.Cell('cell%d' % (number + 1), uuid.UUID(int=number + 1),
                         'sqlite:///%s/cell%d.sqlite' % (folder, number + 1),
                         'fake://') for number in range(CELLS)]
    _create(api, api_models)
    filler.map_cells(api, cells)
    for number, cell in enumerate(cells):
        _create(cell.database, models)
        filler.fill_cell(cell.database, _hosts(number),
                         _servers(number, volumes))


def serve(volumes: int) -> None:
    """Stand in for Cinder until killed; print the port.

    :param volumes: how many in all, two for each server
    """
    from bench import simulated_cinder
    from nova_failover_ext.testing import http_server
    cinder = simulated_cinder.SimulatedCinder()
    cinder.fill(server for cell in range(CELLS)
                for server in _servers(cell, volumes))
    cinder.fail_over(TARGET)
    server = http_server.Server(cinder)
    print(server.server_port, flush=True)
    server.serve_forever()


def write_conf(folder: pathlib.Path, port: int, batch: int) -> pathlib.Path:
    """Write nova.conf.

    :param port: of Cinder
    :param batch: volumes in each request and statement
    :returns: the file
    """
    file = folder / 'nova.conf'
    file.write_text(_CONF.format(folder=folder, batch=batch, port=port))
    return file


def _create(url: str, models: Any) -> None:
    import sqlalchemy as sa
    engine = sa.create_engine(url)
    models.BASE.metadata.create_all(engine)
    engine.dispose()


def _hosts(cell: int) -> list[str]:
    return ['compute%d-%d' % (cell, number) for number in range(HOSTS)]


def _servers(cell: int, volumes: int) -> list[population.Server]:
    number = volumes // 2
    servers = population.servers(number // CELLS + (cell < number % CELLS),
                                 _hosts(cell), seed=cell)
    return [_varied(at, server) for at, server in enumerate(servers)]


def _varied(number: int, server: population.Server) -> population.Server:
    """Let some be paused, some come first, and some volumes be recovered."""
    first, second = (TARGET if (2 * number + index) % 5 == 0 else None
                     for index in (0, 1))
    return dataclasses.replace(
        server, vm_state='active' if number % 50 else 'paused',
        priority='' if number % 10 else '1', recorded=(first, second))

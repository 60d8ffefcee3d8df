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
"""Make the tables of each service; the longest part of a first start."""

import concurrent.futures
import logging

from cloud.services import registry
from cloud import settings

LOG = logging.getLogger(__name__)

#: Filled in by Nova from the configuration of whoever reads the mapping.
_URL = '{scheme}://{username}:{password}@{hostname}:{port}/'


def _keystone(conf: settings.Settings) -> None:
    registry.KEYSTONE.manage(conf, 'keystone-manage', 'db_sync')


def _placement(conf: settings.Settings) -> None:
    registry.PLACEMENT.manage(conf, 'placement-manage', 'db', 'sync')


def _glance(conf: settings.Settings) -> None:
    registry.GLANCE.manage(conf, 'glance-manage', 'db', 'sync')


def _neutron(conf: settings.Settings) -> None:
    registry.NEUTRON.manage(conf, 'neutron-db-manage', 'upgrade', 'heads')


def _cinder(conf: settings.Settings) -> None:
    registry.CINDER_API.manage(conf, 'cinder-manage', 'db', 'sync')


def _nova(conf: settings.Settings) -> None:
    """Nova's tables and its two cells."""
    manage = registry.NOVA_API.manage
    manage(conf, 'nova-manage', 'api_db', 'sync')
    manage(conf, 'nova-manage', 'cell_v2', 'map_cell0',
           '--database_connection', _URL + 'nova_cell0?{query}')
    manage(conf, 'nova-manage', 'db', 'sync')
    if 'cell1' not in manage(conf, 'nova-manage', 'cell_v2', 'list_cells'):
        manage(conf, 'nova-manage', 'cell_v2', 'create_cell',
               '--name', 'cell1', '--verbose',
               '--database_connection', _URL + '{path}?{query}',
               '--transport-url', _URL + '{path}')


def run(conf: settings.Settings) -> None:
    """Run all migrations, those that take longest first.

    :param conf: the settings
    :raises processes.CommandError: when one fails
    """
    steps = (_nova, _neutron, _cinder, _keystone, _glance, _placement)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda step: step(conf), steps))

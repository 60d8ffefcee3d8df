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
"""One virtual environment per service, all from the same constraints."""

import concurrent.futures
import logging
import re

from cloud import bootstrap
from cloud import patched
from cloud import processes
from cloud import settings

LOG = logging.getLogger(__name__)

COMMON = ['PyMySQL', 'gunicorn', 'SQLAlchemy<2.1', 'python-memcached']
VENVS = {
    'keystone': ['keystone'],
    'placement': ['openstack-placement'],
    'glance': ['glance'],
    'neutron': ['neutron'],
    'cinder': ['cinder'],
    'nova': ['nova'],
}
#: The services into whose environments the checkout is installed.
OURS = ('nova', 'cinder')
#: Those that need it for the volume driver of the sites alone.
DRIVERS = ('cinder',)


def libvirt_version() -> str:
    """The version of the machine's libvirt.

    :returns: for example ``9.0.0``
    :raises bootstrap.BootstrapError: when it cannot be told
    """
    text = processes.run(['libvirtd', '--version'])
    match = re.search(r'\d+\.\d+\.\d+', text)
    if not match:
        raise bootstrap.BootstrapError(f'no version in {text!r}')
    return match.group()


def requirements(name: str, conf: settings.Settings) -> list[str]:
    """What goes into a service's environment.

    :param name: a key of :data:`VENVS`
    :param conf: the settings
    :returns: arguments for ``uv pip install``
    """
    wanted = COMMON + VENVS[name]
    if name == 'nova':
        wanted = [*wanted, f'libvirt-python=={libvirt_version()}']
    if conf.patched and name in settings.PATCHED:
        wanted = [*wanted, str(patched.tree(name, conf))]
        wanted.remove(name)
    if name in (DRIVERS if conf.patched else OURS):
        wanted = [*wanted, '-e', f'{conf.checkout}[{name}]']
    return wanted


def build(conf: settings.Settings) -> None:
    """Make all environments, two at a time.

    :param conf: the settings
    :raises bootstrap.BootstrapError: when one cannot be made
    """
    def one(name: str) -> None:
        LOG.debug('environment of %s', name)
        bootstrap.install(conf.venv(name), requirements(name, conf))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(one, VENVS))

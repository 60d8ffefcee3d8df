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


"""Loads the part that knows the host's virt driver."""

from typing import Any

from oslo_log import log as logging
import stevedore

from nova_failover_ext.recovery.virt import interface

LOG = logging.getLogger(__name__)

#: Entry points of :class:`nova_failover_ext.recovery.virt.interface.VirtHost`,
#: named as the first part of ``[DEFAULT] compute_driver``.
NAMESPACE = 'nova_failover.virt'
#: The entry point for every other virt driver.
GENERIC = 'generic'


def load_virt_host(compute_driver: str, driver: Any,
                   volume_api: Any) -> interface.VirtHost:
    """Load the part that knows the virt driver, or the generic one.

    :param compute_driver: Nova's option, such as libvirt.LibvirtDriver
    :param driver: the nova.virt.driver.ComputeDriver
    :param volume_api: the nova.volume.cinder.API
    :raises stevedore.exception.NoMatches: if this package is not installed
        as a distribution, and so has no entry points
    """
    name = compute_driver.split('.')[0]
    try:
        return _load(name, driver, volume_api)
    except stevedore.exception.NoMatches:
        LOG.warning(
            'Virt driver %s is not known: its servers are recovered by '
            "Nova's public driver methods, which remove no old connection "
            'by force and do not tell whether a guest has its disk '
            'afterwards. Another distribution can add an entry point '
            '%s in %s.', compute_driver, name, NAMESPACE)
    return _load(GENERIC, driver, volume_api)


def _load(name: str, driver: Any, volume_api: Any) -> interface.VirtHost:
    loaded: Any = stevedore.DriverManager(
        NAMESPACE, name, invoke_on_load=True,
        invoke_args=(driver, volume_api))
    virt_host: interface.VirtHost = loaded.driver
    return virt_host

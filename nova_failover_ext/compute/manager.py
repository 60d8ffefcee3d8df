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

"""Nova's compute manager with the recovery endpoint added to it."""

from typing import Any

from nova.compute import manager
import nova.conf
from nova import exception as nova_exception
from oslo_log import log as logging
import stevedore

from nova_failover_ext.compute import cinder
from nova_failover_ext.compute import endpoint
from nova_failover_ext.compute import recovery
from nova_failover_ext.compute import upstream
from nova_failover_ext.compute.virt import base
from nova_failover_ext.conf import compute as compute_conf
from nova_failover_ext import truth

LOG = logging.getLogger(__name__)

#: Entry points of :class:`nova_failover_ext.compute.virt.base.VirtHost`,
#: named as the first part of ``[DEFAULT] compute_driver``.
VIRT_NAMESPACE = 'nova_failover.virt'


class FailoverComputeManager(manager.ComputeManager):
    """nova-compute's manager; all that is added is one RPC endpoint.

    ``additional_endpoints`` of nova.manager.Manager are served on both of
    nova-compute's RPC servers (nova.service.Service.start, Nova 31 to 34).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make Nova's manager, then add the endpoint."""
        super().__init__(*args, **kwargs)
        conf = nova.conf.CONF
        compute_conf.register_opts(conf)
        work = recovery.Recovery(
            conf, upstream.Host(self),
            load_virt_host(conf.compute_driver, self.driver,
                           self.volume_api),
            cinder.CinderAPI(self.volume_api))
        self.additional_endpoints.append(
            endpoint.FailoverEndpoint(self.host, work))

    def _resume_guests_state(self, context: Any, instance: Any,
                             net_info: Any) -> None:
        """Leave a server that a recovery has powered off to the recovery.

        Nova would start its guest from the block device mappings as they
        are, which may still name the old site (private to Nova, read in
        Nova 31 to 34, where the signature is the same).
        """
        if instance.task_state == truth.TASK_STATE:
            LOG.info('A recovery will power this server on',
                     instance=instance)
            return
        super()._resume_guests_state(context, instance, net_info)


def load_virt_host(compute_driver: str, driver: Any,
                   volume_api: Any) -> base.VirtHost:
    """Load the part that knows the virt driver.

    :param compute_driver: Nova's option, such as libvirt.LibvirtDriver
    :param driver: the nova.virt.driver.ComputeDriver
    :param volume_api: the nova.volume.cinder.API
    :raises nova.exception.InvalidConfiguration: if there is none for it
    """
    name = compute_driver.split('.')[0]
    try:
        loaded: Any = stevedore.DriverManager(
            VIRT_NAMESPACE, name, invoke_on_load=True,
            invoke_args=(driver, volume_api))
    except stevedore.exception.NoMatches as error:
        raise nova_exception.InvalidConfiguration(
            f'nova-compute-failover does not know the virt driver '
            f'{compute_driver}; run plain nova-compute instead.') from error
    virt_host: base.VirtHost = loaded.driver
    return virt_host

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
"""Which services there are."""

from cloud.services import base
from cloud import settings

KEYSTONE = base.Service(
    'keystone', 'keystone', 'keystone.conf', module='keystone.wsgi.api',
    port='keystone',
    variables={'OS_KEYSTONE_CONFIG_FILES': '{etc}/keystone.conf'})
PLACEMENT = base.Service(
    'placement', 'placement', 'placement.conf', module='placement.wsgi.api',
    port='placement', variables={'OS_PLACEMENT_CONFIG_DIR': '{etc}'})
GLANCE = base.Service(
    'glance', 'glance', 'glance-api.conf', module='glance.wsgi.api',
    port='glance', variables={'OS_GLANCE_CONFIG_DIR': '{etc}'})
NEUTRON = base.Service(
    'neutron', 'neutron', 'neutron.conf', module='neutron.wsgi.api',
    port='neutron', variables={'OS_NEUTRON_CONFIG_DIR': '{etc}',
                               'OS_NEUTRON_CONFIG_FILES': 'neutron.conf'})
CINDER_API = base.Service(
    'cinder-api', 'cinder', 'cinder.conf', module='cinder.wsgi.api',
    port='cinder')
CINDER_SCHEDULER = base.Service(
    'cinder-scheduler', 'cinder', 'cinder.conf', program='cinder-scheduler')
CINDER_VOLUME = base.Service(
    'cinder-volume', 'cinder', 'cinder.conf', program='cinder-volume')
NOVA_API = base.Service(
    'nova-api', 'nova', 'nova.conf', module='nova.wsgi.osapi_compute',
    port='nova', variables={'OS_NOVA_CONFIG_DIR': '{etc}'})
NOVA_CONDUCTOR = base.Service(
    'nova-conductor', 'nova', 'nova.conf', program='nova-conductor')
NOVA_SCHEDULER = base.Service(
    'nova-scheduler', 'nova', 'nova.conf', program='nova-scheduler')
NOVA_COMPUTE = base.Service(
    'nova-compute', 'nova', 'nova.conf', program='nova-compute')
NOVA_COMPUTE_FAILOVER = base.Service(
    'nova-compute', 'nova', 'nova.conf', program='nova-compute-failover')
ENGINE = base.Service(
    'nova-failover-engine', 'nova', 'nova.conf',
    program='nova-failover-engine')
#: A standby, which some tests start; not part of the cloud otherwise.
ENGINE_TWO = base.Service(
    'nova-failover-engine-two', 'nova', 'nova.conf',
    program='nova-failover-engine')

#: Of a cluster that some tests make; not part of the cloud otherwise.
MEMBERS = tuple(base.Service(name, 'cinder', 'cinder.conf',
                             program='cinder-volume')
                for name in settings.MEMBERS)

#: All that there may be of any cloud.
EVERY = (KEYSTONE, PLACEMENT, GLANCE, NEUTRON, CINDER_API, CINDER_SCHEDULER,
         CINDER_VOLUME, NOVA_API, NOVA_CONDUCTOR, NOVA_SCHEDULER,
         NOVA_COMPUTE, NOVA_COMPUTE_FAILOVER, ENGINE, ENGINE_TWO, *MEMBERS)

#: What needs nobody's account yet, then what does.
FIRST = (KEYSTONE, PLACEMENT, GLANCE, NEUTRON, CINDER_API, NOVA_API,
         CINDER_SCHEDULER, CINDER_VOLUME)


def late(conf: settings.Settings) -> list[base.Service]:
    """The services that need accounts when they start.

    :param conf: the settings
    :returns: Nova's, and the engine where this project is in use
    """
    services = [NOVA_CONDUCTOR, NOVA_SCHEDULER]
    if conf.local:
        services.append(NOVA_COMPUTE_FAILOVER if conf.failover
                        else NOVA_COMPUTE)
    return [*services, ENGINE] if conf.failover else services


def all_of(conf: settings.Settings) -> list[base.Service]:
    """All services of a cloud, in the order of their start.

    :param conf: the settings
    :returns: the services
    """
    return [*FIRST, *late(conf)]


def find(name: str, conf: settings.Settings) -> base.Service:
    """Find a service by its name.

    :param name: for example ``nova-compute``
    :param conf: the settings
    :returns: the service
    :raises KeyError: when there is none of that name
    """
    return {service.name: service
            for service in (*all_of(conf), ENGINE_TWO, *MEMBERS)}[name]

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
"""Fill the cloud: accounts, endpoints, volume types, flavours, images.

All of it through one SDK connection in this process; each step looks first
whether its work is done already.
"""

import concurrent.futures
import logging

import openstack
from openstack import connection

from cloud.guest import build
from cloud import render
from cloud import settings
from cloud.storage import storage_kinds

LOG = logging.getLogger(__name__)

#: Service user, its type in the catalogue, and the path of its endpoint.
ENDPOINTS = {
    'placement': ('placement', ''),
    'glance': ('image', ''),
    'neutron': ('network', ''),
    'cinder': ('block-storage', '/v3/%(project_id)s'),
    'nova': ('compute', '/v2.1'),
}
#: Memory in MiB; a server is resized from the first to the second.
FLAVORS = {'little': 96, 'larger': 112}


def connect(conf: settings.Settings, cloud: str) -> connection.Connection:
    """Log in.

    :param conf: the settings
    :param cloud: ``admin`` or the name of a tenant
    :returns: a connection
    """
    config = openstack.config.OpenStackConfig(
        config_files=[str(conf.clouds_yaml)], load_envvars=False)
    return connection.Connection(config=config.get_one(cloud=cloud))


def write_credentials(conf: settings.Settings) -> None:
    """Write clouds.yaml and a file to source for each account.

    :param conf: the settings
    """
    users = [('admin', 'admin'), *((name, name) for name in
                                   settings.PROJECTS)]
    render.render('clouds.yaml.j2', conf.clouds_yaml, conf, users=users)
    for name, project in users:
        render.render('openrc.j2', conf.root / f'openrc-{name}', conf,
                      name=name, project=project)


def make_accounts(admin: connection.Connection,
                  conf: settings.Settings) -> None:
    """Make the users of the services and the two tenants.

    :param admin: the administrator's connection
    :param conf: the settings
    """
    roles = {role.name: role.id for role in admin.identity.roles()}
    if 'service' not in roles:
        roles['service'] = admin.identity.create_role(name='service').id
    users = {user.name: user.id for user in admin.identity.users()}
    projects = {each.name: each.id for each in admin.identity.projects()}

    def make(name: str, project: str, wanted: tuple[str, ...]) -> None:
        if project not in projects:
            projects[project] = admin.identity.create_project(
                name=project, domain_id='default').id
        if name not in users:
            users[name] = admin.identity.create_user(
                name=name, password=conf.password, domain_id='default').id
        for role in wanted:
            admin.identity.assign_project_role_to_user(
                projects[project], users[name], roles[role])

    for name in ENDPOINTS:
        make(name, 'service', ('admin', 'service'))
    for name in settings.PROJECTS:
        make(name, name, ('member',))


def make_endpoints(admin: connection.Connection,
                   conf: settings.Settings) -> None:
    """Put the services into the catalogue.

    :param admin: the administrator's connection
    :param conf: the settings
    """
    known = {service.type for service in admin.identity.services()}
    for name, (kind, path) in ENDPOINTS.items():
        if kind in known:
            continue
        service = admin.identity.create_service(name=name, type=kind)
        admin.identity.create_endpoint(
            service_id=service.id, interface='public',
            url=conf.url(name) + path, region_id=conf.region)


def make_types(admin: connection.Connection,
               conf: settings.Settings) -> None:
    """Make the volume types of each backend.

    :param admin: the administrator's connection
    :param conf: the settings
    """
    known = {kind.name for kind in admin.block_storage.types()}
    for kind in storage_kinds.chosen(conf):
        for backend in kind.backends():
            for name, specs in backend['types'].items():
                if name not in known:
                    admin.block_storage.create_type(name=name, extra_specs={
                        'volume_backend_name': backend['name'], **specs})


def make_flavors(admin: connection.Connection) -> None:
    """Make the flavours, and what Neutron wants to have been asked."""
    known = {flavor.name for flavor in admin.compute.flavors()}
    for name, memory in FLAVORS.items():
        if name not in known:
            admin.compute.create_flavor(name=name, ram=memory, vcpus=1,
                                        disk=1)
    # The first call of all must not be one for ports.
    list(admin.network.networks())


def make_images(admin: connection.Connection,
                conf: settings.Settings) -> None:
    """Upload what the guests boot.

    :param admin: the administrator's connection
    :param conf: the settings
    """
    guest = build.Guest(conf)
    version = guest.folder.name
    known = {image.name: image for image in admin.image.images()
             if image.status == 'active'
             and image.properties.get('guest_version') == version}
    for image in admin.image.images():
        if image.name not in known:
            admin.image.delete_image(image)

    def upload(name: str, form: str, container: str, data: bytes,
               **properties: str) -> str:
        if name not in known:
            known[name] = admin.image.create_image(
                name=name, disk_format=form, container_format=container,
                data=data, visibility='public', validate_checksum=False,
                wait=True, guest_version=version, **properties)
        return known[name].id

    def bare(name: str, initrd: str, **properties: str) -> None:
        upload(name, 'raw', 'bare', bytes(1 << 20), kernel_id=kernel,
               ramdisk_id=initrd, os_command_line=build.COMMAND_LINE,
               **properties)

    kernel = upload('guest-kernel', 'aki', 'aki', guest.kernel.read_bytes())
    small = upload('guest-initrd', 'ari', 'ari', guest.initrd.read_bytes())
    large = upload('guest-initrd-large', 'ari', 'ari',
                   guest.large_initrd.read_bytes())
    bare('guest', small)
    bare('guest-agent', large, hw_qemu_guest_agent='yes')
    bare('guest-scsi', large, hw_disk_bus='scsi',
         hw_scsi_model='virtio-scsi')
    upload('guest-boot', 'raw', 'bare', guest.disk.read_bytes())
    upload(build.LABEL, 'raw', 'bare', guest.tenant.read_bytes())


def seed_identity(conf: settings.Settings) -> None:
    """Make what Keystone keeps.

    :param conf: the settings
    """
    admin = connect(conf, 'admin')
    make_accounts(admin, conf)
    make_endpoints(admin, conf)


def seed_rest(conf: settings.Settings) -> None:
    """Make what the other services keep.

    :param conf: the settings
    """
    admin = connect(conf, 'admin')
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(make_types, admin, conf),
                pool.submit(make_flavors, admin),
                pool.submit(make_images, admin, conf)]
        for job in jobs:
            job.result()

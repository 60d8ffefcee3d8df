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


"""Lets servers move between the hosts of Nova's functional harness.

Its fake libvirt migrates nothing, and its hosts have no folders of instances;
with this, the real driver's code does all of the rest.
"""

import os
from urllib import parse

import fixtures
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import driver
from nova.virt.libvirt import imagebackend
from nova.virt.libvirt import utils as libvirt_utils


class Moves(fixtures.Fixture):
    """Hosts that share the instances' folders, and migrate guests."""

    def __init__(self, computes):
        """Remember where the compute services are found.

        :param computes: the harness's dictionary of them, by host
        """
        super().__init__()
        self._computes = computes

    def _setUp(self):
        self._define = fakelibvirt.Connection.defineXML
        for target, name, new in (
                (driver.LibvirtDriver, '_create_image', _create_image),
                (driver.LibvirtDriver, '_is_path_shared_with', _is_shared),
                (driver.LibvirtDriver, '_get_instance_disk_info', _no_disks),
                (imagebackend, '_update_utime_ignore_eacces', _nothing),
                (fakelibvirt.Connection, 'defineXML',
                 lambda connection, xml: self._define_stored(connection, xml)),
                (fakelibvirt.Domain, 'migrateToURI3',
                 lambda domain, uri, params, flags: self._migrate(
                     domain, uri, params))):
            self.useFixture(fixtures.MockPatchObject(target, name, new=new))

    def _define_stored(self, connection, xml):
        # What is stored changes nothing of a guest that runs.
        name = fakelibvirt.Domain(connection, xml).name()
        running = connection._vms.get(name)
        if running is not None and running.isActive():
            running._transient = False
            return running
        return self._define(connection, xml)

    def _migrate(self, domain, uri, params):
        host = parse.urlsplit(uri).hostname
        connection = self._computes[host].driver._host.get_connection()
        connection.createXML(
            params['destination_xml'], 0)._transient = False
        domain.destroy()
        domain.complete_job()


def _create_image(libvirt, context, instance, *args, **kwargs):
    os.makedirs(libvirt_utils.get_instance_path(instance), exist_ok=True)
    return False, False


def _is_shared(libvirt, dest, path):
    return True


def _no_disks(libvirt, instance, block_device_info):
    return []


def _nothing(*args):
    return None

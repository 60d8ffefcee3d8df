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
"""The kinds of storage that a cloud may have, each behind one interface."""

import importlib
import typing

from cloud import settings

#: How a site can be lost: its processes are killed, they are stopped and keep
#: their connections, or it is cut off from everybody.
WAYS = ('kill', 'freeze', 'cut')

#: The class of each kind. The module is only imported where the kind is used.
_CLASSES = {
    'files': 'cloud.storage.files.Files',
    'iscsi': 'cloud.storage.iscsi.Iscsi',
    'nfs': 'cloud.storage.nfs.Nfs',
    'ceph': 'cloud.storage.ceph.kind.Ceph',
}


class StorageKind(typing.Protocol):
    """A replicated storage with two sites, each of which can be lost.

    Constructed with the settings alone, which does nothing yet. Each method
    may be repeated at any time. A site is ``primary`` or ``secondary``.

    :ivar name: one of :data:`cloud.settings.KINDS`
    :ivar volume_type: the volume type of what is replicated
    :ivar plain_type: the volume type of what is not, '' where there is none
    :ivar compute_hosts: names of the compute hosts that can reach this
        storage; none stands for the machine itself
    """

    name: str
    volume_type: str
    plain_type: str
    compute_hosts: tuple[str, ...]

    def install(self) -> None:
        """Put packages, a kernel and so on into the project's cache."""

    def start(self) -> None:
        """Bring the storage up; the services of OpenStack start later."""

    def stop(self) -> None:
        """Take everything down that :meth:`start` has made."""

    def backends(self) -> list[dict[str, typing.Any]]:
        """What ``cinder.conf`` has for this kind.

        The first backend is the replicated one, whose failover is tried.

        :returns: a dictionary per backend: ``name`` is the section, which is
            the ``volume_backend_name`` as well; ``options`` has the options,
            a list for an option that is repeated; ``types`` has the extra
            specs of each volume type by its name
        """

    def lose(self, site: str, how: str) -> None:
        """Lose a site.

        :param site: the site
        :param how: one of :data:`WAYS`
        """

    def bring_back(self, site: str) -> None:
        """Bring a site back, with the data that it had.

        :param site: the site; nothing happens to one that is there
        """

    def leftovers(self) -> list[str]:
        """What the compute hosts have that belongs to no mapping.

        :returns: a line for each, such as a session or a device, by its name
        """


def find(name: str, conf: settings.Settings) -> StorageKind:
    """Find a kind by its name.

    :param name: one of :data:`cloud.settings.KINDS`
    :param conf: the settings
    :returns: the kind
    :raises KeyError: when there is none of that name
    """
    module, _dot, name = _CLASSES[name].rpartition('.')
    return getattr(importlib.import_module(module), name)(conf)


def chosen(conf: settings.Settings) -> list[StorageKind]:
    """The kinds that a cloud has.

    :param conf: the settings
    :returns: the kinds, in the order in which they were asked for
    """
    return [find(name, conf) for name in conf.kinds]

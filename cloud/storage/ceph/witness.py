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
"""What the guests wrote last, as the images of each site have it."""

import collections.abc
import contextlib
import dataclasses
import logging
import threading
import typing

from cloud.storage.ceph import site as sites

LOG = logging.getLogger(__name__)

SECTOR = 512
#: Seconds that a site may take to answer.
PATIENCE = '5'
_TIMEOUTS = ('rados_osd_op_timeout', 'rados_mon_op_timeout',
             'client_mount_timeout')


@dataclasses.dataclass(frozen=True)
class Record:
    """What a guest left on a disk, at one site.

    :ivar boot: boot id of its kernel; nothing if it never wrote
    :ivar n: the counter of its last write
    :ivar primary: whether the site takes writes to this image
    """

    boot: str
    n: int
    primary: bool


def spot(server: str) -> int:
    """Where a guest writes, in bytes from the end of the disk.

    ``cloud/guest/init`` computes the same from the last three digits of the
    machine's UUID, which is the server's.

    :param server: id of the server
    :returns: the number of bytes
    """
    return (int(server[-3:], 16) + 8) * SECTOR


def parse(data: bytes, primary: bool) -> Record:
    """Read a sector that a guest has written.

    :param data: the sector
    :param primary: whether the site takes writes to this image
    :returns: the record
    """
    words = dict(word.split('=', 1) for word
                 in data.rstrip(b'\0').decode(errors='replace').split()
                 if '=' in word)
    counter = words.get('n', '')
    return Record(words.get('boot', ''),
                  int(counter) if counter.isdecimal() else 0, primary)


class Witness:
    """A reader of one site's images, which never writes.

    It keeps one connection. A site that is lost costs a time-out at each
    question, so ask :meth:`cloud.storage.ceph.site.Site.state` before.
    """

    def __init__(self, site: sites.Site) -> None:
        """Connect at the first question.

        :param site: the site
        """
        self.site = site
        self._lock = threading.Lock()
        self._cluster: typing.Any = None

    def _connected(self) -> typing.Any:
        """The connection to the cluster."""
        # Debian's, which is linked into the tool's environment first.
        import rados

        with self._lock:
            if self._cluster is None:
                cluster = rados.Rados(
                    rados_id=sites.USER, clustername=self.site.name,
                    conffile=str(self.site.file),
                    conf=dict.fromkeys(_TIMEOUTS, PATIENCE))
                cluster.connect()
                self._cluster = cluster
            return self._cluster

    @contextlib.contextmanager
    def _image(self, volume: str) -> collections.abc.Iterator[typing.Any]:
        """An image, opened for reading."""
        import rbd

        pool = self._connected().open_ioctx(sites.POOL)
        try:
            with rbd.Image(pool, f'volume-{volume}', read_only=True) as image:
                yield image
        finally:
            pool.close()

    def read(self, volume: str, server: str) -> Record | None:
        """What a server's guest wrote last to a volume, at this site.

        :param volume: id of the volume
        :param server: id of the server
        :returns: the record; None if the site or the image cannot be read
        """
        import rados
        import rbd

        try:
            with self._image(volume) as image:
                data = image.read(image.size() - spot(server), SECTOR)
                state = image.mirror_image_get_info()
        except (rados.Error, rbd.Error) as error:
            LOG.debug('%s at %s: %s', volume, self.site.name, error)
            return None
        # Of an image that is not mirrored there is no other.
        mirrored = state['state'] == rbd.RBD_MIRROR_IMAGE_ENABLED
        return parse(data, state['primary'] or not mirrored)

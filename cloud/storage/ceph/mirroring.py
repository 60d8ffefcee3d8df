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
"""RBD mirroring between the two sites, both ways, image by image."""

import concurrent.futures
import json
import logging
import math
import tempfile
import typing

from cloud import processes
from cloud.storage.ceph import site as sites
from cloud import waiting

LOG = logging.getLogger(__name__)

_REPLAYING = 'up+replaying'
#: So many writes may be on their way. A guest writes once a second, and on a
#: busy machine rbd-mirror notes only after seconds what it has replayed.
_BEHIND = 12


class Pair:
    """Two sites that mirror each other's images.

    :ivar sites: the sites by their names
    """

    def __init__(self, first: sites.Site, second: sites.Site) -> None:
        """Only names them.

        :param first: a site
        :param second: the other one
        """
        self.sites = {each.name: each for each in (first, second)}

    def other(self, name: str) -> sites.Site:
        """The peer of a site.

        :param name: the site
        :returns: the other one
        """
        peer, = (site for key, site in self.sites.items() if key != name)
        return peer

    def start(self) -> None:
        """Introduce the sites to each other once, and start to mirror."""
        first, second = self.sites.values()
        if not self._info(second).get('peers'):
            self._introduce(first, second)
        for site in self.sites.values():
            site.spawn('mirror')
        for site in self.sites.values():
            self.wait_mirrors(site)

    def _introduce(self, first: sites.Site, second: sites.Site) -> None:
        """Make each site a peer of the other, both for reading and writing."""
        for site in (first, second):
            site.rbd('mirror', 'pool', 'enable', '--site-name', site.name,
                     sites.POOL, 'image')
        token = first.rbd('mirror', 'pool', 'peer', 'bootstrap', 'create',
                          '--site-name', first.name, sites.POOL)
        with tempfile.NamedTemporaryFile('w', dir=first.folder) as file:
            file.write(token)
            file.flush()
            second.rbd('mirror', 'pool', 'peer', 'bootstrap', 'import',
                       '--site-name', second.name, '--direction', 'rx-tx',
                       sites.POOL, file.name)

    @staticmethod
    def _info(site: sites.Site) -> dict[str, typing.Any]:
        """What a site says of its pool's mirroring."""
        return site.ask(site.rbd, 'mirror', 'pool', 'info', sites.POOL)

    @staticmethod
    def wait_mirrors(site: sites.Site, timeout: float = 90) -> None:
        """Wait until a site's rbd-mirror works.

        :param site: the site
        :param timeout: the bound in seconds
        """
        def look() -> bool:
            answer = site.ask(site.rbd, 'mirror', 'pool', 'status',
                              sites.POOL)
            return answer['summary']['daemon_health'] == 'OK'

        waiting.wait_for(f'rbd-mirror of {site.name}', look, timeout, 0.5,
                         ignore=(processes.CommandError,))

    def renew(self, site: sites.Site) -> None:
        """Kill and start the rbd-mirror of a site that lost its peer.

        With an idle image in the pool it hangs in the dead peer and keeps the
        exclusive locks: images can be promoted, and guests get EROFS.

        :param site: the site that survived
        """
        LOG.info('restarting rbd-mirror of %s', site.name)
        site.kill('mirror')
        site.spawn('mirror')

    # Images

    @staticmethod
    def images(site: sites.Site) -> dict[str, bool]:
        """The mirrored images of a site.

        :param site: the site
        :returns: whether each is primary, by its name
        """
        def look(name: str) -> tuple[str, bool | None]:
            try:
                info = site.ask(site.rbd, 'info', f'{sites.POOL}/{name}')
            except processes.CommandError:
                # Removed since the list was made.
                return name, None
            state = info.get('mirroring', {})
            return name, (state['primary'] if state.get('state') == 'enabled'
                          else None)

        names = site.ask(site.rbd, 'ls', sites.POOL)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return {name: primary for name, primary in pool.map(look, names)
                    if primary is not None}

    @staticmethod
    def received(site: sites.Site) -> set[str]:
        """The images that a site receives, and is not behind with.

        Of an image that is behind Cinder's driver demotes the one side, and
        may fail to promote the other: neither takes writes then.

        :param site: the site
        :returns: their names
        """
        answer = site.ask(site.rbd, 'mirror', 'pool', 'status', '--verbose',
                          sites.POOL)
        return {each['name'] for each in answer['images']
                if each['state'] == _REPLAYING
                and _behind(each['description']) <= _BEHIND}

    def wait_copied(self, source: sites.Site, timeout: float = 300) -> None:
        """Wait until a site's primary images are all received by its peer.

        :param source: the site
        :param timeout: the bound in seconds
        """
        target = self.other(source.name)
        wanted = {name for name, primary in self.images(source).items()
                  if primary}
        waiting.wait_for(f'{len(wanted)} images to be received by '
                         f'{target.name}',
                         lambda: wanted <= self.received(target), timeout,
                         interval=1, ignore=(processes.CommandError,))

    def give_back(self, returned: sites.Site) -> None:
        """Have a returned site receive what its peer got meanwhile.

        Its own version of each image that the peer has made primary is given
        up, as after any failover whose old side was lost.

        :param returned: the site
        """
        survivor = self.other(returned.name)
        theirs, ours = self.images(survivor), self.images(returned)
        both = [name for name, primary in ours.items()
                if primary and theirs.get(name)]
        LOG.info('%s: giving up %d of %d images', returned.name, len(both),
                 len(ours))
        for name in both:
            image = f'{sites.POOL}/{name}'
            returned.rbd('mirror', 'image', 'demote', image, timeout=120)
            returned.rbd('mirror', 'image', 'resync', image)
        self.wait_copied(survivor)


def _behind(description: str) -> float:
    """How many writes an image is behind, by rbd-mirror's own words."""
    _state, _comma, details = description.partition(', ')
    try:
        return json.loads(details)['entries_behind_primary']
    except (ValueError, KeyError):
        return math.inf

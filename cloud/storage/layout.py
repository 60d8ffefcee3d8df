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
"""Folders of the storage, and how the state of a site is kept.

::

    storage/sites/<site>      what Cinder and QEMU use, a FUSE mount
    storage/backing/<site>    where the bytes are
    storage/control/<site>    the switch: up, lost or hang
    storage/replication/<f>   file f is replicated; holds the active site
    storage/missed/<f>        what the other site of file f misses, ranges
    storage/strays/<s>-<f>    a dot for each write to f at its wrong site s
"""

import pathlib

#: The size of the mark at the end of each volume, which differs by site.
MARK = 512
STATES = ('up', 'lost', 'hang')
#: The sites and their peers; ``plain`` replicates to nowhere.
PEERS = {'primary': 'secondary', 'secondary': 'primary', 'plain': ''}
FOLDERS = ('sites', 'backing', 'control', 'replication', 'missed',
           'strays')


class Layout:
    """The folders of one storage."""

    def __init__(self, root: pathlib.Path) -> None:
        """Only computes paths.

        :param root: the storage folder
        """
        self.root = root

    def site(self, name: str) -> pathlib.Path:
        """Where a site is mounted."""
        return self.root / 'sites' / name

    def backing(self, name: str) -> pathlib.Path:
        """Where a site's bytes are."""
        return self.root / 'backing' / name

    def control(self, name: str) -> pathlib.Path:
        """The switch of a site."""
        return self.root / 'control' / name

    @property
    def replication(self) -> pathlib.Path:
        """One file per replicated volume; its content is the active site."""
        return self.root / 'replication'

    @property
    def delay(self) -> pathlib.Path:
        """How many seconds the backend takes to fail over, if written."""
        return self.root / 'control' / 'failover-delay'

    @property
    def missed(self) -> pathlib.Path:
        """One file per volume whose passive side misses writes, and which."""
        return self.root / 'missed'

    def stray(self, name: str, filename: str) -> pathlib.Path:
        """What is known of writes to a file at a site that is not active."""
        return self.root / 'strays' / f'{name}-{filename}'

    def state(self, name: str) -> str:
        """How a site is.

        :param name: the site
        :returns: one of :data:`STATES`
        """
        try:
            return self.control(name).read_text().strip() or 'up'
        except OSError:
            return 'up'

    def active_site(self, filename: str) -> str:
        """The site that a replicated file is used at.

        :param filename: name of the volume's file
        :returns: the site, or '' for a file that is not replicated
        """
        try:
            return (self.replication / filename).read_text().strip()
        except OSError:
            return ''

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
"""What is read of places and records on Ceph; needs no cluster."""

import xml.etree.ElementTree as ElementTree

import testtools

from cloud import settings
from cloud.storage.ceph import places
from cloud.storage.ceph import site as sites
from cloud.storage.ceph import witness

CONF = settings.Settings()
DISK = """\
<disk type='network' device='disk'>
  <source protocol='rbd' name='volumes/volume-1'>
    <host name='127.0.0.11' port='23011'/>
    <auth username='cinder'><secret type='ceph' uuid='{}'/></auth>
  </source>
</disk>
"""


class PlacesTest(testtools.TestCase):
    """Cinder, Nova and libvirt write one place in the same way."""

    core = True
    storage = ('ceph',)

    def setUp(self) -> None:
        """A place at the primary."""
        super().setUp()
        self.secret = sites.Site(CONF, 'primary').secret
        self.data = {
            'name': 'volumes/volume-1', 'hosts': ['127.0.0.11'],
            'ports': ['23011'], 'auth_username': 'cinder',
            'secret_uuid': self.secret}

    def test_same(self) -> None:
        """A connection_info and a domain give the same word."""
        disk = ElementTree.fromstring(DISK.format(self.secret))
        self.assertEqual(places.of_connection(self.data),
                         places.of_disk(disk))

    def test_behind(self) -> None:
        """A place names its site."""
        self.assertEqual('/primary/volumes/volume-1', places.behind(
            places.of_connection(self.data), CONF))

    def test_behind_mixed(self) -> None:
        """The secret of one site with the monitor of another is none."""
        self.data['hosts'] = ['127.0.0.12']
        self.assertEqual('', places.behind(
            places.of_connection(self.data), CONF))

    def test_other_protocol(self) -> None:
        """A file is no place."""
        self.assertEqual('', places.of_connection({'device_path': '/f'}))
        self.assertEqual('', places.behind('/f', CONF))


class RecordTest(testtools.TestCase):
    """What a guest has written is read from its sector."""

    core = True
    storage = ('ceph',)

    def test_spot(self) -> None:
        """The place is that of cloud/guest/init."""
        self.assertEqual((0x0a1 + 8) * 512, witness.spot('x-0a1'))

    def test_parse(self) -> None:
        """Boot id and counter are found."""
        self.assertEqual(witness.Record('b-1', 17, True), witness.parse(
            b'boot=b-1 n=17' + b' ' * 490 + b'\n', True))

    def test_parse_nothing(self) -> None:
        """A sector that nobody wrote is no record of anybody."""
        self.assertEqual(witness.Record('', 0, False),
                         witness.parse(bytes(512), False))

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

"""Mounts, against a copy of the kernel's list."""

import pathlib

from oslotest import base

import fixtures
from nova_failover_ext.recovery.host_devices import mounts

MOUNTINFO = r'''22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
90 22 0:52 / /var/lib/nova/mnt/0a1b rw,relatime shared:50 - nfs4 192.0.2.7:/srv/volumes rw,vers=4.2,hard
91 22 0:53 / /mnt/with\040blank rw shared:1 master:2 - nfs4 192.0.2.8:/a\040b/ rw
broken
'''  # noqa: E501


class Mounts(base.BaseTestCase):

    def points(self, share):
        listed = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path) / 'mountinfo'
        listed.write_text(MOUNTINFO)
        return mounts.mount_points(share, listed)

    def test_mounted(self):
        for share in ('192.0.2.7:/srv/volumes', '192.0.2.7:/srv/volumes/'):
            self.assertEqual(('/var/lib/nova/mnt/0a1b',), self.points(share))

    def test_blanks(self):
        self.assertEqual(('/mnt/with blank',), self.points('192.0.2.8:/a b'))

    def test_not_mounted(self):
        for share in ('192.0.2.7:/srv', '192.0.2.7:/srv/volumes/sub'):
            self.assertEqual((), self.points(share))

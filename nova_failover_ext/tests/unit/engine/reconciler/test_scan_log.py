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

"""What full scans log, and when."""

import logging

import fixtures

from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base

LOGGER = 'nova_failover_ext.engine.reconciler'


class ScanLogTest(base.CoordinatorTestCase):
    """The story so far, and nothing when nothing changes."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(
            LOGGER, level=logging.INFO))

    def _server(self, server_id, **values):
        self.volumes[server_id] = fakes.volume(id=server_id)
        self.attachments.append(fakes.attachment(
            server=fakes.server(id=server_id, **values),
            volume_id=server_id))

    def test_what_was_found_and_why(self):
        for name in 'ab':
            self._server(name, vm_state='paused')
        self._hint()
        [line] = self.log.output.splitlines()
        self.assertIn('%s is on second, 3 servers: recover 1' % fakes.BACKEND,
                      line)
        self.assertIn(', defer 2 (2: the server is paused', line)
        self.assertNotIn('{', line)

    def test_the_primary_has_a_name(self):
        self.member = fakes.member(active_backend_id=None,
                                   replication_status='enabled')
        self._hint()
        self.assertIn('%s is on primary, 1 server' % fakes.BACKEND,
                      self.log.output)
        self.assertIn('says that %s is on second, Cinder says primary: using '
                      "Cinder's value" % fakes.BACKEND, self.log.output)

    def test_the_same_is_logged_once(self):
        self._hint()
        first = self.log.output
        scans = self._full_scan()
        for _ in range(3):
            self._hint()
            self._later(300)
        self.assertGreater(self._full_scan(), scans)
        self.assertEqual(first, self.log.output)

    def test_waiting_is_logged_once_and_so_is_its_end(self):
        self.member = fakes.member(up=False)
        self._hint()
        for _ in range(30):
            self._later(5)
        self._later(300)
        waiting, stopped = self.log.output.splitlines()
        down = 'cinder-volume of %s is down' % fakes.BACKEND
        self.assertEqual('Waiting with %s: %s' % (fakes.BACKEND, down),
                         waiting)
        self.assertIn('%s; stopped waiting after 60 s' % down, stopped)

    def test_waiting_anew_is_logged_anew(self):
        down = fakes.member(up=False)
        for member in (down, fakes.member(), down):
            self.member = member
            self._hint()
            self._later(5)
        self.assertEqual(2, self.log.output.count('Waiting with'))

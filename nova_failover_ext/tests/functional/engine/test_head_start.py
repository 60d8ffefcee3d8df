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

"""Recoveries that begin before a backend is read to its end."""

from nova_failover_ext.engine import model
from nova_failover_ext.engine.reconciler import full_scan
from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.engine import base
from nova_failover_ext.tests.unit.engine import fakes

LIST = faults.Call.LIST_VOLUMES
OTHER_ID = 'req-1b0f1a0e-2f2a-4b0e-a3e8-3b1f9e0d5c22'


class HeadStart(base.EngineTestBase):
    """Two pages of two volumes, and a server with a volume on each page."""

    OPTIONS = {'batch_size': 2}

    def setUp(self):
        super().setUp()
        self.patch_value(full_scan, 'SPACING', 0)
        # Cinder lists the newest volumes first.
        volumes = [self.cinder.volume() for _ in range(4)]
        self.last, self.split, self.first = self.servers = self.wait_for_all([
            self.create(*map(self.data, ids), host=host) for host, ids in (
                ('compute1', volumes[:1]), ('compute2', volumes[1:3]),
                ('compute3', volumes[3:]))], 'ACTIVE')
        self.reconciler = self.start_engine()._reconciler
        self.wait_for(lambda: self.progress()['last_checked'],
                      'the first scan')
        self.wait_until_idle()
        self.before = self._lists()

    def _lists(self):
        return len(self.cinder.faults.made(LIST))

    def _move(self, site, failover_id=fakes.FAILOVER_ID):
        self.cinder.site = site
        self.reconciler.hint(base.BACKEND, model.Hint(
            failover_id, '' if site == 'primary' else site))

    def _fail_over(self):
        """Fail over, and hold the second page of the volumes."""
        page = self.hold(LIST)
        self._move('secondary')
        page.wait()
        second = self.hold(LIST)
        page.release()
        second.wait()
        return second

    def test_the_first_is_healed_before_the_last_page_is_read(self):
        second = self._fail_over()
        self.wait_until_healed(self.first)
        self.wait_for(lambda: self.progress()['counts']
                      == {'converged': 1, 'unknown': 2}, 'its result')
        self.assertEqual([[], [], ['recovered']],
                         list(map(self.outcomes, self.servers)))
        self.assertFalse(self.progress()['done'])
        self.assertEqual(2, self._lists() - self.before)
        second.release()
        self.wait_until_healed(*self.servers)
        self.assertEqual({'converged': 3}, self.wait_until_idle()['counts'])
        for server in self.servers:
            self.assertEqual(['recovered'], self.outcomes(server))
            action, = self.actions(server)
            self.assertEqual(fakes.FAILOVER_ID, action['request_id'])
        # Nothing but the scan that has begun, and the one that confirms.
        self.assertEqual(2 * 3, self._lists() - self.before)

    def test_a_failback_ends_the_reading(self):
        second = self._fail_over()
        self.wait_until_healed(self.first)
        self._move('primary', OTHER_ID)
        second.release()
        self.wait_until_healed(*self.servers)
        self.wait_until_idle()
        self.assertEqual(['recovered'] * 2, self.outcomes(self.first))
        for server in (self.last, self.split):
            self.assertNotIn('recovered', self.outcomes(server))
        self.assertEqual({OTHER_ID}, {
            sent.failover_id for sent in self.sent[1:]})

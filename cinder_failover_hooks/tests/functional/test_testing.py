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


"""The backend to test with: its sites, its lag, and what can go wrong."""

from typing import Any

import ddt

from cinder_failover_hooks import notifications
from cinder_failover_hooks.testing import replicated_backend as testing
from cinder_failover_hooks.tests.functional import base


class BackendTestCase(base.FailoverTestCase):
    """Looks at the backend, not at what is told of it."""

    def over(self, target: str = 'site-b', count: int = 1) -> None:
        """Fail over, and wait for the end.

        :param target: the replication target
        :param count: how many failovers there have been with this one
        """
        self.fail_over(target)
        self.notifications.wait_for(notifications.END, count)

    def connect(self, volume_id: str) -> Any:
        """Ask for a connection.

        :param volume_id: id of the volume
        :returns: the connection_info's data
        """
        return self.api.api_post('/volumes/%s/action' % volume_id, {
            'os-initialize_connection': {'connector': {'host': 'cmp1'}}},
            check_response_status=[200])['connection_info']['data']


class TestSites(BackendTestCase):
    """Folders with a file for each volume."""

    def test_a_replicated_volume_is_at_both_sites(self) -> None:
        """A mark at its end tells them apart."""
        volume_id = self.make_volume(self.replicated)
        marks = [self.backend.read(volume_id, site, 512, (1 << 30) - 512)
                 for site in ('default', 'site-b')]
        self.assertEqual(
            [b'site=primary', b'site=site-b'],
            [mark.split(b' ')[0] for mark in marks])
        self.api.delete_volume(volume_id)
        testing.wait_until('the end of the files', lambda: not any(
            site.path('volume-%s' % volume_id).exists()
            for site in self.backend.sites.values()))

    def test_other_volumes_are_at_one(self) -> None:
        """And say so."""
        volume_id = self.make_volume(self.plain)
        self.assertRaises(FileNotFoundError, self.backend.read, volume_id,
                          'site-b', 1)
        self.assertEqual(('available', 'disabled'), self.rows()[volume_id])

    def test_connections_follow_a_failover(self) -> None:
        """With a secret, for tests that look for leaks."""
        volume_id = self.make_volume(self.replicated)
        self.assertIn('/default/', self.connect(volume_id)['device_path'])
        self.over()
        data = self.connect(volume_id)
        self.assertIn('/site-b/', data['device_path'])
        self.assertEqual('canary', data['auth_password'])

    def test_a_driver_whose_connections_do_not_change(self) -> None:
        """As NetApp's for NFS."""
        self.backend.script.behave_as('netapp-nfs')
        volume_id = self.make_volume(self.replicated)
        before = self.connect(volume_id)
        self.over()
        self.assertEqual(before, self.connect(volume_id))

    def test_volumes_of_volumes_and_snapshots(self) -> None:
        """Made where the origin is, replicated like any other."""
        origin = self.make_volume(self.replicated)
        self.backend.write(origin, b'some data')
        snapshot = self.api.post_snapshot(
            {'snapshot': {'volume_id': origin}})['id']
        testing.wait_until('the snapshot', lambda: self.api.get_snapshot(
            snapshot)['status'] == 'available')
        made = [self.make_volume(self.replicated, **more) for more in (
            {'source_volid': origin}, {'snapshot_id': snapshot})]
        self.over()
        for volume_id in made:
            self.assertEqual(b'some data',
                             self.backend.read(volume_id, 'site-b', 9))
            self.assertEqual('site-b', self.backend.site_of(volume_id))


class TestLag(BackendTestCase):
    """Asynchronous replication loses what has not come across."""

    def test_what_has_not_come_across_is_lost(self) -> None:
        """Until the other site has caught up."""
        volume_id = self.make_volume(self.replicated)
        self.backend.write(volume_id, b'old')
        self.backend.replicate()
        self.backend.write(volume_id, b'new')
        self.over()
        self.assertEqual((b'new', b'old'), tuple(
            self.backend.read(volume_id, site, 3)
            for site in ('default', 'site-b')))

    def test_a_failback_brings_back_what_was_written(self) -> None:
        """From the secondary to the primary."""
        volume_id = self.make_volume(self.replicated)
        self.over()
        self.backend.write(volume_id, b'new')
        self.over('default', 2)
        self.assertEqual(b'new', self.backend.read(volume_id, 'default', 3))


class TestNoLag(BackendTestCase):
    """Synchronous replication."""

    mode = 'sync'

    def test_nothing_is_lost(self) -> None:
        """A write is at both sites when it is done."""
        volume_id = self.make_volume(self.replicated)
        self.backend.write(volume_id, b'new')
        self.over()
        self.assertEqual(b'new', self.backend.read(volume_id, 'site-b', 3))


@ddt.ddt
class TestFaults(BackendTestCase):
    """Errors by call and by volume."""

    def test_a_site_that_is_lost(self) -> None:
        """A failover succeeds without it, a failback does not."""
        self.attached(self.replicated)
        self.backend.lose('default')
        self.over()
        self.fail_over('default')
        self.notifications.wait_for(notifications.ERROR)
        self.backend.restore('default')
        self.assertEqual('failover-error', self.service_row()[0])

    def test_one_volume_once(self) -> None:
        """Others, and the next call, go through."""
        volume_id, other = (
            self.make_volume(self.replicated) for _ in range(2))
        self.backend.fail('initialize_connection', volume_id=volume_id)
        self.connect(other)
        self.assertIn('500', self.refused(self.connect, volume_id))
        self.connect(volume_id)

    def test_always(self) -> None:
        """Until the test has seen enough of it."""
        volume_id = self.make_volume(self.replicated)
        self.backend.fail('initialize_connection', once=False)
        for _ in range(2):
            self.refused(self.connect, volume_id)
        self.backend.script.forget_faults()
        self.connect(volume_id)

    def test_another_host(self) -> None:
        """It is none of ours."""
        volume_id = self.make_volume(self.replicated)
        self.backend.fail('initialize_connection', host='ctl9@rbd')
        self.connect(volume_id)

    def test_any_call(self) -> None:
        """For instance the creation of a volume."""
        # Cinder tries a second time.
        self.backend.fail('create_volume', once=False)
        made = self.api.post_volume({'volume': {
            'size': 1, 'volume_type': self.replicated}})['id']
        self.wait_for_status('volumes', made, 'creating')
        self.assertEqual('error', self.rows()[made][0])

    @ddt.data(('default', 'dell-sc', True), ('site-b', 'dell-sc', True),
              ('default', 'rbd', False))
    @ddt.unpack
    def test_connections_that_cannot_be_ended(
            self, site: str, name: str, raises: bool) -> None:
        """Dell SC raises if a site does not answer."""
        self.backend.script.behave_as(name)
        volume_id = self.make_volume(self.replicated)
        self.connect(volume_id)
        self.backend.lose(site)
        self.addCleanup(self.backend.restore, site)

        def end() -> None:
            self.api.api_post('/volumes/%s/action' % volume_id, {
                'os-terminate_connection': {'connector': {'host': 'cmp1'}}},
                check_response_status=[202])

        if raises:
            self.assertIn('500', self.refused(end))
        else:
            end()

    def test_calls_are_noted(self) -> None:
        """In order, with what they were about."""
        volume_id = self.make_volume(self.replicated)
        self.over()
        self.assertEqual(
            [('create_volume', volume_id, None),
             ('failover_host', None, 'site-b')],
            [(call.name, call.volume_id, call.target) for call
             in self.backend.script.calls('create_volume', 'failover_host')])
        self.assertEqual({base.BACKEND}, {
            call.host for call in self.backend.script.calls()})

    def test_second_failovers_that_are_ignored(self) -> None:
        """XIV and DS8K say that they have succeeded."""
        self.backend.script.behave_as('ds8k')
        self.attached(self.replicated)
        self.over()
        self.fail_over('site-b')
        end = self.notifications.wait_for(notifications.END, 2)[1]
        self.assertEqual('site-b', end.payload.new_active_backend_id)

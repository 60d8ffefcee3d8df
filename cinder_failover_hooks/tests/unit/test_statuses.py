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

"""The status values are those of Cinder."""

from cinder.objects import fields
import ddt

from cinder_failover_hooks import statuses
from cinder_failover_hooks.tests.unit import base


@ddt.ddt
class TestStatuses(base.TestCase):
    """Cinder defines the values, this package only spells them."""

    @ddt.data('ENABLED', 'DISABLED', 'NOT_CAPABLE', 'FAILING_OVER',
              'FAILED_OVER', 'FAILOVER_ERROR', 'ERROR')
    def test_replication_status(self, name: str) -> None:
        """Each constant equals the one of the same name in Cinder."""
        self.assertEqual(getattr(fields.ReplicationStatus, name),
                         getattr(statuses, name))

    @ddt.data('AVAILABLE', 'ATTACHING', 'IN_USE', 'ERROR')
    def test_volume_status(self, name: str) -> None:
        """Each constant equals the one of the same name in Cinder."""
        self.assertEqual(getattr(fields.VolumeStatus, name),
                         getattr(statuses, 'VOLUME_%s' % name))

    def test_sets(self) -> None:
        """A replication status is either replicated or unreplicated."""
        self.assertEqual(frozenset(), statuses.SETTLED & statuses.FAILED)
        self.assertEqual(frozenset(),
                         statuses.REPLICATED & statuses.UNREPLICATED)
        self.assertEqual(
            {'enabling', 'disabling'}, set(fields.ReplicationStatus.ALL)
            - statuses.REPLICATED - statuses.UNREPLICATED)

    def test_volume_is_replicated(self) -> None:
        """Only two values say no, whatever else a driver writes."""
        for status in (None, 'available', *statuses.REPLICATED):
            self.assertTrue(statuses.volume_is_replicated(status), status)
        for status in statuses.UNREPLICATED:
            self.assertFalse(statuses.volume_is_replicated(status), status)

    @ddt.data((None, 'primary'), ('', 'primary'), ('default', 'primary'),
              ('site-b', 'site-b'))
    @ddt.unpack
    def test_called(self, backend_id: str | None, name: str) -> None:
        """Texts have one word for the primary."""
        self.assertEqual(name, statuses.called(backend_id))

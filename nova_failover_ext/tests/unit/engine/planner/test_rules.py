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

"""The plan's tables: volumes and servers."""

import ddt
import testtools

from cinder_failover_hooks import drivers as table
from nova_failover_ext.engine.planner import driver_rules
from nova_failover_ext.engine.planner import rules
from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.tests.unit.engine import fakes

Policy = policies.Policy
RECOVER, DEFER, SKIP = (rules.Verdict.RECOVER, rules.Verdict.DEFER,
                        rules.Verdict.SKIP)
NFS = driver_rules.recognise('NetApp', 'nfs')
ACTIVE_CLUSTER = driver_rules.recognise(None, None, 'pure-sync')


@ddt.ddt
class VolumeVerdictTest(testtools.TestCase):
    """One volume, from its row and the stamp."""

    @ddt.data(
        ({}, None, RECOVER, 'may be stale'),
        ({}, '', RECOVER, 'may be stale'),
        ({}, 'third', RECOVER, 'may be stale'),
        ({}, 'second', SKIP, 'that of second'),
        ({'replication_status': 'enabled'}, None, RECOVER, 'may be stale'),
        # As Cinder counts it.
        ({'replication_status': None}, None, RECOVER, 'may be stale'),
        ({'replication_status': 'available'}, None, RECOVER, 'may be stale'),
        ({'replication_status': 'disabled'}, None, SKIP, 'not replicated'),
        ({'replication_status': 'not-capable', 'status': 'error'}, None,
         SKIP, 'not replicated'),
        ({'replication_status': 'failover-error'}, None, DEFER,
         'failover-error'),
        ({'replication_status': 'error'}, None, DEFER, 'status is error'),
        ({'replication_status': 'failing-over'}, None, DEFER, 'not tell'),
        ({'status': 'error'}, None, DEFER, 'refuses'),
        ({'status': 'error_extending'}, None, DEFER, 'refuses'),
        ({'status': 'error'}, 'second', SKIP, 'that of second'))
    @ddt.unpack
    def test_table(self, values, stamp, verdict, reason):
        volume = fakes.volume(**values)
        found = rules.judge_volume(rules.Facts(volume, stamp, 'second'))
        self.assertEqual(verdict, found.verdict)
        self.assertIn(reason, found.reason)

    @ddt.data((None, {}, SKIP), (None, {'returned': True}, RECOVER),
              (None, {'begun': True}, RECOVER), (None, {'asked': True},
                                                 RECOVER),
              ('', {}, SKIP), ('second', {}, RECOVER))
    @ddt.unpack
    def test_on_the_primary(self, stamp, values, verdict):
        volume = fakes.volume(replication_status='enabled')
        self.assertEqual(verdict, rules.judge_volume(
            rules.Facts(volume, stamp, '', moved=False, **values)).verdict)

    @ddt.data(None, 'second')
    def test_late_row(self, stamp):
        found = rules.judge_volume(
            rules.Facts(fakes.volume(), stamp, 'second', late=True))
        self.assertEqual(DEFER, found.verdict)
        self.assertEqual('Cinder has written its record', found.until)

    @ddt.data(({'status': 'available'}, False, SKIP),
              ({'status': 'in-use'}, False, RECOVER),
              # Drivers write that into records of attached volumes.
              ({'status': 'available'}, True, RECOVER))
    @ddt.unpack
    def test_not_attached(self, values, attached, verdict):
        found = rules.judge_volume(rules.Facts(
            fakes.volume(**values), None, 'second', attached=attached))
        self.assertEqual(verdict, found.verdict)

    @ddt.data(
        # The stamp is no proof: an answer that is the same was stamped.
        (NFS, {}, None, DEFER, 'a refresh cannot heal it'),
        (NFS, {}, 'second', DEFER, 'a refresh cannot heal it'),
        (NFS, {'asked': True}, None, RECOVER, 'may be stale'),
        (NFS, {'moved': False, 'wanted': ''}, None, SKIP,
         'that of the primary'),
        (NFS, {'moved': False, 'wanted': '', 'returned': True}, None, RECOVER,
         'may be stale'),
        (NFS, {'moved': False, 'wanted': ''}, '', SKIP, 'that of the primary'),
        (ACTIVE_CLUSTER, {}, None, SKIP, 'changes no connection'),
        (ACTIVE_CLUSTER, {}, 'second', SKIP, 'that of second'),
        (ACTIVE_CLUSTER, {'asked': True}, None, RECOVER, 'may be stale'),
        (driver_rules.recognise('Pure Storage', 'iSCSI'), {}, None, RECOVER,
         'may be stale'),
        (driver_rules.recognise('Open Source', 'ceph'), {}, None, RECOVER,
         'may be stale'))
    @ddt.unpack
    def test_what_the_driver_does(self, expected, values, stamp, verdict,
                                  reason):
        found = rules.judge_volume(rules.Facts(**{
            'volume': fakes.volume(), 'stamp': stamp, 'wanted': 'second',
            'expected': expected, **values}))
        self.assertEqual(verdict, found.verdict)
        self.assertIn(reason, found.reason)
        self.assertEqual(verdict is DEFER, found.blocked)

    def test_the_driver_is_named(self):
        self.assertIn(table.BY_NAME['netapp-nfs'].title, rules.judge_volume(
            rules.Facts(fakes.volume(), None, 'second',
                        expected=NFS)).reason)


@ddt.ddt
class ServerVerdictTest(testtools.TestCase):
    """One server that has a volume to recover."""

    @ddt.data(
        ({'vm_state': 'active'}, RECOVER, 'asked first'),
        ({'vm_state': 'stopped'}, RECOVER, 'asked first'),
        ({'vm_state': 'shelved'}, RECOVER, 'asked first'),
        ({'vm_state': 'shelved_offloaded'}, SKIP, 'unshelve'),
        ({'vm_state': 'shelved_offloaded', 'host': None}, SKIP, 'unshelve'),
        ({'vm_state': 'soft-delete'}, RECOVER, 'asked first'),
        ({'vm_state': 'deleted'}, SKIP, 'deleted'),
        ({'deleted': True, 'task_state': 'deleting'}, SKIP, 'deleted'),
        ({'vm_state': 'paused'}, DEFER, 'paused'),
        ({'vm_state': 'suspended'}, DEFER, 'suspended'),
        ({'vm_state': 'rescued'}, DEFER, 'rescue'),
        ({'vm_state': 'resized'}, DEFER, 'resize'),
        ({'vm_state': 'error'}, RECOVER, 'no running guest'),
        ({'vm_state': 'building'}, DEFER, 'being built'),
        ({'vm_state': 'unheard-of'}, DEFER, 'unheard-of is not handled'),
        ({'vm_state': None}, DEFER, 'None is not handled'),
        ({'task_state': 'rebooting'}, DEFER, 'task rebooting'),
        ({'task_state': 'recovering_volumes'}, RECOVER, ''),
        ({'task_state': 'recovering_volumes',
          'policy': Policy.NONE}, RECOVER, ''),
        ({'host': None}, DEFER, 'no host'),
        ({'compute_up': False}, DEFER, 'nova-compute on compute1 is down'),
        ({'policy': Policy.NONE}, SKIP, 'policy is none'),
        ({'policy': Policy.REFRESH}, RECOVER, ''))
    @ddt.unpack
    def test_table(self, values, verdict, reason):
        found = rules.judge_server(fakes.server(**values))
        self.assertEqual(verdict, found.verdict)
        self.assertIn(reason, found.reason)
        self.assertEqual(verdict is DEFER, bool(found.until))

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

"""The plan's tables: volumes, servers, order."""

import ddt
import testtools

from nova_failover_ext.engine import plan
from nova_failover_ext import policy as policies
from nova_failover_ext.tests.unit.engine import fakes

Policy = policies.Policy
RECOVER, DEFER, SKIP = (plan.Verdict.RECOVER, plan.Verdict.DEFER,
                        plan.Verdict.SKIP)


@ddt.ddt
class VolumeVerdictTest(testtools.TestCase):
    """One volume, from its row and the stamp."""

    @ddt.data(
        ({}, None, RECOVER, 'may be stale'),
        ({}, '', RECOVER, 'may be stale'),
        ({}, 'third', RECOVER, 'may be stale'),
        ({}, 'second', SKIP, 'that of second'),
        ({'replication_status': 'enabled'}, None, RECOVER, 'may be stale'),
        ({'replication_status': None}, None, SKIP, 'not replicated'),
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
        found, text = plan.volume_verdict(volume, stamp, 'second', False)
        self.assertEqual(verdict, found)
        self.assertIn(reason, text)

    @ddt.data((None, RECOVER), ('', SKIP), ('second', RECOVER))
    @ddt.unpack
    def test_on_the_primary(self, stamp, verdict):
        volume = fakes.volume(replication_status='enabled')
        self.assertEqual(
            verdict, plan.volume_verdict(volume, stamp, '', False)[0])

    @ddt.data(None, 'second')
    def test_late_row(self, stamp):
        found = plan.volume_verdict(fakes.volume(), stamp, 'second', True)
        self.assertEqual(DEFER, found[0])


@ddt.ddt
class ServerVerdictTest(testtools.TestCase):
    """One server that has a volume to recover."""

    @ddt.data(
        ({'vm_state': 'active'}, RECOVER, 'asked first'),
        ({'vm_state': 'stopped'}, RECOVER, 'asked first'),
        ({'vm_state': 'shelved'}, RECOVER, 'asked first'),
        ({'vm_state': 'shelved_offloaded'}, SKIP, 'unshelve'),
        ({'vm_state': 'shelved_offloaded', 'host': None}, SKIP, 'unshelve'),
        ({'vm_state': 'soft-delete'}, SKIP, 'deleted'),
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
        found, text = plan.server_verdict(fakes.server(**values))
        self.assertEqual(verdict, found)
        self.assertIn(reason, text)

    @ddt.data((None, 3), ('1', 1), (' 5 ', 5), ('0', 3), ('6', 3),
              ('high', 3), ('', 3), ('²', 3))
    @ddt.unpack
    def test_priority(self, raw, expected):
        metadata = (('failover:priority', raw),) if raw is not None else ()
        self.assertEqual(
            expected, plan.priority_of(fakes.server(metadata=metadata)))


@ddt.ddt
class BuildTest(testtools.TestCase):
    """The plan as a whole."""

    def _build(self, *attachments, **volumes):
        rows = {'vol': fakes.volume(), **volumes}
        return plan.build(fakes.backend(), rows, attachments)

    def test_a_server_with_several_volumes_is_there_once(self):
        servers = self._build(
            fakes.attachment(),
            fakes.attachment(volume_id='root', device_name='/dev/vda',
                             root=True),
            root=fakes.volume(id='root'))
        self.assertEqual(1, len(servers))
        self.assertEqual(['/dev/vda', '/dev/vdb'],
                         [v.device_name for v in servers[0].volumes])
        self.assertEqual('att', servers[0].volumes[1].attachment_id)

    def test_only_what_is_stale_is_recovered(self):
        server = self._build(
            fakes.attachment(),
            fakes.attachment(volume_id='done', stamp='second'),
            done=fakes.volume(id='done'))[0]
        self.assertEqual(RECOVER, server.verdict)
        self.assertEqual(
            ['vol'], [v.volume_id for v in server.volumes_to(RECOVER)])

    def test_a_claim_left_behind_is_finished(self):
        server = self._build(fakes.attachment(
            stamp='second', server=fakes.server(
                task_state='recovering_volumes')))[0]
        self.assertEqual(RECOVER, server.verdict)
        self.assertEqual(1, len(server.volumes_to(RECOVER)))

    def test_nothing_stale(self):
        server = self._build(fakes.attachment(stamp='second'))[0]
        self.assertEqual(SKIP, server.verdict)
        self.assertEqual('its connection is that of second', server.reason)
        self.assertEqual(plan.PowerCycle.NO, server.power_cycle)

    def test_one_done_and_one_deferred(self):
        server = self._build(
            fakes.attachment(stamp='second'),
            fakes.attachment(volume_id='bad'),
            bad=fakes.volume(id='bad', status='error'))[0]
        self.assertEqual(DEFER, server.verdict)
        self.assertIn('refuses', server.reason)

    def test_the_row_of_a_volume_is_late(self):
        server = self._build(
            fakes.attachment(),
            vol=fakes.volume(replication_status='enabled'))[0]
        self.assertEqual(DEFER, server.verdict)

    def test_a_late_row_is_asked_about_where_told_to(self):
        rows = {'vol': fakes.volume(replication_status='enabled')}
        server = plan.build(fakes.backend(), rows, [fakes.attachment()],
                            plan.Ask(late=True))[0]
        self.assertEqual(RECOVER, server.verdict)

    @ddt.data(('server', RECOVER), ('other', SKIP))
    @ddt.unpack
    def test_stamps_that_do_not_count(self, name, verdict):
        servers = plan.build(
            fakes.backend(), {'vol': fakes.volume()},
            [fakes.attachment(stamp='second')],
            plan.Ask(servers=frozenset((name,))))
        self.assertEqual(verdict, servers[0].verdict)

    @ddt.data(
        ('active', True, Policy.REATTACH, plan.PowerCycle.IF_STALE),
        ('active', False, Policy.REATTACH, plan.PowerCycle.IF_HELD),
        ('active', False, Policy.POWER_CYCLE, plan.PowerCycle.IF_STALE),
        ('active', False, Policy.DETACH, plan.PowerCycle.IF_HELD),
        ('active', True, Policy.REFRESH, plan.PowerCycle.NO),
        ('stopped', True, Policy.POWER_CYCLE, plan.PowerCycle.NO),
        ('paused', True, Policy.REATTACH, plan.PowerCycle.NO))
    @ddt.unpack
    def test_power_cycle(self, vm_state, root, policy, expected):
        server = self._build(fakes.attachment(server=fakes.server(
            vm_state=vm_state, policy=policy), root=root))[0]
        self.assertEqual(expected, server.power_cycle)

    def test_no_power_cycle_for_a_root_volume_that_is_up_to_date(self):
        server = self._build(
            fakes.attachment(),
            fakes.attachment(volume_id='root', root=True, stamp='second'),
            root=fakes.volume(id='root'))[0]
        self.assertEqual(plan.PowerCycle.IF_HELD, server.power_cycle)

    def test_order(self):
        def one(name, priority):
            return fakes.attachment(server=fakes.server(
                id=name, metadata=(('failover:priority', priority),)))
        servers = self._build(one('a', '5'), one('b', '1'), one('d', '3'),
                              one('c', 'odd'))
        self.assertEqual(['b', 'c', 'd', 'a'],
                         [s.server.id for s in servers])

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

"""The plan: volumes, servers, order."""

import ddt
import testtools

from nova_failover_ext.engine.planner import driver_rules
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.tests.unit.engine import fakes

Policy = policies.Policy
RECOVER, DEFER, SKIP = (server_plans.Verdict.RECOVER,
                        server_plans.Verdict.DEFER,
                        server_plans.Verdict.SKIP)


@ddt.ddt
class PriorityTest(testtools.TestCase):
    """What an owner asks for."""

    @ddt.data((None, 3), ('1', 1), (' 5 ', 5), ('0', 3), ('6', 3),
              ('high', 3), ('', 3), ('²', 3))
    @ddt.unpack
    def test_priority(self, raw, expected):
        metadata = (('failover:priority', raw),) if raw is not None else ()
        self.assertEqual(
            expected,
            server_plans.priority_of(fakes.server(metadata=metadata)))


@ddt.ddt
class BuildTest(testtools.TestCase):
    """The plan as a whole."""

    late = ()

    def _build(self, *attachments, **volumes):
        rows = {'vol': fakes.volume(), **volumes}
        return server_plans.build(fakes.backend(), rows, attachments,
                                  late=frozenset(self.late))

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
        self.assertEqual(server_plans.PowerCycle.NO, server.power_cycle)

    @ddt.data((None, {}, SKIP), (None, {'returned': True}, RECOVER),
              ('second', {}, RECOVER))
    @ddt.unpack
    def test_never_stamped_on_the_primary(self, other, options, verdict):
        servers = server_plans.build(
            fakes.backend(fakes.member(active_backend_id='',
                                       replication_status='enabled')),
            {name: fakes.volume(id=name, replication_status='enabled')
             for name in ('vol', 'other')},
            [fakes.attachment(),
             fakes.attachment(volume_id='other', stamp=other,
                              server=fakes.server(id='other'))],
            server_plans.PlanOptions(**options))
        self.assertEqual(verdict, {plan.server.id: plan.verdict for plan
                                   in servers}['server'])

    def test_one_done_and_one_deferred(self):
        server = self._build(
            fakes.attachment(stamp='second'),
            fakes.attachment(volume_id='bad'),
            bad=fakes.volume(id='bad', status='error'))[0]
        self.assertEqual(DEFER, server.verdict)
        self.assertIn('refuses', server.reason)

    def test_the_row_of_a_volume_is_late(self):
        self.late = ('vol',)
        server = self._build(
            fakes.attachment(),
            vol=fakes.volume(replication_status='enabled'))[0]
        self.assertEqual(DEFER, server.verdict)

    def test_a_late_row_is_asked_about_where_told_to(self):
        rows = {'vol': fakes.volume(replication_status='enabled')}
        late = frozenset(rows)
        server = server_plans.build(fakes.backend(), rows,
                                    [fakes.attachment()],
                                    server_plans.PlanOptions(late),
                                    late=late)[0]
        self.assertEqual(RECOVER, server.verdict)

    @ddt.data(('server', RECOVER), ('other', SKIP))
    @ddt.unpack
    def test_stamps_that_do_not_count(self, name, verdict):
        servers = server_plans.build(
            fakes.backend(), {'vol': fakes.volume()},
            [fakes.attachment(stamp='second')],
            server_plans.PlanOptions(servers=frozenset((name,))))
        self.assertEqual(verdict, servers[0].verdict)

    @ddt.data(
        ('active', True, Policy.REATTACH, server_plans.PowerCycle.IF_STALE),
        ('active', False, Policy.REATTACH, server_plans.PowerCycle.IF_HELD),
        ('active', False, Policy.POWER_CYCLE,
         server_plans.PowerCycle.IF_STALE),
        ('active', False, Policy.DETACH, server_plans.PowerCycle.IF_HELD),
        ('active', True, Policy.REFRESH, server_plans.PowerCycle.NO),
        ('stopped', True, Policy.POWER_CYCLE, server_plans.PowerCycle.NO),
        ('paused', True, Policy.REATTACH, server_plans.PowerCycle.NO))
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
        self.assertEqual(server_plans.PowerCycle.IF_HELD, server.power_cycle)

    def _busy(self, **ask):
        return server_plans.build(
            fakes.backend(), {'vol': fakes.volume()},
            [fakes.attachment()], server_plans.PlanOptions(**ask))[0]

    @ddt.data(({'busy_servers': {'server'}}, DEFER),
              ({'busy_servers': {'other'}}, RECOVER))
    @ddt.unpack
    def test_another_backend_of_it_is_failing_over(self, ask, verdict):
        server = self._busy(**ask)
        self.assertEqual(verdict, server.verdict)
        self.assertEqual(1, len(server.volumes))
        if verdict is DEFER:
            self.assertIn('once for both', server.reason)
            self.assertEqual(server_plans.PowerCycle.NO, server.power_cycle)

    @ddt.data(({'task_state': 'recovering_volumes'}, RECOVER, 'asked'),
              ({'vm_state': 'paused'}, DEFER, 'paused'),
              ({'policy': Policy.NONE}, SKIP, 'policy'))
    @ddt.unpack
    def test_busy_is_not_all(self, values, verdict, reason):
        server = server_plans.build(
            fakes.backend(), {'vol': fakes.volume()},
            [fakes.attachment(server=fakes.server(**values))],
            server_plans.PlanOptions(busy_servers=frozenset(('server',))))[0]
        self.assertEqual(verdict, server.verdict)
        self.assertIn(reason, server.reason)

    def test_until(self):
        server = self._build(fakes.attachment(
            server=fakes.server(compute_up=False)))[0]
        self.assertEqual('nova-compute on compute1 is up', server.until)

    def test_until_of_a_volume(self):
        server = self._build(
            fakes.attachment(), vol=fakes.volume(status='error'))[0]
        self.assertEqual('the state of the volume is reset', server.until)
        self.assertEqual(server.until, server.volumes[0].until)

    def _expecting(self, expected, asked=(), **values):
        return server_plans.build(
            fakes.backend(), {'vol': fakes.volume()},
            [fakes.attachment(server=fakes.server(**values))],
            server_plans.PlanOptions(servers=frozenset(asked)), expected)[0]

    @ddt.data(({}, True, DEFER), ({'vm_state': 'paused'}, True, DEFER),
              ({'vm_state': 'shelved_offloaded'}, True, DEFER),
              ({'deleted': True}, False, SKIP),
              ({'policy': Policy.NONE}, False, SKIP),
              ({'task_state': 'recovering_volumes'}, False, RECOVER))
    @ddt.unpack
    def test_blocked(self, values, blocked, verdict):
        server = self._expecting(driver_rules.recognise('NetApp', 'nfs'),
                                 **values)
        self.assertEqual((verdict, blocked),
                         (server.verdict, server.blocked))

    def test_blocked_but_an_operator_asks(self):
        server = self._expecting(
            driver_rules.recognise('NetApp', 'nfs'), ['server'])
        self.assertEqual((RECOVER, False), (server.verdict, server.blocked))

    @ddt.data(('Pure Storage', 'iSCSI', True),
              ('Open Source', 'ceph', False), ('Some', 'iSCSI', False))
    @ddt.unpack
    def test_notes(self, vendor, protocol, noted):
        server = self._expecting(driver_rules.recognise(vendor, protocol))
        self.assertEqual(noted, bool(server.notes))
        self.assertEqual(RECOVER, server.verdict)

    def test_order(self):
        def one(name, priority):
            return fakes.attachment(server=fakes.server(
                id=name, metadata=(('failover:priority', priority),)))
        servers = self._build(one('a', '5'), one('b', '1'), one('d', '3'),
                              one('c', 'odd'))
        self.assertEqual(['b', 'c', 'd', 'a'],
                         [s.server.id for s in servers])


@ddt.ddt
class RehearseTest(testtools.TestCase):
    """What would be done if all moved now."""

    def _rehearse(self, server, expected=driver_rules.UNKNOWN, **volume):
        rows = {'vol': fakes.volume(replication_status='enabled', **volume)}
        member = fakes.member(replication_status='enabled',
                              active_backend_id=None)
        return server_plans.rehearse(fakes.backend(member), rows,
                                     [fakes.attachment(
                                         stamp='', server=server)],
                                     expected)[0]

    @ddt.data(({}, RECOVER, server_plans.PowerCycle.IF_HELD),
              ({'policy': Policy.POWER_CYCLE}, RECOVER,
               server_plans.PowerCycle.IF_STALE),
              ({'vm_state': 'paused'}, DEFER, server_plans.PowerCycle.NO))
    @ddt.unpack
    def test_a_healthy_server(self, values, verdict, cycle):
        server = self._rehearse(fakes.server(**values))
        self.assertEqual((verdict, cycle),
                         (server.verdict, server.power_cycle))

    def test_what_is_not_replicated(self):
        rows = {'vol': fakes.volume(replication_status='disabled')}
        server = server_plans.rehearse(fakes.backend(), rows,
                                       [fakes.attachment()])[0]
        self.assertEqual(SKIP, server.verdict)

    def test_a_driver_that_a_refresh_does_not_heal(self):
        server = self._rehearse(fakes.server(),
                                driver_rules.recognise('NetApp', 'nfs'))
        self.assertTrue(server.blocked)

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


"""Requests for some servers, and engines that act only when asked."""

import datetime

import ddt

from nova_failover_ext.api import requests
from nova_failover_ext.engine import model
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import policy as policies
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base


class Base(base.CoordinatorTestCase):
    """Five servers of two projects, by priority."""

    def setUp(self):
        super().setUp()
        self.attachments = [
            fakes.attachment(server=fakes.server(
                id=str(number), project_id='even' if number % 2 == 0
                else 'odd', metadata=(('failover:priority', str(number)),)))
            for number in range(1, 6)]

    def _ask(self, **values):
        return self.reconciler.recover(requests.Request(
            fakes.BACKEND, **values))

    def _stamp(self, *servers):
        for index, attachment in enumerate(self.attachments):
            if not servers or attachment.server.id in servers:
                self.attachments[index] = fakes.attachment(
                    server=attachment.server, stamp='second')


@ddt.ddt
class AskedTest(Base):
    """``automatic = false``."""

    SETTINGS = {'automatic': False}

    @ddt.data(({}, '12345'), ({'servers': ('4', '2')}, '24'),
              ({'projects': ('odd',)}, '135'),
              ({'priority_at_most': 2}, '12'), ({'limit': 3}, '123'),
              ({'limit': 1, 'projects': ('even',)}, '2'),
              ({'servers': ('unheard of',)}, ''))
    @ddt.unpack
    def test_only_what_is_asked_for(self, request, expected):
        self._hint()
        self.assertEqual([], self.sent)
        self.assertEqual({'unknown': 5}, self._progress()['counts'])
        self._ask(**request)
        self.assertEqual(list(expected), self._ids())

    def test_what_is_right_does_not_use_up_the_limit(self):
        self._stamp('1', '2')
        self._ask(limit=2)
        self.assertEqual(['3', '4'], self._ids())

    def test_stamps_are_trusted(self):
        self._stamp()
        self._ask()
        self.assertEqual([], self.sent)
        self.assertTrue(self._progress()['done'])

    def test_stamps_are_not_trusted(self):
        self._stamp()
        self._ask(ignore_stamps=True, limit=2)
        self.assertEqual(['1', '2'], self._ids())
        self.assertEqual(2, self._progress()['unasked'])

    def test_it_is_tried_again(self):
        self._ask(servers=('2',))
        self._end(results.Outcome.FAILED, work=self.sent[0])
        self._later(5)
        self.assertEqual(['2'], self._ids())

    def test_once_it_is_done_nothing_is_asked_for(self):
        self._ask(servers=('2',))
        self._end(results.Outcome.RECOVERED, work=self.sent[0])
        self._stamp('2')
        self._later(1)
        self.member = fakes.member(active_backend_id='third')
        self._hint(target='third')
        self.assertEqual([], self.sent)

    def test_the_timer_recovers_nothing(self):
        self.every = [self._backend()]
        self._later(300)
        self.assertEqual([], self.sent)


class AutomaticTest(Base):
    """Requests beside what is done anyway."""

    def test_an_id_of_its_own(self):
        self._hint()
        made = self._ask(servers=('2',), failover_id=base.OTHER_ID)
        self.assertEqual(base.OTHER_ID, made)
        self.assertEqual(
            {'2': base.OTHER_ID}, {
                work.server_id: work.failover_id for work in self.sent
                if work.failover_id != fakes.FAILOVER_ID})

    def test_a_policy(self):
        self._ask(servers=('2',), policy='refresh')
        self.assertEqual({'2': 'refresh'}, {
            work.server_id: work.policy for work in self.sent
            if work.policy})

    def test_a_policy_for_who_has_opted_out(self):
        self.attachments = [fakes.attachment(server=fakes.server(
            policy=policies.Policy.NONE))]
        self._hint()
        self.assertEqual([], self.sent)
        self._ask(policy='reattach')
        self.assertEqual([('server', 'reattach')], [
            (work.server_id, work.policy) for work in self.sent])

    def test_a_round_is_over_only_when_its_request_has_begun(self):
        self.member = fakes.member(up=False)
        self._hint()
        made = self._ask()
        progress = self._progress()
        self.assertEqual(([], False),
                         (progress['begun'], progress['done']))
        self.member = fakes.member()
        self._later(5)
        self.assertEqual([made], self._progress()['begun'])


class TakeoverTest(base.CoordinatorTestCase):
    """Another engine has begun it."""

    def _recovered(self, started_at='2026-11-23T10:00:00'):
        self.attachments = [
            fakes.attachment(),
            fakes.attachment(server=fakes.server(id='done'),
                             stamp='second')]
        self.nova.recoveries.return_value = {'done': model.Recovery(
            'done', base.OTHER_ID,
            datetime.datetime.fromisoformat(started_at), None)}

    def test_its_id_goes_on(self):
        self._recovered()
        self._hint(failover_id=None)
        self.assertEqual([base.OTHER_ID],
                         [work.failover_id for work in self.sent])

    def test_it_is_looked_for_once(self):
        self._recovered()
        self.nova.recoveries.return_value = {}
        self._hint(failover_id=None)
        self._hint(failover_id=None)
        self.nova.recoveries.assert_called_once()

    def test_it_is_not_looked_for_when_all_is_well(self):
        self.attachments = [fakes.attachment(stamp='second')]
        self._hint(failover_id=None)
        self.nova.recoveries.assert_not_called()


class TwoBackendsTest(base.CoordinatorTestCase):
    """A site is lost: several backends fail over."""

    OTHER = 'other@rbd'

    def setUp(self):
        super().setUp()
        self.moving = fakes.member(host=self.OTHER,
                                   replication_status='failing-over')
        self.cinder.backend.side_effect = lambda name: (
            model.Backend(self.OTHER, (self.moving,))
            if name == self.OTHER else fakes.backend(self.member))
        self.cinder.volumes.side_effect = lambda backend, _on_page: (
            {'vol2': fakes.volume(id='vol2')}
            if backend.name == self.OTHER else self.volumes)
        self.attachments = [fakes.attachment(),
                            fakes.attachment(volume_id='vol2')]
        self.nova.attachments.side_effect = lambda ids: (
            [a for a in self.attachments if a.volume_id in ids], [])

    def test_a_server_waits_for_its_other_backend(self):
        self.attachments.append(
            fakes.attachment(server=fakes.server(id='web2')))
        self.reconciler.hint(self.OTHER, model.Hint(None, None))
        self._hint()
        self.assertEqual(['web2'], self._ids())
        self.moving = fakes.member(host=self.OTHER)
        self._later(60)
        self._later(60)
        self.assertIn('server', self._ids())

    def test_the_servers_of_the_other_are_known(self):
        self.reconciler.hint(self.OTHER, model.Hint(None, None))
        backends = self.reconciler._context.backends
        self.assertEqual({'server'}, backends.moving(fakes.BACKEND))
        self.assertEqual(set(), backends.moving(self.OTHER))
        for _ in range(14):
            self._later(5)
        # It is waited for, but not for ever.
        self.assertEqual(set(), backends.moving(fakes.BACKEND))

    def test_both_hear_of_a_result(self):
        self.moving = fakes.member(host=self.OTHER)
        self.reconciler.hint(self.OTHER, model.Hint(None, 'second'))
        self._hint()
        work = fakes.work()
        work = work_items.Work(
            work.server_id, work.host, work.cell, work.priority,
            (*work.parts, fakes.part(backend=self.OTHER)))
        self._end(results.Outcome.FAILED, 'no path', work=work)
        self.assertEqual(['no path', 'no path'], [
            self.reconciler.report(name)['servers']['server']['reason']
            for name in (fakes.BACKEND, self.OTHER)])

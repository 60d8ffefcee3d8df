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

"""The first servers are dispatched while the rest is being read."""

import ddt
import fixtures

from nova_failover_ext.api import exclusions
from nova_failover_ext.api import requests
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import driver_rules
from nova_failover_ext.engine.reconciler import head_start
from nova_failover_ext import exception
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.api import test_exclusions
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base


class HeadStartTestCase(base.CoordinatorTestCase):
    """A backend of three pages, each with a volume of a server of its own."""

    NAMES = ('one', 'two', 'three')

    def setUp(self):
        super().setUp()
        #: ids that were added and, as one list, those that replaced them
        self.dispatched = []
        self.pages = [{name: fakes.volume(id=name)} for name in self.NAMES]
        self.attachments = [self._attachment(name) for name in self.NAMES]
        #: what happens after each page, by the number of the page
        self.after = {}
        self.read = 0

    def _attachment(self, volume_id, server_id=None, **values):
        return fakes.attachment(
            volume_id=volume_id,
            server=fakes.server(id=server_id or volume_id, **values))

    def _volumes_named(self, _backend, ids):
        rows = {name: row for page in self.pages for name, row in page.items()}
        return {one: rows[one] for one in ids if one in rows}

    def _all_volumes(self, _backend, on_page):
        found = {}
        for number, page in enumerate(self.pages, start=1):
            self.read = number
            found.update(page)
            on_page(found)
            self.after.pop(self.read, lambda: None)()
        return found

    def _send(self, backend, works, expected=None, term=None):
        super()._send(backend, works, expected, term)
        if backend == fakes.BACKEND:
            self.dispatched.append((self.read, sorted(self._ids())))


@ddt.ddt
class HeadStartTest(HeadStartTestCase):
    """What is dispatched before all is read."""

    def test_as_pages_come(self):
        self._hint()
        self.assertEqual([(1, ['one']), (2, ['two']), (3, ['three']),
                          (3, sorted(self.NAMES))], self.dispatched)
        self.assertEqual({fakes.FAILOVER_ID},
                         {work.failover_id for work in self.sent})

    def test_a_lost_notification(self):
        """Nobody gives the failover an id; it has one all the same."""
        self.member = fakes.member(active_backend_id='third')
        self._hint(base.OTHER_ID, 'third')
        self.dispatched.clear()
        self.member = fakes.member()
        self.every = [self._backend()]
        self._later(300)
        self.assertEqual((1, ['one']), self.dispatched[1])
        self.assertEqual(1, len({work.failover_id for work in self.sent}
                                - {base.OTHER_ID}))

    def test_a_server_waits_for_all_its_volumes(self):
        self.attachments[2] = self._attachment('three', 'one')
        self._hint()
        self.assertEqual([(2, ['two']), (3, ['one']), (3, ['one', 'two'])],
                         self.dispatched)
        self.assertEqual({'one', 'three'}, set(self.sent[0].volumes))

    def test_a_server_with_a_volume_elsewhere_waits_for_the_end(self):
        self.attachments.append(self._attachment('elsewhere', 'one'))
        self._hint()
        self.assertEqual([(2, ['two']), (3, ['three']),
                          (3, sorted(self.NAMES))], self.dispatched)

    def test_a_late_row(self):
        self.pages[0]['one'] = fakes.volume(id='one',
                                            replication_status='enabled')
        self._hint()
        self.assertEqual([(2, ['two']), (3, ['three']),
                          (3, ['three', 'two'])], self.dispatched)

    @ddt.data({'stamp': 'second'}, {'attachment_id': None})
    def test_what_needs_nothing(self, values):
        self.attachments = [fakes.attachment(
            volume_id='one', server=fakes.server(id='one'), **values)]
        self.pages[0]['one'] = fakes.volume(id='one', status='available')
        self._hint()
        self.assertEqual([(3, [])], self.dispatched)

    def test_a_driver_that_a_refresh_does_not_heal(self):
        self.cinder.expectation.return_value = driver_rules.recognise(
            'NetApp', 'nfs')
        self._hint()
        self.assertEqual([(3, [])], self.dispatched)

    def test_who_comes_last_waits_for_the_end(self):
        self.attachments[0] = self._attachment(
            'one', metadata=(('failover:priority', '4'),))
        self.attachments[1] = self._attachment(
            'two', metadata=(('failover:priority', '1'),))
        self._hint()
        self.assertEqual([(2, ['two']), (3, ['three'])], self.dispatched[:-1])
        self.assertEqual(['two', 'three', 'one'], self._ids())

    def test_mappings_are_read_only_as_they_are_needed(self):
        self.dispatcher.counts.side_effect = lambda _backend: (
            (head_start.AHEAD * 16 if self.read == 2 else 0), 0)
        self._hint()
        self.assertEqual([(1, ['one']), (3, ['three', 'two'])],
                         self.dispatched[:-1])

    def test_how_many_there_are_is_told_once_all_is_read(self):
        self._hint()
        self.observer.all_found.assert_called_once_with(
            fakes.BACKEND, fakes.FAILOVER_ID, 3)
        self.observer.began.assert_called_once_with(
            fakes.BACKEND, fakes.FAILOVER_ID, 'second', 1)

    def test_nothing_has_converged_before_all_is_read(self):
        self._hint()
        seen = []
        self.attachments = [fakes.attachment(
            volume_id=name, stamp='second', server=fakes.server(id=name))
            for name in self.NAMES]
        self._hint()
        self.assertEqual({'converged': 3}, self._progress()['counts'])
        self.member = fakes.member(active_backend_id='third')

        def recovered():
            self._end(results.Outcome.RECOVERED, work=self.sent[0])
            seen.append(self._progress())
        self.after = {1: recovered}
        self._hint(base.OTHER_ID, 'third')
        progress, = seen
        self.assertEqual(({'converged': 1, 'unknown': 2}, False),
                         (progress['counts'], progress['done']))
        self.observer.converged.assert_called_once()


class UrgentTest(HeadStartTestCase):
    """Who comes before all others, wherever it is in the list."""

    def setUp(self):
        super().setUp()
        self.attachments = [
            self._attachment('one'), self._urgent('two', '2'),
            self._urgent('three', '1'), self._urgent('four', '1')]
        self.pages.append({'four': fakes.volume(id='four')})
        self.member = fakes.member(active_backend_id='',
                                   replication_status='enabled')
        moved = self.pages
        self.pages = [{name: fakes.volume(
            id=name, replication_status='enabled') for name in page}
            for page in self.pages]
        self._hint(target='')
        self.dispatched.clear()
        self.dispatcher.add.reset_mock()
        self.read = 0
        self.pages = moved
        self.member = fakes.member()

    def _urgent(self, name, priority):
        return self._attachment(
            name, metadata=(('failover:priority', priority),))

    def test_before_the_first_page(self):
        self._hint(base.OTHER_ID)
        # What waited for the primary is dropped.
        self.assertEqual([], self.dispatched[0][1])
        self.assertEqual([(1, ['four', 'three', 'two']), (1, ['one'])],
                         self.dispatched[1:3])
        (_name, works), _kwargs = self.dispatcher.add.call_args_list[0]
        self.assertEqual(['four', 'three', 'two'],
                         [work.server_id for work in works])

    def test_only_so_many_are_asked_about_one_by_one(self):
        self.useFixture(fixtures.MonkeyPatch(
            head_start.__name__ + '.URGENT_VOLUMES', 2))
        self._hint(base.OTHER_ID)
        (_backend, asked), _kwargs = self.cinder.volumes_named.call_args
        self.assertEqual(['four', 'three'], list(asked))

    def test_a_late_row(self):
        self.pages[2]['three'] = fakes.volume(
            id='three', replication_status='enabled')
        self._hint(base.OTHER_ID)
        self.assertEqual((1, ['four', 'two']), self.dispatched[1])

    def test_a_volume_that_has_gone_elsewhere(self):
        self.pages.pop()
        self._hint(base.OTHER_ID)
        self.assertEqual((1, ['three', 'two']), self.dispatched[1])

    def test_a_volume_elsewhere(self):
        self.attachments.append(fakes.attachment(
            volume_id='elsewhere', server=self.attachments[-1].server))
        self._hint(base.OTHER_ID)
        self.assertEqual((1, ['three', 'two']), self.dispatched[1])


@ddt.ddt
class NoHeadStartTest(HeadStartTestCase):
    """When all is read before anything is dispatched."""

    def _is_told_at_the_end(self):
        self.assertEqual([(3, sorted(self.NAMES))], self.dispatched)
        self.nova.attachments_within.assert_not_called()

    def test_nobody_knows_whether_somebody_has_begun(self):
        """An engine that has just started finds no notification."""
        self.every = [self._backend()]
        self.reconciler.lead()
        self._is_told_at_the_end()

    def test_a_request_of_an_operator(self):
        self.reconciler.recover(requests.Request(fakes.BACKEND))
        self._is_told_at_the_end()

    def test_a_request_that_comes_meanwhile(self):
        self.after = {1: lambda: self.reconciler.recover(
            requests.Request(fakes.BACKEND))}
        self._hint()
        self.assertEqual([(1, ['one']), (3, sorted(self.NAMES))],
                         self.dispatched[:2])

    def test_nothing_has_changed(self):
        self._hint()
        self.nova.attachments_within.reset_mock()
        self.dispatched.clear()
        self._hint(base.OTHER_ID)
        self._is_told_at_the_end()

    def test_a_cluster_is_known_by_another_name(self):
        first, self.read = self._backend, 0
        self.cinder.backend.side_effect = lambda name: model.Backend(
            'other@rbd', first().members)
        self._hint()
        self.nova.attachments_within.assert_called()
        for (backend, _works), _kwargs in self.dispatcher.add.call_args_list:
            self.assertEqual('other@rbd', backend)

    @ddt.data({'up': False}, {'replication_status': 'failing-over'},
              {'replication_status': 'failover-error'})
    def test_the_gate_is_closed(self, values):
        self.member = fakes.member(**values)
        self._hint()
        self.assertEqual([(3, [])], self.dispatched)
        self.nova.attachments_within.assert_not_called()


class ChangedTest(HeadStartTestCase):
    """Cinder's record changes while volumes are read."""

    def _becomes(self, **values):
        def change():
            self.now += 5
            self.member = fakes.member(**values)
        return change

    def test_another_failover(self):
        self.after = {1: self._becomes(active_backend_id='third')}
        self._hint()
        self._later(0)
        self.assertEqual([(1, ['one']), (2, [])], self.dispatched[:2])
        self.assertEqual({'third'},
                         {work.parts[0].target for work in self.sent})
        self.observer.superseded.assert_called_once()

    def test_the_failover_ends_while_its_begin_is_looked_at(self):
        self.member = fakes.member(replication_status='failing-over',
                                   active_backend_id=None)
        self.after = {1: self._becomes()}
        self._hint()
        self._later(0)
        self.assertEqual([(2, []), (1, ['one'])], self.dispatched[:2])

    def test_a_notification_has_the_record_looked_at_again(self):
        def change():
            self.member = fakes.member(active_backend_id='third')
            self._hint(base.OTHER_ID, 'third')
        self.after = {1: change}
        self._hint()
        self._later(0)
        self.assertEqual((2, []), self.dispatched[1])
        self.assertEqual({base.OTHER_ID},
                         {work.failover_id for work in self.sent})

    def test_its_service_goes_down(self):
        self.after = {1: self._becomes(up=False)}
        self._hint()
        self._later(0)
        self.assertEqual([(1, ['one']), (2, []), (3, []), (3, [])],
                         self.dispatched)

    def test_its_service_is_down_for_a_moment(self):
        self.after = {1: self._becomes(up=False), 2: self._becomes()}
        self._hint()
        self.assertEqual([(1, ['one']), (2, []), (3, ['three', 'two']),
                          (3, sorted(self.NAMES))], self.dispatched)

    def test_the_record_is_looked_at_now_and_then(self):
        self._hint()
        self.assertEqual(1, self.cinder.backend.call_count)

    def test_a_page_is_not_answered(self):
        def fail():
            raise exception.CinderUnavailable(reason='down')
        self.after = {1: fail}
        self._hint()
        self.assertFalse(self._progress()['done'])
        self._later(5)
        self.assertEqual([(1, ['one']), (1, ['one']), (2, ['two']),
                          (3, ['three']), (3, sorted(self.NAMES))],
                         self.dispatched)
        self.observer.converged.assert_not_called()


class ExcludedTest(HeadStartTestCase):
    """What operators have excluded is left alone from the first page on."""

    def _excluded(self):
        return exclusions.Exclusions((test_exclusions.exclusion(
            target='one'),))

    def test_excluded(self):
        self._hint()
        self.assertEqual([(2, ['two']), (3, ['three']),
                          (3, ['three', 'two'])], self.dispatched)


class BarrierTest(HeadStartTestCase):
    """Who is more urgent is known once all is read."""

    SETTINGS = {'barrier': True}

    def test_all_is_read_before(self):
        self._hint()
        self.assertEqual([(3, sorted(self.NAMES))], self.dispatched)


class TargetTest(HeadStartTestCase):
    """Who limits the first servers of a failover knows of it in time."""

    def _adopt(self, backend, target):
        self.dispatched.append((backend, target))

    def test_target(self):
        self._hint()
        self.assertEqual((fakes.BACKEND, 'second'), self.dispatched[0])

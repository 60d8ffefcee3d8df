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


"""Notifications are hints; the truth is looked at."""

import json
import pathlib

import cinder_failover_hooks
import fixtures

from nova_failover_ext.api import requests
from nova_failover_ext.engine.listener import notification_endpoint
from nova_failover_ext.engine import model
from nova_failover_ext.engine.reconciler import backend_state
from nova_failover_ext.engine.reconciler import known_backends
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base

SAMPLES = (pathlib.Path(cinder_failover_hooks.__file__).parents[1]
           / 'doc' / 'notification_samples')


class HintTest(base.CoordinatorTestCase):
    """Notifications."""

    def test_the_truth_is_dispatched(self):
        self._hint()
        self.assertEqual([fakes.work()], self.sent)

    def test_a_failover_right_after_a_long_look(self):
        """The rest after the look does not hold it up."""
        def volumes(_backend, _on_page):
            self.now += 2
            return self.volumes
        self.cinder.volumes.side_effect = volumes
        self.attachments = [fakes.attachment(stamp='second')]
        self._hint()
        self.assertEqual([], self.sent)
        self.member = fakes.member(active_backend_id='third')
        self._hint(base.OTHER_ID, 'third')
        self.assertEqual(['third'], [work.parts[0].target
                                     for work in self.sent])

    def test_what_tells_of_no_failover_takes_no_id_away(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.assertEqual(fakes.FAILOVER_ID, known_backends.announced(
            fakes.BACKEND, 'second', [
                model.Hint(fakes.FAILOVER_ID, 'second'),
                model.Hint(None, 'second'), model.Hint(None, None)]))
        self.assertEqual('', log.output)

    def test_forged_target(self):
        self._hint(target='elsewhere')
        work = self.sent[0]
        self.assertEqual('second', work.parts[0].target)
        self.assertNotEqual(fakes.FAILOVER_ID, work.failover_id)
        self.assertTrue(backend_state.valid_failover_id(work.failover_id))

    def test_forged_for_a_healthy_backend(self):
        self.attachments = [fakes.attachment(stamp='second')]
        self._hint(target='elsewhere')
        self.assertEqual([], self.sent)

    def test_a_service_that_starts_on_the_primary_has_moved_nothing(self):
        self.member = fakes.member(active_backend_id='',
                                   replication_status='enabled')
        self.volumes = {'vol': fakes.volume(replication_status='enabled')}
        payload = json.loads((SAMPLES / 'backend-announce.json').read_text())[
            'payload']
        payload['failover_object.data'].update(
            backend=fakes.BACKEND, new_active_backend_id='',
            replication_status='enabled')
        endpoint = notification_endpoint.Endpoint(self.reconciler)
        endpoint.info({}, 'volume.x', 'backend.announce', payload, {})
        self.assertEqual(1, self._full_scan())
        self.assertFalse(self.sent)

    def test_late_after_failback(self):
        self.member = fakes.member(active_backend_id='',
                                   replication_status='enabled')
        self.volumes = {'vol': fakes.volume(replication_status='enabled')}
        self.attachments = [fakes.attachment(stamp='')]
        self._hint()
        self.assertEqual([], self.sent)

    def test_duplicate(self):
        self._hint()
        self.dispatcher.in_flight.return_value = {'server'}
        self._hint(failover_id=base.OTHER_ID)
        self.assertEqual([], self.sent)
        self.dispatcher.in_flight.return_value = set()
        self._hint(failover_id=base.OTHER_ID)
        self.assertEqual(fakes.FAILOVER_ID,
                         self.sent[0].failover_id)

    def test_group_has_failed_over_without_its_backend(self):
        self.member = fakes.member(active_backend_id='',
                                   replication_status='enabled')
        self.volumes = {'vol': fakes.volume(group_id='alpha')}
        self._hint(base.OTHER_ID, group_id='alpha')
        self.assertEqual([fakes.work(
            failover_id=base.OTHER_ID, target='',
            volumes=(('vol', 'group failed-over'),))], self.sent)

    def test_group_has_failed_over_once_more(self):
        """Of that, Cinder's records say nothing."""
        self.member = fakes.member(active_backend_id='',
                                   replication_status='enabled')
        self.volumes = {'vol': fakes.volume(group_id='alpha'),
                        'other': fakes.volume(
                            id='other', replication_status='enabled')}
        self.attachments = [
            fakes.attachment(stamp='group failed-over'),
            fakes.attachment(stamp='', volume_id='other',
                             server=fakes.server(id='beside'))]
        self._hint(target='')
        self.assertEqual([], self.sent)
        self._hint(base.OTHER_ID, group_id='alpha')
        work, = self.sent
        self.assertEqual(('server', base.OTHER_ID),
                         (work.server_id, work.failover_id))

    def test_groups_that_fail_over_together(self):
        self.member = fakes.member(replication_status='failing-over')
        self.volumes = {
            'vol': fakes.volume(group_id='alpha'),
            'other': fakes.volume(id='other', group_id='beta')}
        self.attachments = [
            fakes.attachment(stamp='second'),
            fakes.attachment(stamp='second', volume_id='other',
                             server=fakes.server(id='beside'))]
        self._hint(fakes.FAILOVER_ID, group_id='alpha')
        self._hint(base.OTHER_ID, group_id='beta')
        self.member = fakes.member()
        self._later(999)
        self.assertEqual({'server', 'beside'},
                         {work.server_id for work in self.sent})

    def test_unknown_backend_is_forgotten(self):
        self.cinder.backend.side_effect = exception.BackendNotFound(
            backend='x', known='y')
        self._hint()
        self._later(999)
        self.assertEqual([], self.sent)
        self.assertEqual(1, self.cinder.backend.call_count)
        self.assertEqual({}, self.reconciler.progress([]))

    def test_the_primary_may_be_announced_as_none(self):
        self.member = fakes.member(active_backend_id=None,
                                   replication_status='enabled')
        self.volumes = {'vol': fakes.volume(replication_status='enabled')}
        self._hint(target=None)
        self.assertEqual(
            fakes.work(target='', volumes=(('vol', ''),)),
            self.sent[0])


class ClusterTest(base.CoordinatorTestCase):
    """A backend that is known by several names."""

    def setUp(self):
        super().setUp()
        self.first = fakes.member(cluster='pair@rbd')
        self.second = fakes.member(host='other@rbd', cluster='pair@rbd')

    def _backend(self):
        return fakes.backend(self.first, self.second)

    def _hint_by(self, name):
        self.reconciler.hint(name, model.Hint(
            fakes.FAILOVER_ID, 'second'))
        self.reconciler.tick()

    def test_told_by_another_member(self):
        self._hint_by('other@rbd')
        self.assertEqual([fakes.work()], self.sent)
        self.assertEqual([fakes.BACKEND],
                         sorted(self.reconciler.progress([])))

    def test_known_by_then(self):
        self._hint_by('other@rbd')
        looks = self._full_scan()
        self._hint_by('other@rbd')
        self.assertEqual(looks + 1, self._full_scan())

    def test_asked_for_by_the_name_of_the_cluster(self):
        chosen = self.reconciler.recover(requests.Request(
            'pair@rbd', failover_id=base.OTHER_ID))
        self.reconciler.tick()
        self.assertEqual(base.OTHER_ID, chosen)
        self.assertEqual([fakes.work(failover_id=base.OTHER_ID)],
                         self.sent)
        self.assertEqual([base.OTHER_ID],
                         self.reconciler.report('pair@rbd')['begun'])

    def test_the_first_member_goes(self):
        self._hint_by('other@rbd')
        self.cinder.backend.side_effect = exception.BackendNotFound(
            backend='x', known='y')
        self._hint_by('other@rbd')
        self.cinder.backend.side_effect = lambda name: model.Backend(
            'other@rbd', (self.second,))
        self._hint_by('other@rbd')
        self.assertEqual(['other@rbd'], sorted(self.reconciler.progress([])))

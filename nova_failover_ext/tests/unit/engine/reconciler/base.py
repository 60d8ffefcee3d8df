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


"""A coordinator over fake records, with a clock that the test moves."""

from typing import Any
from unittest import mock

import futurist
import testtools

from nova_failover_ext.api import exclusions
from nova_failover_ext.api import load
from nova_failover_ext.engine.dispatcher import backoff
from nova_failover_ext.engine.dispatcher import compute_client
from nova_failover_ext.engine.dispatcher import dispatcher
from nova_failover_ext.engine.dispatcher import host_health
from nova_failover_ext.engine.inventory import cinder_reader
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine import model
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine.planner import driver_rules
from nova_failover_ext.engine.reconciler import reconciler
from nova_failover_ext.engine.reconciler import settings
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes

OTHER_ID = 'req-1b0f1a0e-2f2a-4b0e-a3e8-3b1f9e0d5c22'


class CoordinatorTestCase(testtools.TestCase):
    """What is dispatched is kept, and nothing runs."""

    SETTINGS: dict[str, Any] = {}

    def setUp(self):
        super().setUp()
        self.now = 100.0
        self.member = fakes.member()
        self.volumes = {'vol': fakes.volume()}
        self.attachments = [fakes.attachment()]
        self.problems = []
        #: what the timer finds; nothing, so that it stays out of the way
        self.every = []
        self.sent = None
        self.executor = futurist.SynchronousExecutor()
        self.cinder = self._make_cinder()
        self.nova = self._make_nova()
        self.observer = mock.create_autospec(observers.Observer, instance=True)
        self.hosts = host_health.HostHealth(10.0, lambda: self.now)
        self.dispatcher = self._make_dispatcher()
        self.client = mock.create_autospec(compute_client.ComputeClient,
                                           instance=True)
        waits = mock.create_autospec(backoff.Backoff, instance=True)
        waits.seconds.side_effect = lambda count: 5.0 * count
        self.reconciler = reconciler.Reconciler(
            self.cinder, self.nova, self.executor, waits,
            settings.Settings(**{
                'attempts': 2, 'gate_timeout': 60.0,
                'reconcile_interval': 300.0, **self.SETTINGS}),
            self.hosts, self.observer, lambda: self.now, self._excluded,
            self._adopt)
        self.reconciler.use(self.dispatcher, self.client, self._askers())
        self.reconciler.lead()

    def _excluded(self):
        return exclusions.Exclusions()

    def _adopt(self, backend, target):
        """Hear of the target of a backend."""

    def _askers(self):
        return self.executor

    def _make_cinder(self):
        made = mock.create_autospec(cinder_reader.CinderReader, instance=True)
        made.spent = {}
        made.backends.side_effect = lambda: self.every
        made.backend.side_effect = lambda name: self._backend()
        made.volumes.side_effect = self._all_volumes
        made.volumes_named.side_effect = self._volumes_named
        made.expectation.return_value = driver_rules.UNKNOWN
        return made

    def _all_volumes(self, _backend, on_page):
        on_page(self.volumes)
        return self.volumes

    def _volumes_named(self, _backend, ids):
        return {one: self.volumes[one] for one in ids if one in self.volumes}

    def _make_nova(self):
        made = mock.create_autospec(nova_reader.NovaReader, instance=True)
        made.spent = {}
        made.attachments.side_effect = self._all_attachments
        made.attachments_within.side_effect = self._attachments_within
        made.attachments_of_priorities.side_effect = self._of_priorities
        made.attachments_of.side_effect = self._attachments_of
        made.recoveries.return_value = {}
        made.hosts_up.return_value = {}
        return made

    def _all_attachments(self, volume_ids):
        return [a for a in self.attachments
                if a.volume_id in volume_ids], self.problems

    def _attachments_within(self, volume_ids, known):
        chosen = ({a.server.id for a in self.attachments
                   if a.volume_id in volume_ids}
                  - {a.server.id for a in self.attachments
                     if a.volume_id not in known})
        return [a for a in self.attachments
                if a.server.id in chosen], self.problems

    def _of_priorities(self, values, known):
        return [a for a in self._attachments_within(known, known)[0]
                if dict(a.server.metadata).get('failover:priority')
                in values], self.problems

    def _attachments_of(self, servers, volume_ids):
        wanted = {server_id for _cell, server_id in servers}
        found, problems = self._all_attachments(volume_ids)
        return [a for a in found if a.server.id in wanted], problems

    def _make_dispatcher(self):
        made = mock.create_autospec(dispatcher.Dispatcher, instance=True)
        made.in_flight.return_value = set()
        made.waiting.return_value = set()
        made.awaited.return_value = set()
        made.counts.return_value = (0, 0)
        made.limit.return_value = 16
        made.replace.side_effect = self._send
        made.add.side_effect = self._send
        return made

    def _send(self, backend, works, expected=None, term=None):
        self.sent, self.expected = list(works), expected

    def _backend(self):
        return fakes.backend(self.member)

    def _hint(self, failover_id=fakes.FAILOVER_ID, target='second',
              group_id=None):
        self.reconciler.hint(fakes.BACKEND, model.Hint(
            failover_id, target, group_id))

    def _later(self, seconds):
        self.now += seconds
        self.reconciler.tick()

    def _end(self, outcome, reason='why', work=None):
        work = work or fakes.work()
        result = results.ServerResult(work.server_id, outcome, reason)
        for part in work.parts:
            self.reconciler.done(part, work, result, load.Load())

    def _report(self):
        return self.reconciler.report(fakes.BACKEND)

    def _progress(self):
        return self.reconciler.progress([fakes.BACKEND])[fakes.BACKEND]

    def _ids(self):
        return [work.server_id for work in self.sent]

    def _full_scan(self):
        return self.cinder.volumes.call_count

    def _small_looks(self):
        return self.nova.attachments_of.call_count

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


"""The coordinator over a real dispatcher, at thousands of servers."""

import collections
import dataclasses

from nova_failover_ext.api import load
from nova_failover_ext.engine.dispatcher import dispatcher
from nova_failover_ext.engine.dispatcher import throttle
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base

#: Every so many fail when they are asked for the first time.
FAILING = 50


class LazyExecutor:
    """Runs what was submitted when the test says so."""

    def __init__(self):
        self.jobs = collections.deque()

    def submit(self, call, *args):
        self.jobs.append((call, args))

    def run(self):
        for _ in range(len(self.jobs)):
            call, args = self.jobs.popleft()
            call(*args)


class Base(base.CoordinatorTestCase):
    """Servers that are healed by being asked about."""

    SETTINGS = {'attempts': 20}
    SERVERS = 500
    SLOTS = 50

    def setUp(self):
        super().setUp()
        self.asked = collections.Counter()
        self.servers = {str(number): fakes.server(
            id=str(number), host='compute%d' % (number % 100))
            for number in range(self.SERVERS)}
        self.volumes = {name: fakes.volume(id=name) for name in self.servers}
        self.world = {name: fakes.attachment(server=server, volume_id=name)
                      for name, server in self.servers.items()}
        self.nova.attachments.side_effect = lambda ids: (
            list(self.world.values()), [])
        self.nova.attachments_of.side_effect = lambda servers, ids: (
            [self.world[server_id] for _cell, server_id in servers], [])

    def _make_dispatcher(self):
        self.calls = LazyExecutor()
        return dispatcher.Dispatcher(
            work_items.Caps(self.SLOTS, self.SLOTS, 4), self._recover,
            lambda *args: self.reconciler.done(*args), self.calls,
            throttle.Limits(self.SLOTS, clock=lambda: self.now), self.hosts,
            self.observer, lambda: self.now)

    def _recover(self, work):
        name = work.server_id
        self.asked[name] += 1
        outcome = results.Outcome.FAILED
        if int(name) % FAILING or self.asked[name] > 1:
            outcome = results.Outcome.RECOVERED
            self.world[name] = dataclasses.replace(
                self.world[name], stamp='second')
        return results.ServerResult(name, outcome, ''), load.Load(3, 0.3, 0.1)

    def _step(self):
        self.calls.run()
        self._later(1)


class ThousandsTest(Base):
    """A whole failover, on a clock that the test moves."""

    SERVERS = 5000
    SLOTS = 200

    def test_whole_looks_are_few(self):
        self._hint()
        steps = 0
        while not self._progress()['done'] and steps < 300:
            self._step()
            steps += 1
        self.assertEqual({'converged': self.SERVERS},
                         self._progress()['counts'])
        self.assertLessEqual(self._full_scan(), 3)
        # A glance takes five seconds' place, beside those of whole looks.
        self.assertLessEqual(self.cinder.backend.call_count, steps / 5 + 4)
        self.assertLessEqual(self._small_looks(), steps)
        self.assertEqual({1: self.SERVERS - self.SERVERS // FAILING,
                          2: self.SERVERS // FAILING},
                         collections.Counter(self.asked.values()))
        self.observer.began.assert_called_once_with(
            fakes.BACKEND, fakes.FAILOVER_ID, 'second', self.SERVERS)
        self.observer.converged.assert_called_once()
        self.observer.retries_exhausted.assert_not_called()


class HundredsTest(Base):
    """What cuts a failover off."""

    def test_nothing_starts_after_another_leads(self):
        self._hint()
        self._step()
        self.reconciler.follow()
        self.calls.run()
        before = len(self.asked)
        for _ in range(20):
            self._step()
            self._hint()
        self.assertEqual(before, len(self.asked))
        self.assertEqual((0, 0), self.dispatcher.counts(fakes.BACKEND))
        self.assertEqual(1, self._full_scan())

    def test_what_is_left_is_done_once_this_one_leads_again(self):
        self._hint()
        self._step()
        self.reconciler.follow()
        self.calls.run()
        self.every = [self._backend()]
        self.reconciler.lead()
        for _ in range(60):
            self._step()
        self.assertEqual({'converged': self.SERVERS},
                         self._progress()['counts'])
        self.assertEqual(2, max(self.asked.values()))

    def test_what_waits_never_starts_once_it_is_superseded(self):
        self._hint()
        self._step()
        before = len(self.asked)
        self.member = fakes.member(replication_status='failing-over')
        for _ in range(10):
            self._step()
        # Those that were sent before the next glance.
        self.assertLess(len(self.asked), before + 6 * self.SLOTS)
        started = len(self.asked)
        for _ in range(20):
            self._step()
        self.assertEqual(started, len(self.asked))
        self.observer.superseded.assert_called_once()

    def test_how_far_it_is_costs_nothing(self):
        self._hint()
        self._step()
        progress = self._progress()
        self.assertEqual(
            (self.SLOTS, self.SLOTS, False), (progress['in_flight'],
                                              progress['counts']['recovering'],
                                              progress['done']))
        self.assertEqual(self.SERVERS, sum(progress['counts'].values()))
        self.assertEqual(progress['waiting'], progress['counts']['waiting'])

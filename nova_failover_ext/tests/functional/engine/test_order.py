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


"""Who comes first, and how many at a time."""

import collections

from nova_failover_ext.tests.functional.engine import base


class Order(base.EngineTestBase):
    """One at a time."""

    OPTIONS = {'max_in_flight': 1}

    def test_the_most_urgent_first(self):
        priorities = (4, 2, 5, 1, 3)
        servers = self.boot_many(
            ('compute1', 'compute2', 'compute3', 'compute1', 'compute3'),
            priorities)
        self.cinder.site = 'secondary'
        self.start_engine()
        self.wait_until_healed(*servers)
        by_priority = dict(zip(priorities, servers, strict=True))
        self.assertEqual(
            [self.volumes_of(by_priority[number])[0]
             for number in (1, 2, 3, 4, 5)], self.questions())


class Barrier(base.EngineTestBase):
    """The option; there are slots for all."""

    OPTIONS = {'priority_barrier': True}

    def test_a_group_waits_for_the_one_before(self):
        first, paused, last = self.boot_many(
            ('compute1', 'compute2', 'compute3'), (1, 1, 3))
        self.api.post_server_action(paused['id'], {'pause': {}})
        self.wait_for_all([paused], 'PAUSED')
        self.cinder.site = 'secondary'
        held = self.hold()
        self.start_engine()
        self.wait_for(lambda: len(self.under_way()) == 1, 'one at work')
        found = self.wait_for(
            lambda: (lambda found: found['awaited'] and found)(
                self.status()), 'what is waited for')
        self.assertEqual(([first['id']], [last['id']]),
                         (found['awaited'], found['waiting']))
        held.release()
        # What is deferred holds up nobody.
        self.wait_until_healed(first, last)
        self.assertEqual([first['id'], last['id']],
                         [sent.server_id for sent in self.sent])
        self.assertEqual([], self.status()['awaited'])
        self.assertFalse(self.is_healed(paused))


class Caps(base.EngineTestBase):
    """Several at a time."""

    OPTIONS = {'max_in_flight': 4, 'max_in_flight_per_backend': 3,
               'max_in_flight_per_host': 2}

    def _second(self, *hosts):
        """Boot servers with a volume of another backend."""
        return self.wait_for_all([
            self.create(self.data(self.cinder.volume(backend='second')),
                        host=host) for host in hosts], 'ACTIVE')

    def _most(self, key):
        """Return how many calls with the same key were under way at once."""
        return max(collections.Counter(map(key, sent.beside)).most_common(
            1)[0][1] for sent in self.sent)

    def test_caps_hold(self):
        servers = self.boot_many(
            ('compute1', 'compute1', 'compute1', 'compute2', 'compute3'))
        servers += self._second('compute2', 'compute3', 'compute3')
        self.cinder.site = 'secondary'
        self.cinder.cinder.fail_over('secondary', base.SECOND)
        held = self.hold(times=float('inf'))
        self.start_engine()
        self.wait_for(lambda: len(self.under_way()) == 4, 'four at work')
        held.release()
        self.wait_until_healed(*servers)
        self.assertEqual(4, self._most(lambda sent: 'any'))
        self.assertGreaterEqual(2, self._most(lambda sent: sent.host))
        self.assertGreaterEqual(3, self._most(
            lambda sent: self.cinder.cinder.kind(sent.volumes[0]).backend))

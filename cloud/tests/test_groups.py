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

"""A replication group fails over, and the rest of its backend does not."""

from cloud.scenario import facts
from cloud.scenario import groups
from cloud.tests import base


class GroupTest(base.OwnServersTestCase):
    """Only servers with volumes of the group are touched."""

    def setUp(self) -> None:
        """Make two servers with volumes of a group, and one without."""
        super().setUp()
        self.group = groups.Group(self.world, 'alpha')
        self.group.make()
        self.make(
            lambda: self.cast.make_one('hot', group=self.group.id),
            lambda: self.cast.make_one('boot', group=self.group.id,
                                       boot=True),
            lambda: self.cast.make_one('beside', boot=True))
        self.group.replicate()

    def test_group(self) -> None:
        """Over and back, with the primary alive."""
        before = self.snapshot()
        beside = self.part(before, 'beside')
        for target, site, status in (
                ('secondary', 'secondary', 'failed-over'),
                ('default', 'primary', 'enabled')):
            earlier = self.recoveries()
            failover = self.group.request_failover(target)
            self.group.wait(status)
            for key in ('hot', 'boot'):
                for case, was in self.part(before, key).items():
                    self.wait_case_healed(case, was, site)
            self.assertEqual([], self.disturbed(beside))
            self.assertEqual(
                {'hot': {site}, 'boot': {site}, 'beside': {'primary'}},
                {key: self.places(key) for key in self.cast.servers})
            self.assertEqual('', self.world.backend()['active_backend_id']
                             or '')
            self.assertEqual(
                {'hot': [failover], 'boot': [failover], 'beside': []},
                self.since(earlier))
        self.assert_calm(self.snapshot())

    def places(self, key: str) -> set[str]:
        """The sites from which the volumes of a server are replicated.

        :param key: what the server is called
        """
        return {self.world.sites.folders.active_site(f'volume-{case.volume}')
                for case in self.cast.of(key)}

    def part(self, known: dict[facts.Case, facts.Facts],
             key: str) -> dict[facts.Case, facts.Facts]:
        """The facts of one server.

        :param known: the facts of all
        :param key: what the server is called
        """
        return {case: seen for case, seen in known.items()
                if case.key == key}

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
"""The secondary cannot be reached when the recovery starts."""

from cloud.scenario import play
from cloud.tests import base
from cloud import waiting


class UnreachableTest(base.CloudTestCase):
    """Guests stay as they are, the reason is told, and it ends by itself."""

    core = True
    plugin = True

    def test_secondary_unreachable(self) -> None:
        """Both sites are lost; the secondary returns later."""
        start = self.snapshot()
        for site in ('primary', 'secondary'):
            self.world.sites.switch(site, 'lost')
        waiting.wait_for('the guests to notice', self.all_dead, 120)
        dead = self.snapshot()
        failover = self.world.failover('secondary')
        waiting.wait_for('a reason in the status', self.reasons, 180, 1)
        self.assert_reason_in_actions(failover)
        self.assertEqual([], play.calm(20, lambda: self.lasting(dead)))
        self.world.sites.switch('secondary', 'up')
        self.assert_recovers('secondary', start)

    def lasting(self, since: dict) -> list[str]:
        """What is not as it was, and stays so.

        Each try has Cinder asked, and the attachment is attaching for a
        moment.

        :param since: the facts which must not change
        """
        found = self.disturbed(since)
        for _look in range(2):
            if found:
                found = [line for line in self.disturbed(since)
                         if line in found]
        return found

    def all_dead(self) -> bool:
        """Whether every guest reads errors."""
        return all(self.cast.look(case).site == 'EIO'
                   for case in self.stage.affected())

    def reasons(self) -> bool:
        """Whether the status gives a reason for each server."""
        servers = {case.server for case in self.stage.affected()}
        rows = [row for row in self.status() if row['Server'] in servers]
        return len(rows) == len(servers) and all(
            row['State'] != 'converged' and 'reach' in row['Reason'].lower()
            for row in rows)

    def assert_reason_in_actions(self, failover: str) -> None:
        """The reason is in the instance action, which the owner sees too.

        By Nova's policy the details of an event are for administrators.
        """
        for case in self.stage.affected():
            self.action(case.project, case.server, failover)
            event = self.action('admin', case.server, failover).events[0]
            self.assertIn('reach', event['details'])

    def action(self, who: str, server: str, failover: str):
        """The instance action of a failover.

        :param who: a tenant, or ``admin``
        :param server: id of the server
        :param failover: id of the failover
        :returns: the action
        """
        mine = [action for action in self.world.recoveries(who, server)
                if action.request_id == failover]
        self.assertEqual(1, len(mine), server)
        return mine[0]

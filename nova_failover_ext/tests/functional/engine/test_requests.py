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


"""An engine that does what it is asked for, and nothing else."""

from nova_failover_ext.tests.functional.engine import base


class NotAutomatic(base.EngineTestBase):
    """The operator decides who is recovered, and when."""

    OPTIONS = {'automatic': 'false'}

    def test_limit_and_priority(self):
        urgent, second, third, never = self.boot_many(
            ('compute1', 'compute2', 'compute3', 'compute1'), (1, 2, 2, 4))
        self.cinder.site = 'secondary'
        self.start_engine()
        # It has looked, and let all be.
        self.wait_for(lambda: self.progress()['last_checked'], 'a look')
        self.assertEqual([], self.sent)
        self.ask(limit=1)
        self.wait_until_healed(urgent)
        self.wait_until_idle()
        self.assertEqual({urgent['id']},
                         {sent.server_id for sent in self.sent})
        self.ask(priority_at_most=2)
        self.wait_until_healed(second, third)
        self.wait_until_idle()
        self.assertEqual([], self.outcomes(never))
        self.ask()
        self.wait_until_healed(never)

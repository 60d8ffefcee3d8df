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

"""Who chooses a server's policy."""

import ddt
from oslotest import base

from nova_failover_ext.recovery import policy

Policy = policy.Policy


@ddt.ddt
class PolicyOf(base.BaseTestCase):

    @ddt.data(
        ({}, 'reattach', True, Policy.REATTACH),
        ({'failover:policy': 'none'}, 'reattach', True, Policy.NONE),
        ({'failover:policy': ' Power-Cycle '}, 'none', True,
         Policy.POWER_CYCLE),
        ({'failover:policy': 'rubbish'}, 'detach', True, Policy.DETACH),
        ({'failover:policy': 'none'}, 'refresh', False, Policy.REFRESH),
    )
    @ddt.unpack
    def test_row(self, metadata, default, use_metadata, expected):
        self.assertEqual(expected, policy.policy_of(
            metadata, default, use_metadata))

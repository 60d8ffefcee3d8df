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

import ddt
from oslotest import base

from nova_failover_ext.api import requests
from nova_failover_ext.engine.planner import filters
from nova_failover_ext.tests.unit.engine import fakes


@ddt.ddt
class AdmitsTest(base.BaseTestCase):

    @ddt.data(({}, True), ({'projects': ('p',)}, True),
              ({'projects': ('q',)}, False), ({'servers': ('server',)}, True),
              ({'servers': ('x',)}, False), ({'priority_at_most': 3}, True),
              ({'priority_at_most': 2}, False))
    @ddt.unpack
    def test_admits(self, values, expected):
        request = requests.Request('node@rbd', **values)
        self.assertEqual(expected, filters.admits(
            request, fakes.server(), 3))

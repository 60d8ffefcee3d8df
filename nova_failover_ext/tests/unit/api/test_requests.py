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
import testtools

from nova_failover_ext.api import requests


@ddt.ddt
class RequestTest(testtools.TestCase):
    """What an operator asks for."""

    def test_it_survives_the_bus(self):
        request = requests.Request(
            'node@rbd', ('p',), ('s',), True, 'refresh', 2, 7, 'req-f')
        primitive = {**request.to_primitive(), 'newer': 1}
        self.assertEqual(request, requests.Request.from_primitive(primitive))

    @ddt.data({}, {'backend': 'b', 'policy': 'nonsense'},
              {'backend': 'b', 'priority_at_most': 0},
              {'backend': 'b', 'priority_at_most': 6},
              {'backend': 'b', 'limit': 0})
    def test_nonsense(self, primitive):
        self.assertRaises(ValueError, requests.Request.from_primitive,
                          primitive)

    @ddt.data(({}, True), ({'limit': 1}, False), ({'servers': ('s',)}, False),
              ({'projects': ('p',)}, False), ({'priority_at_most': 4}, False),
              ({'ignore_stamps': True}, True))
    @ddt.unpack
    def test_whole(self, values, expected):
        self.assertEqual(expected,
                         requests.Request('node@rbd', **values).whole)

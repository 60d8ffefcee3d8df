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

"""No secret of connection_info survives in a text."""

import ddt
from oslotest import base

from nova_failover_ext.recovery import masking

CANARY = 'c4n4ry-\'"-value'
INFO = {'driver_volume_type': 'iscsi', 'serial': 'volume', 'data': {
    'auth_password': CANARY, 'discovery_auth_password': 'other-canary',
    'target_iqn': 'iqn.a', 'nested': {'keyring': 'ring-canary'}}}


class Scrub(base.BaseTestCase):

    def test_values_are_masked_wherever_they_stand(self):
        text = f'login failed with {CANARY}, other-canary and ring-canary'
        self.assertEqual('login failed with ***, *** and ***',
                         masking.scrub(text, INFO))

    def test_what_is_no_secret_stays(self):
        self.assertEqual('iqn.a volume', masking.scrub('iqn.a volume', INFO))

    def test_names_of_a_ceph_secret_are_none(self):
        info = {'data': {'secret_type': 'ceph', 'secret_uuid': '47-11'}}
        self.assertEqual('ceph 47-11', masking.scrub('ceph 47-11', info))

    def test_secret_of_a_connection_that_is_left(self):
        info = {'left': [{'data': {'auth_password': 'canary'}}]}
        self.assertEqual('a *** b', masking.scrub('a canary b', info))

    def test_without_connection_info(self):
        self.assertNotIn('hush', masking.scrub("{'auth_password': 'hush'}"))

    def test_none(self):
        self.assertEqual('text', masking.scrub('text', None, {}))


@ddt.ddt
class FirstLine(base.BaseTestCase):

    @ddt.data(('gone.\n[SQL: CANARY]', 'gone'), ('', 'ValueError'),
              ("no way: password='CANARY'", "no way: password='***'"))
    @ddt.unpack
    def test_first_line(self, text, expected):
        self.assertEqual(expected, masking.first_line(ValueError(text)))

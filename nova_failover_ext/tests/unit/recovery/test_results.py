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

"""Results survive the bus, also from a newer sender."""

from oslo_serialization import jsonutils
from oslotest import base

from nova_failover_ext.recovery import results

RESULT = results.ServerResult(
    'server', results.Outcome.RECOVERED, 'why', True, 1.5,
    (results.VolumeResult('volume', results.Outcome.UNCHANGED, 'because',
                          'attachment', '/dev/vda', True),))


class ServerResult(base.BaseTestCase):

    def test_round_trip(self):
        wire = jsonutils.loads(jsonutils.dumps(RESULT.to_primitive()))
        self.assertEqual(RESULT, results.ServerResult.from_primitive(wire))

    def test_unknown_keys_of_a_newer_sender(self):
        wire = dict(RESULT.to_primitive(), new='x')
        wire['volumes'][0]['new'] = 'y'
        self.assertEqual(RESULT, results.ServerResult.from_primitive(wire))

    def test_unknown_outcome(self):
        wire = dict(RESULT.to_primitive(), outcome='odd')
        self.assertRaises(
            ValueError, results.ServerResult.from_primitive, wire)

    def test_summary(self):
        self.assertEqual('recovered after 1.5 s, with a power cycle: why',
                         RESULT.summary)
        self.assertEqual('unchanged after 0.0 s', results.ServerResult(
            'server', results.Outcome.UNCHANGED).summary)

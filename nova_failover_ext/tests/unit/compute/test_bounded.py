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

"""A call that hangs is given up in time."""

import threading

from oslotest import base

from nova_failover_ext.compute import bounded


class Call(base.BaseTestCase):

    def test_result(self):
        self.assertEqual(3, bounded.call(max, 5, 1, 3))

    def test_error(self):
        self.assertRaises(ZeroDivisionError, bounded.call, divmod, 5, 1, 0)

    def test_hung_call_does_not_hold_up_the_next(self):
        release = threading.Event()
        self.addCleanup(release.set)
        self.assertRaises(bounded.TimedOut, bounded.call, release.wait, 0.01)
        self.assertEqual(1, bounded.call(abs, 5, -1))

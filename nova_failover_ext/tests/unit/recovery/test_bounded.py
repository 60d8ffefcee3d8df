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

from nova_failover_ext.recovery import bounded


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


class Calls(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.calls = bounded.Calls()
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)

    def test_result(self):
        self.assertEqual(3, self.calls.call('key', max, 5, 1, 3))
        self.assertFalse(self.calls.hangs('key'))

    def test_no_second_call_while_the_first_hangs(self):
        self.assertRaises(bounded.TimedOut, self.calls.call, 'key',
                          self.gate.wait, 0.01)
        self.assertTrue(self.calls.hangs('key'))
        error = self.assertRaises(bounded.TimedOut, self.calls.call, 'key',
                                  self.fail, 5)
        self.assertIn('still hangs', str(error))

    def test_other_keys_go_on(self):
        self.assertRaises(bounded.TimedOut, self.calls.call, 'key',
                          self.gate.wait, 0.01)
        self.assertEqual(1, self.calls.call('other', abs, 5, -1))

    def test_hung_thread_does_not_keep_the_process_from_ending(self):
        self.assertRaises(bounded.TimedOut, self.calls.call, 'key',
                          self.gate.wait, 0.01)
        own = [thread for thread in threading.enumerate()
               if thread.name == 'failover-bounded']
        self.assertTrue(own)
        self.assertTrue(all(thread.daemon for thread in own))

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

"""Calls that fail, come late, or lose their answer."""

import threading

from cinderclient import exceptions as client_exceptions
import ddt
from keystoneauth1 import exceptions as keystone_exceptions
from nova.volume import cinder as nova_cinder
from oslotest import base

from nova_failover_ext.testing import faults

Call = faults.Call


@ddt.ddt
class TestFaults(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.faults = faults.Faults()
        self.addCleanup(self.faults.clear)
        self.done = []

    def ask(self, call=Call.SHOW_VOLUME, volume_id='v1'):
        with self.faults.around(call, volume_id, 'a1'):
            self.done.append(call)

    def test_all_is_answered_and_logged(self):
        self.ask()
        self.assertEqual([faults.Logged(Call.SHOW_VOLUME, 'v1', 'a1',
                                        'answered')], self.faults.log)

    @ddt.unpack
    @ddt.data(('400', client_exceptions.BadRequest, 400),
              ('401', client_exceptions.Unauthorized, 401),
              ('403', client_exceptions.Forbidden, 403),
              ('404', client_exceptions.NotFound, 404),
              ('409', client_exceptions.ClientException, 409),
              ('500', client_exceptions.ClientException, 500),
              ('503', client_exceptions.ClientException, 503),
              ('504', client_exceptions.ClientException, 504))
    def test_refusal(self, name, kind, code):
        self.faults.fail(Call.SHOW_VOLUME, name)
        error = self.assertRaises(kind, self.ask)
        self.assertEqual(code, error.code)
        self.assertIn('told to by the test', str(error))
        self.assertEqual([], self.done)

    @ddt.unpack
    @ddt.data(('connection', keystone_exceptions.ConnectFailure),
              ('timeout', keystone_exceptions.ConnectTimeout))
    def test_no_answer(self, name, kind):
        self.faults.fail(Call.SHOW_VOLUME, name)
        self.assertRaises(kind, self.ask)
        self.assertEqual([kind.__name__],
                         [logged.outcome for logged in self.faults.log])

    def test_every_error_has_a_test(self):
        self.assertEqual({'400', '401', '403', '404', '409', '500', '503',
                          '504', 'connection', 'timeout'},
                         set(faults.ERRORS))

    def test_an_exception_of_the_test(self):
        self.faults.fail(Call.SHOW_VOLUME, ZeroDivisionError('x'))
        self.assertRaises(ZeroDivisionError, self.ask)

    def test_so_many_times(self):
        self.faults.fail(Call.SHOW_VOLUME, '503', times=2)
        for _ in range(2):
            self.assertRaises(client_exceptions.ClientException, self.ask)
        self.ask()
        self.assertEqual(
            ['ClientException', 'ClientException', 'answered'],
            [logged.outcome for logged in self.faults.log])

    def test_only_this_call_and_this_volume(self):
        self.faults.fail(Call.SHOW_VOLUME, volume_id='v2')
        self.ask()
        self.ask(Call.ATTACHMENT_UPDATE, 'v2')
        self.assertRaises(client_exceptions.ClientException, self.ask,
                          volume_id='v2')
        self.assertEqual(1, len(self.faults.made(Call.SHOW_VOLUME, 'v1')))
        self.assertEqual(2, len(self.faults.made(Call.SHOW_VOLUME)))

    def test_unknown_calls_and_errors_are_refused(self):
        self.assertRaises(ValueError, self.faults.fail, 'show volumes')
        self.assertRaises(ValueError, self.faults.hold, 'show volumes')
        self.assertRaises(KeyError, self.faults.fail, Call.SHOW_VOLUME, '418')

    def test_done_but_the_answer_is_lost(self):
        self.faults.fail(Call.SHOW_VOLUME, 'timeout', done=True)
        self.assertRaises(keystone_exceptions.ConnectTimeout, self.ask)
        self.assertEqual([Call.SHOW_VOLUME], self.done)

    @ddt.data(False, True)
    def test_held(self, done):
        held = self.faults.hold(Call.SHOW_VOLUME, done=done)
        caller = threading.Thread(target=self.ask)
        caller.start()
        self.addCleanup(caller.join)
        held.wait()
        self.assertEqual('pending', self.faults.log[0].outcome)
        self.assertEqual(done, bool(self.done))
        # Only the first was to be held.
        self.ask()
        held.release()
        caller.join()
        self.assertEqual(2, len(self.done))
        self.assertEqual('answered', self.faults.log[0].outcome)

    def test_nobody_calls(self):
        held = self.faults.hold(Call.SHOW_VOLUME)
        self.assertRaises(TimeoutError, held.wait, 0)

    def test_clear(self):
        held = self.faults.hold(Call.SHOW_VOLUME)
        self.faults.fail(Call.ATTACHMENT_DELETE)
        caller = threading.Thread(target=self.ask)
        caller.start()
        held.wait()
        self.faults.clear()
        caller.join()
        self.ask(Call.ATTACHMENT_DELETE)
        self.assertEqual(2, len(self.done))


class TestNovaTranslates(base.BaseTestCase):
    """The errors are those for which Nova has a translation."""

    def test_connection(self):
        @nova_cinder.translate_cinder_exception
        def call(self, context):
            raise faults.ERRORS['connection']()

        self.assertRaises(nova_cinder.exception.CinderConnectionFailed,
                          call, None, None)

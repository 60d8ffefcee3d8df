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

"""What owners and operators can read afterwards."""

from unittest import mock

from nova import context as nova_context
from nova.objects import instance as instance_object
from nova.objects import instance_action as nova_actions
from oslotest import base

from nova_failover_ext.recovery import instance_action
from nova_failover_ext.recovery import record

SERVER = '5d3a2b6e-9c7f-4d39-b6b6-6a6b8d0f0a01'


class Record(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.action = self.patch(
            'nova.objects.InstanceAction', nova_actions.InstanceAction)
        self.event = self.patch(
            'nova.objects.InstanceActionEvent',
            nova_actions.InstanceActionEvent)
        self.context = nova_context.get_admin_context()
        self.instance = mock.create_autospec(
            instance_object.Instance, instance=True, uuid=SERVER)
        patch = mock.patch.object(record.instance_notifications, 'emit',
                                  autospec=True)
        self.addCleanup(patch.stop)
        self.emit = patch.start()

    def phases(self):
        return [call.args[3].value for call in self.emit.mock_calls]

    def patch(self, name, spec):
        patch = mock.patch(name, create=True,
                           new=mock.create_autospec(spec))
        self.addCleanup(patch.stop)
        return patch.start()

    def test_first_attempt_starts_the_action(self):
        self.action.get_by_request_id.return_value = None
        record.Record(self.context, self.instance, 'here')
        self.action.action_start.assert_called_once_with(
            self.context, SERVER, instance_action.ACTION, want_result=False)

    def test_next_attempt_goes_on_with_it(self):
        record.Record(self.context, self.instance, 'here')
        self.action.action_start.assert_not_called()

    def event_of(self, call, *args):
        own = record.Record(self.context, self.instance, 'here')
        getattr(own, call)(*args)
        self.event.return_value.create.assert_called_once_with(
            SERVER, self.context.request_id)
        return self.event.call_args.kwargs

    def test_success_finishes_the_action(self):
        self.assertEqual(instance_action.SUCCESS,
                         self.event_of('succeeded')['result'])
        self.action.action_finish.assert_called_once_with(
            self.context, SERVER, want_result=False)

    def test_deferral(self):
        values = self.event_of('deferred', 'x' * 300)
        self.assertEqual((instance_action.DEFERRED, 'x' * 255),
                         (values['result'], values['details']))
        self.action.action_finish.assert_not_called()

    def test_failure_has_a_traceback_without_secrets(self):
        error = OSError('login with canary')
        values = self.event_of('failed', 'why', error,
                               {'data': {'auth_password': 'canary'}})
        self.assertEqual((instance_action.ERROR, 'why'),
                         (values['result'], values['details']))
        self.assertIn('OSError', values['traceback'])
        self.assertNotIn('canary', values['traceback'])
        self.action.action_finish.assert_not_called()

    def test_notifications_of_a_success(self):
        own = record.Record(self.context, self.instance, 'here')
        own.begun()
        own.succeeded()
        self.assertEqual(['start', 'end'], self.phases())
        self.assertEqual(self.context.request_id,
                         self.emit.call_args.args[4])

    def test_notifications_of_a_failure(self):
        own = record.Record(self.context, self.instance, 'here')
        own.begun()
        own.failed('why', OSError())
        self.assertEqual(['start', 'error'], self.phases())
        self.assertEqual('why', self.emit.call_args.args[5])

    def test_nothing_is_told_of_what_never_began(self):
        record.Record(self.context, self.instance, 'here').deferred('why')
        self.assertEqual([], self.phases())

    def test_what_stays_open_ends_all_the_same(self):
        own = record.Record(self.context, self.instance, 'here')
        own.begun()
        own.deferred('later', done=True)
        self.assertEqual(['start', 'end'], self.phases())

    def test_a_reason_is_one_line(self):
        self.assertEqual(
            'Unexpected error. Command: iscsiadm Stderr: no', record.reason_of(
                OSError('Unexpected error.\nCommand: iscsiadm\n  Stderr: no')))

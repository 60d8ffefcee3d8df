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


"""When the database is read; what is kept of it is its owners' business."""

from unittest import mock

import fixtures
from oslotest import base

from nova_failover_ext.engine import database_copy
from nova_failover_ext import exception

DOWN = exception.DecisionsUnavailable(reason='down')


class DatabaseCopyTest(base.BaseTestCase):
    """With a clock that the test moves."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.now = 100.0
        self.upgrade = mock.create_autospec(lambda: None)
        self.synchronize = mock.create_autospec(lambda leading: None)
        self.copy = database_copy.DatabaseCopy(
            self.upgrade, self.synchronize, lambda: 'all is known',
            lambda: self.now)
        self.copy.lead()

    def test_it_is_read_when_it_is_due(self):
        self.copy.refresh(True)
        self.copy.refresh(True)
        self.synchronize.assert_called_once_with(True)
        self.upgrade.assert_called_once_with()
        self.assertFalse(self.copy.unread())
        self.now += database_copy.INTERVAL
        self.copy.refresh(False)
        self.synchronize.assert_called_with(False)
        self.upgrade.assert_called_once_with()

    def test_who_only_follows_is_not_ready_and_says_nothing(self):
        self.synchronize.side_effect = DOWN
        self.copy.refresh(False)
        self.assertTrue(self.copy.unread())
        self.assertEqual(('', ''), (self.copy.problem, self.log.output))

    def test_it_begins_to_lead_while_it_is_read_for_the_last_time(self):
        self.copy.refresh(True)
        self.now += database_copy.INTERVAL
        self.copy.lead()
        # Who calls has looked before that.
        self.copy.refresh(False)
        self.assertTrue(self.copy.unread())
        self.copy.refresh(True)
        self.assertFalse(self.copy.unread())

    def test_it_is_tried_again_at_once_until_it_was_read(self):
        self.synchronize.side_effect = DOWN
        self.copy.refresh(True)
        self.copy.refresh(True)
        self.assertEqual(2, self.synchronize.call_count)
        self.assertEqual(1, self.log.output.count('all is known'))
        error = self.assertRaises(exception.DecisionsUnavailable,
                                  self.copy.refuse_unread)
        self.assertEqual(str(DOWN), str(error))
        self.synchronize.side_effect = None
        self.copy.refresh(True)
        self.copy.refuse_unread()
        self.assertIn('can be used again', self.log.output)

    def test_what_was_known_is_known_while_it_is_down(self):
        self.copy.ensure_read()
        self.synchronize.side_effect = DOWN
        self.copy.ensure_read()
        self.copy.save()
        self.copy.refuse_unread()
        self.assertFalse(self.copy.unread())
        self.assertEqual(str(DOWN), self.copy.problem)

    def test_a_reading_from_before_it_leads_proves_nothing(self):
        # Another engine may have acted, and an operator told it something,
        # since the statement was sent.
        self.synchronize.side_effect = lambda leading: self.copy.lead()
        self.copy.refresh(True)
        self.assertTrue(self.copy.unread())
        self.synchronize.side_effect = None
        self.copy.refresh(True)
        self.assertFalse(self.copy.unread())

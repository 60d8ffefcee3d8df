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

"""What operators have done, as plain data."""

import datetime

from oslotest import base

from nova_failover_ext.api import acts

SINCE = datetime.datetime(2026, 11, 26, 22, 0, 5)  # noqa: DTZ001


def act(subject='node@rbd', **values):
    """Return a pause that has been asked for."""
    return acts.Act(**{'what': acts.What.PAUSE, 'subject': subject,
                       'who': 'jo@ctl1', 'reason': 'array ill',
                       'since': SINCE, 'key': 'key of %s' % subject,
                       **values})


class ActTest(base.BaseTestCase):
    """Over the bus, and fit for a database."""

    def test_over_the_bus(self):
        self.assertEqual(act(), acts.Act.from_primitive(
            {**act().to_primitive(), 'newer': 1}))

    def test_a_newer_engine_does_more(self):
        self.assertEqual('switch', acts.Act.from_primitive(
            {**act().to_primitive(), 'what': 'switch'}).what)

    def test_any_text_fits(self):
        made = act('x' * 600, reason='a\nb \udc80 \0 c', who='w' * 600)
        self.assertEqual(('x' * 511 + '…', 'a b ? c', 511), (
            made.subject, made.reason, len(made.who)))

    def test_each_has_a_key(self):
        self.assertNotEqual(acts.Act('pause', 'b', 'jo').key,
                            acts.Act('pause', 'b', 'jo').key)

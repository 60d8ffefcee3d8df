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

"""Pauses, as plain data."""

import datetime

import ddt
from oslotest import base

from nova_failover_ext.api import pauses

SINCE = datetime.datetime(2026, 11, 26, 22, 0, 5)  # noqa: DTZ001


def pause(backend='node@rbd', **values):
    """Return a pause by an operator called jo."""
    return pauses.Pause(**{'backend': backend, 'reason': 'array is degraded',
                           'user': 'jo', 'host': 'ctl1', 'since': SINCE,
                           **values})


@ddt.ddt
class PauseTest(base.BaseTestCase):
    """One pause."""

    def test_over_the_bus(self):
        sent = pause().to_primitive()
        self.assertEqual(pause(), pauses.Pause.from_primitive(
            {**sent, 'newer': 1}))

    def test_begins_when_the_engine_is_told(self):
        sent = {**pause().to_primitive(), 'since': None}
        self.assertLess(SINCE, pauses.Pause.from_primitive(sent).since)

    def test_in_words(self):
        self.assertEqual(
            'Recoveries of node@rbd are paused by jo@ctl1 since '
            '2026-11-26T22:00:05+00:00: array is degraded', str(pause()))
        self.assertIn('of every backend are', str(pause('')))

    def test_the_reason_is_one_line(self):
        self.assertEqual('a b', pause(reason=' a\n\tb ').reason)

    @ddt.data({'reason': ''}, {'reason': ' \n'}, {'reason': 'x' * 1001},
              {'user': 'x' * 256}, {'host': 'x' * 256},
              {'backend': 'x' * 256})
    def test_nonsense(self, values):
        self.assertRaises(ValueError, pause(**values).check)
        # What is in effect already is obeyed.
        sent = pause(**values).to_primitive()
        self.assertEqual(pause(**values), pauses.Pause.from_primitive(sent))

    def test_a_sender_that_says_nothing(self):
        self.assertRaises(ValueError, pauses.Pause.from_primitive({}).check)

    def test_what_makes_sense(self):
        pause('').check()

    @ddt.data(('a', ['', 'a']), ('b', ['', 'b']), ('c', ['']),
              ('', ['', 'a', 'b']))
    @ddt.unpack
    def test_applying(self, backend, expected):
        found = pauses.applying(map(pause, ('b', 'a', '')), backend)
        self.assertEqual(expected, [one.backend for one in found])

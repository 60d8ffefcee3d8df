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

"""What is excluded, as plain data."""

import datetime

import ddt
from oslotest import base

from nova_failover_ext.api import exclusions

Kind = exclusions.Kind
SINCE = datetime.datetime(2026, 11, 26, 22, 0, 5)  # noqa: DTZ001
UNTIL = SINCE + datetime.timedelta(days=1)


def exclusion(target='server', kind=Kind.SERVER, **values):
    """Return an exclusion by an operator called jo."""
    return exclusions.Exclusion(**{
        'kind': kind, 'target': target, 'name': '', 'reason': 'is migrated',
        'user': 'jo', 'host': 'ctl1', 'since': SINCE, **values})


def said(*several):
    """Return what an engine says of exclusions."""
    return {'exclusions': [one.to_primitive() for one in several]}


@ddt.ddt
class ExclusionTest(base.BaseTestCase):
    """One exclusion."""

    def test_over_the_bus(self):
        sent = exclusion('1', Kind.AGGREGATE, name='racks', until=UNTIL,
                         hosts=frozenset({'a', 'b'}))
        self.assertEqual(sent, exclusions.Exclusion.from_primitive(
            {**sent.to_primitive(), 'newer': 1}))

    def test_begins_when_the_engine_is_told(self):
        sent = {**exclusion().to_primitive(), 'since': None}
        self.assertLess(SINCE, exclusions.Exclusion.from_primitive(
            sent).since)

    def test_in_words(self):
        self.assertEqual(
            'Server server is excluded from recovery by jo@ctl1 since '
            '2026-11-26T22:00:05+00:00: is migrated', str(exclusion()))
        self.assertEqual(
            'Availability zone az1 is excluded from recovery by jo@ctl1 '
            'since 2026-11-26T22:00:05+00:00 until '
            '2026-11-27T22:00:05+00:00: is migrated',
            str(exclusion('az1', Kind.ZONE, until=UNTIL)))
        self.assertEqual('project demo (p1)', exclusion(
            'p1', Kind.PROJECT, name='demo').subject)

    def test_the_reason_is_one_line(self):
        self.assertEqual('a b', exclusion(reason=' a\n\tb ').reason)

    @ddt.data({'target': ''}, {'reason': ' \n'}, {'reason': 'x' * 1001},
              {'user': 'x' * 256}, {'host': 'x' * 256}, {'name': 'x' * 256},
              {'target': 'x' * 256}, {'until': SINCE})
    def test_nonsense(self, values):
        self.assertRaises(ValueError, exclusion(**values).check)

    @ddt.data({}, {'kind': 'cell', 'target': 'x', 'reason': 'y'},
              {'kind': 'host', 'until': 'soon'})
    def test_a_sender_that_says_nonsense(self, primitive):
        self.assertRaises(ValueError, exclusions.Exclusion.from_primitive,
                          primitive)

    def test_the_end(self):
        self.assertFalse(exclusion().over(UNTIL))
        ending = exclusion(until=UNTIL)
        self.assertFalse(ending.over(SINCE))
        self.assertTrue(ending.over(UNTIL))
        self.assertEqual('2026-11-27T22:00:05+00:00', ending.end)


@ddt.ddt
class ExclusionsTest(base.BaseTestCase):
    """Those in effect."""

    def setUp(self):
        super().setUp()
        self.current = exclusions.Exclusions((
            exclusion('az1', Kind.ZONE, hosts=frozenset({'h2'})),
            exclusion('7', Kind.AGGREGATE, name='racks',
                      hosts=frozenset({'h3'})),
            exclusion('h1', Kind.HOST), exclusion('p1', Kind.PROJECT),
            exclusion('s1', name='twin'), exclusion('s2', name='twin')))

    @ddt.data((('s1', 'p1', 'h1'), 's1'), (('s', 'p1', 'h1'), 'p1'),
              (('s', 'p', 'h1'), 'h1'), (('s', 'p', 'h2'), 'az1'),
              (('s', 'p', 'h3'), '7'), (('s', 'p', 'h'), None),
              (('s', 'p', None), None), (('p1', 'h1', 's1'), None))
    @ddt.unpack
    def test_covering(self, server, expected):
        found = self.current.covering(*server)
        self.assertEqual(expected, found and found.target)

    @ddt.data((Kind.AGGREGATE, 'racks', '7'), (Kind.AGGREGATE, '7', '7'),
              (Kind.SERVER, 's2', 's2'), (Kind.SERVER, 'twin', None),
              (Kind.HOST, 'racks', None))
    @ddt.unpack
    def test_named(self, kind, text, expected):
        found = self.current.named(kind, text)
        self.assertEqual(expected, found and found.target)

    def test_in_order(self):
        self.assertEqual(['s1', 's2', 'p1', 'h1', '7', 'az1'],
                         [one.target for one in self.current.all()])

    def test_over_the_bus(self):
        self.assertEqual(self.current, exclusions.Exclusions.from_health(
            said(*self.current.all())))
        self.assertEqual(exclusions.Exclusions(),
                         exclusions.Exclusions.from_health({}))
        self.assertNotEqual(self.current, exclusions.Exclusions())

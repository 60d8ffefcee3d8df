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

"""Points in time on the command line."""

import argparse
import datetime

import ddt
from oslo_utils import timeutils
import testtools

from nova_failover_ext.cli import times

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)


@ddt.ddt
class MomentTest(testtools.TestCase):
    """What an operator may write."""

    @ddt.data(('90m', 90), ('2h', 120), ('1d', 1440))
    @ddt.unpack
    def test_a_while(self, text, minutes):
        before = timeutils.utcnow(with_timezone=True)
        found = times.moment(text) + datetime.timedelta(minutes=minutes)
        self.assertLessEqual(abs(found - before),
                             datetime.timedelta(minutes=1))

    def test_a_while_from_now(self):
        before = timeutils.utcnow(with_timezone=True)
        found = times.deadline('2h') - datetime.timedelta(hours=2)
        self.assertLessEqual(abs(found - before),
                             datetime.timedelta(minutes=1))
        self.assertEqual(NOW, times.deadline('2026-11-23T12:00'))
        self.assertRaises(argparse.ArgumentTypeError, times.deadline, '3w')

    @ddt.data('2026-11-23T12:00:00', '2026-11-23T12:00:00+00:00',
              '2026-11-23T13:00:00+01:00', '2026-11-23T12:00')
    def test_a_time(self, text):
        self.assertEqual(NOW, times.moment(text))

    @ddt.data('soon', '', '12', '3w', '2026-13-01', '-1d')
    def test_nonsense(self, text):
        self.assertRaises(argparse.ArgumentTypeError, times.moment, text)

    def test_shown(self):
        self.assertEqual('2026-11-23T12:00:00+00:00', times.shown(NOW))
        self.assertEqual('', times.shown(None))

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

"""The table of the benchmark."""

import testtools

from bench.recovery import comparison
from bench.recovery import summary


class TableTest(testtools.TestCase):
    """Times and what is left behind, from plain data."""

    core = True

    def test_rows(self) -> None:
        """The last server counts; one that is not healed has no time."""
        ours = comparison.Outcome('ours', 0, (
            comparison.Healed(10, 12, 4), comparison.Healed(20, 18, 5)), '')
        other = comparison.Outcome('other', 90, (
            comparison.Healed(None, 50, 40), comparison.Healed(None, 80)), '')
        self.assertEqual(
            [('ours', '20.0', '1.00', '2 of 2', '0', '0', '4.5 / 5.0',
              '11.5 / 15.0'),
             ('other', '90.0', '4.50', '0 of 2', '2', '0', '40.0 / 40.0',
              '-')], summary.rows([ours, other]))

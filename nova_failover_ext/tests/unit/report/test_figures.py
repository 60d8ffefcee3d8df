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


"""Percentiles, bins and scales, by tables."""

import random

import ddt
from oslotest import base

from nova_failover_ext.report import figures
from nova_failover_ext.report import svg


@ddt.ddt
class FiguresTest(base.BaseTestCase):

    @ddt.data(([5.0], 50, 5.0), ([1, 2, 3, 4], 50, 2), ([4, 3, 2, 1], 75, 3),
              ([1, 2, 3, 4], 100, 4), ([1, 2, 3, 4], 1e-9, 1),
              (range(1, 101), 95, 95), (range(1, 101), 99.5, 100))
    @ddt.unpack
    def test_percentile(self, values, percent, expected):
        self.assertEqual(expected, figures.percentile(values, percent))

    @ddt.data((0, '0 s'), (0.04, '0 s'), (4.25, '4.2 s'), (5.0, '5 s'),
              (59.6, '1 min'), (72, '1 min 12 s'), (3600, '1 h'),
              (3660, '1 h 1 min'), (86399, '23 h 59 min'),
              (90000, '1 d 1 h'))
    @ddt.unpack
    def test_duration(self, seconds, expected):
        self.assertEqual(expected, figures.duration(seconds))

    @ddt.data((0, 0, '0 %'), (0, 5, '0 %'), (5, 5, '100 %'),
              (9999, 10000, '99.9 %'), (1, 100000, '0.1 %'),
              (1, 3, '33.3 %'), (1, 2, '50 %'))
    @ddt.unpack
    def test_share(self, part, whole, expected):
        self.assertEqual(expected, figures.share(part, whole))

    @ddt.data((0, 2), (1, 2), (3, 4), (9, 10), (10, 10), (11, 20),
              (47, 50), (484, 500), (10000, 10000))
    @ddt.unpack
    def test_ceiling(self, count, expected):
        self.assertEqual(expected, figures.ceiling(count))

    def test_bins_hold_every_value(self):
        dice = random.Random(3)
        for number in range(1, 200):
            values = [dice.expovariate(1 / number) for _ in range(number)]
            bins = figures.histogram(values)
            self.assertEqual(number, sum(bins.counts) + bins.beyond)
            self.assertLessEqual(len(bins.counts), 24)

    def test_an_edge_belongs_to_the_bin_that_ends_there(self):
        self.assertEqual((1, 1, 1),
                         figures.histogram([0.0, 2.0, 3.0]).counts)

    def test_stragglers_are_beyond(self):
        bins = figures.histogram([10.0] * 99 + [4000.0])
        self.assertEqual((99, 1), (sum(bins.counts), bins.beyond))
        self.assertEqual(10.0, bins.end)

    def test_nothing(self):
        self.assertEqual((0,), figures.histogram([]).counts)

    def test_longer_than_any_step(self):
        self.assertEqual(24, len(figures.histogram(
            [86400.0 * 100, 0.5]).counts))

    @ddt.data((4, [0, 1, 2, 3, 4]), (48, [0, 10, 20, 30, 40]),
              (240, [0, 60, 120, 180, 240]), (0.5, [0]))
    @ddt.unpack
    def test_ticks(self, end, expected):
        self.assertEqual(expected, figures.ticks(end))

    def test_curve(self):
        self.assertEqual([(0.0, 0), (1.0, 1), (4.0, 2), (5.0, 2)],
                         figures.curve([4.0, 1.0, 9.0], 5.0))


class SvgTest(base.BaseTestCase):

    def test_bars(self):
        self.assertEqual('M0 500h420v500h-420z', svg.bars((1, 0), 2, 2))

    def test_last_bar(self):
        self.assertEqual('M500 0h420v1000h-420z', svg.last_bar(2, 2, 2))
        self.assertEqual('', svg.last_bar(0, 2, 2))

    def test_stairs(self):
        line, area = svg.stairs([(0.0, 0), (1.0, 1), (1.0, 2), (2.0, 2)],
                                2.0, 2)
        self.assertEqual('M0 1000H500V0H1000V0', line)
        self.assertEqual(line + 'V1000H0Z', area)

    def test_many_at_the_begin(self):
        line, _area = svg.stairs([(0.0, 0), (0.0, 1), (2.0, 1)], 2.0, 2)
        self.assertEqual('M0 1000V500H1000V500', line)

    def test_place(self):
        self.assertEqual([0.0, 25.0, 100.0, 0.0], [
            svg.place(-1, 4), svg.place(1, 4), svg.place(9, 4),
            svg.place(1, 0)])

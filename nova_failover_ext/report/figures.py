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


"""Figures of a report: percentiles, bins, scales, durations; all pure."""

from collections.abc import Sequence
import dataclasses
import math

#: Widths of bins and distances of ticks in seconds that people can read.
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
         21600, 43200, 86400)
_BINS = 24
_TICKS = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Histogram:
    """How often which duration occurred.

    :ivar width: of a bin, in seconds
    :ivar counts: of each bin from 0 on
    :ivar beyond: values that are longer than all bins
    """

    width: float
    counts: tuple[int, ...]
    beyond: int = 0

    @property
    def end(self) -> float:
        """The end of the last bin, in seconds."""
        return self.width * len(self.counts)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent do not exceed.

    :param values: at least one, in any order
    :param percent: above 0, up to 100
    """
    ordered = sorted(values)
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


def histogram(values: Sequence[float]) -> Histogram:
    """Sort durations into bins of a readable width.

    The bins end where 2 percent are left, so that a few stragglers do not
    squeeze all others into one bin.
    """
    if not values:
        return Histogram(STEPS[0], (0,))
    longest = percentile(values, 98)
    if max(values) <= 1.5 * longest:
        longest = max(values)
    width = next((step for step in STEPS if longest / step <= _BINS),
                 math.ceil(longest / _BINS))
    counts = [0] * max(1, math.ceil(longest / width))
    beyond = 0
    for value in values:
        # A value on an edge belongs to the bin that ends there.
        number = max(0, math.ceil(value / width) - 1)
        if number < len(counts):
            counts[number] += 1
        else:
            beyond += 1
    return Histogram(width, tuple(counts), beyond)


def curve(values: Sequence[float], end: float) -> list[tuple[float, int]]:
    """Return how many durations had passed when, up to ``end``."""
    ordered = [value for value in sorted(values) if value <= end]
    return [(0.0, 0), *((value, number)
                        for number, value in enumerate(ordered, 1)),
            (end, len(ordered))]


def ticks(end: float) -> list[float]:
    """Return a few round durations from 0 up to ``end``."""
    step = next((s for s in STEPS if end / s <= _TICKS),
                math.ceil(end / _TICKS))
    return [step * number for number in range(int(end / step) + 1)]


def ceiling(count: int) -> int:
    """Return a round number that is not below a count, and even."""
    size = 1
    while True:
        for factor in (2, 4, 6, 8, 10):
            if factor * size >= count:
                return factor * size
        size *= 10 if size > 1 else 5


def duration(seconds: float) -> str:
    """Return a duration as people say it, with two units at most."""
    whole = round(seconds)
    if seconds < 10 and round(seconds, 1) != whole:
        return '%.1f s' % seconds
    if whole < 60:
        return '%d s' % whole
    if whole < 3600:
        return _two(whole, 60, 'min', 's')
    if whole < 86400:
        return _two(whole // 60, 60, 'h', 'min')
    return _two(whole // 3600, 24, 'd', 'h')


def _two(number: int, base: int, large: str, small: str) -> str:
    rest = ' %d %s' % (number % base, small) if number % base else ''
    return '%d %s%s' % (number // base, large, rest)


def share(part: int, whole: int) -> str:
    """Return a share in percent; never 100 or 0 for almost."""
    if not whole or part in (0, whole):
        return '100 %' if whole and part == whole else '0 %'
    percent = min(99.9, max(0.1, 100 * part / whole))
    return '%s %%' % ('%.1f' % percent).removesuffix('.0')

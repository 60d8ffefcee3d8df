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


"""Pictures as data of SVG paths, in a field of 1000 by 1000.

The page stretches the field to the place it has; labels are text beside it,
so that they are as large on a phone as on paper.
"""

from collections.abc import Iterable, Sequence

from nova_failover_ext.report import figures

#: Width and height of the field.
SIZE = 1000


def bars(counts: Sequence[int], top: int, slots: int) -> str:
    """Return bars that stand side by side.

    :param counts: their heights
    :param top: what reaches to the upper edge
    :param slots: places from the left to the right edge
    """
    wide = SIZE / slots
    return ''.join(
        _box(number * wide, SIZE - SIZE * count / top, wide * .84,
             SIZE * count / top)
        for number, count in enumerate(counts) if count)


def last_bar(count: int, top: int, slots: int) -> str:
    """Return a bar in the last place, for what is beyond the others."""
    wide = SIZE / slots
    return _box(SIZE - wide, SIZE - SIZE * count / top, wide * .84,
                SIZE * count / top) if count else ''


def stairs(points: Iterable[tuple[float, int]], end: float,
           top: int) -> tuple[str, str]:
    """Return a curve that goes up in steps, and the area under it.

    :param points: time and height, in the order of time
    :param end: the time of the right edge
    :param top: the height of the upper edge
    """
    parts: list[str] = []
    last = None
    for when, height in points:
        x, y = _number(SIZE * when / end), _number(SIZE - SIZE * height / top)
        if parts and x == last:
            # Many at once: only the last step can be seen.
            parts[-1] = 'V%s' % y
            continue
        parts += ['H%s' % x, 'V%s' % y] if parts else ['M%s %s' % (x, y), '']
        last = x
    line = ''.join(parts)
    return line, '%sV%dH0Z' % (line, SIZE)


def place(value: float, end: float) -> float:
    """Return where a value is between left and right edge, in percent."""
    return round(100 * min(1.0, max(0.0, value / end)), 2) if end else 0.0


def axis(end: float, right: float = 100.0) -> list[tuple[float, str]]:
    """Return where labels of an axis are, in percent, and their texts.

    :param right: where ``end`` is, in percent
    """
    return [(round(place(tick, end) * right / 100, 2),
             figures.duration(tick) if tick else '0')
            for tick in figures.ticks(end)]


def _box(x: float, y: float, width: float, height: float) -> str:
    return 'M%s %sh%sv%sh-%sz' % tuple(
        _number(value) for value in (x, y, width, height, width))


def _number(value: float) -> str:
    return ('%.1f' % value).removesuffix('.0')
